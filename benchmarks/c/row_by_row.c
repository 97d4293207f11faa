/* One system after another, with plain branches, as a kernel developer would write it first. */
#include "judged.h"

static int largest(vqs_t vqs)
{
	return vqs ? 32 - __builtin_clz(vqs) : 0;
}

static int smallest(vqs_t vqs)
{
	return vqs ? __builtin_ctz(vqs) + 1 : 17;
}

static vqs_t up_to(int vq)
{
	return (vqs_t)((1u << vq) - 1);
}

static uint16_t save(vqs_t own, int buffer_vq, const struct parameters *p)
{
	if (buffer_vq && largest(own) > buffer_vq)
		return p->on_exceeding;
	return 0;
}

void judge(const struct parameters *p, vqs_t *const *cpus, uint16_t *words, long rows)
{
	for (long row = 0; row < rows; row++) {
		vqs_t vq_map = cpus[0][row], seen = vq_map;
		int has = vq_map != 0;

		for (int cpu = 1; cpu < p->early; cpu++) {
			vqs_t own = cpus[cpu][row];

			vq_map &= own;
			seen |= own;
			if (!own)
				has = 0;
		}

		int bound = smallest(seen & ~vq_map) - 1;
		if (bound > largest(vq_map))
			bound = largest(vq_map);
		int buffer_vq = has ? largest(vq_map) : 0;
		uint16_t word = 0;

		for (int cpu = 0; cpu < p->early; cpu++)
			word |= save(cpus[cpu][row], buffer_vq, p);
		for (int cpu = p->early; cpu < p->cpus; cpu++) {
			vqs_t own = cpus[cpu][row];
			int refused = 0;

			if (has) {
				if (!own)
					refused = 1;
				else if (vq_map & ~own)
					refused = 1;
				else if (own & ~vq_map & up_to(bound))
					refused = 1;
			}
			if (refused)
				word |= p->refused;
			else
				word |= p->accepted | save(own, buffer_vq, p);
		}
		words[row] = word;
	}
}
