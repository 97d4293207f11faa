/* What both programs judge: a column of sets for each CPU, the early CPUs first. Bit n of a set is VQ n + 1. */
#include <stdint.h>

typedef uint16_t vqs_t;

struct parameters {
	int cpus, early;
	uint16_t on_exceeding, accepted, refused;
};

/* Write a word for each row: the bits `accepted` and `refused` of late CPUs, and `on_exceeding` of saves. */
void judge(const struct parameters *p, vqs_t *const *cpus, uint16_t *words, long rows);
