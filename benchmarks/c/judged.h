/* What both programs judge: early CPUs first, then late ones, a column of sets each. */
#include <stdint.h>

typedef uint16_t vqs_t;

struct parameters {
	int cpus, early;
	uint16_t on_exceeding, accepted, refused;
};

void judge(const struct parameters *p, vqs_t *const *cpus, uint16_t *words, long rows);
