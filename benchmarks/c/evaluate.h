/* The function of both programs: a column of sets for each CPU, early CPUs first, then late CPUs. */
#include <stdint.h>

typedef uint16_t vqs_t;

struct parameters {
	int cpus, early;
	uint16_t on_exceeding, accepted, refused;
};

void evaluate(const struct parameters *p, vqs_t *const *cpus, uint16_t *words, long rows);
