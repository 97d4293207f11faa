/* Four early and four late CPUs, bit operations only, in one loop that the compiler turns into vectors. */
#include "judged.h"

#define INLINE static inline __attribute__((always_inline))

/* All lengths up to the largest of a set: bit n is set if any bit from n on is. */
INLINE vqs_t smear(vqs_t vqs)
{
	vqs |= vqs >> 1;
	vqs |= vqs >> 2;
	vqs |= vqs >> 4;
	return vqs | vqs >> 8;
}

/* A mask of all ones if a set is not empty. */
INLINE uint16_t when(vqs_t vqs)
{
	return vqs ? 0xffff : 0;
}

/* The lengths of a CPU that do not fit a buffer. */
INLINE uint16_t save(vqs_t own, vqs_t fits)
{
	return own & ~fits;
}

INLINE uint16_t late(vqs_t own, vqs_t has, vqs_t vq_map, vqs_t never, uint16_t accepted, uint16_t refused)
{
	/*
	 * A CPU is refused if it lacks a shared length or has one that it may not have. The last term is for a CPU without
	 * SVE where no length is shared: it lacks none, and is refused all the same.
	 */
	uint16_t fails = has & (when((vq_map & ~own) | (own & never)) | when(!own));

	return (fails & refused) | (~fails & accepted);
}

void judge(const struct parameters *p, vqs_t *const *cpus, uint16_t *restrict words, long rows)
{
	const vqs_t *restrict a = cpus[0], *restrict b = cpus[1], *restrict c = cpus[2], *restrict d = cpus[3];
	const vqs_t *restrict e = cpus[4], *restrict f = cpus[5], *restrict g = cpus[6], *restrict h = cpus[7];
	const uint16_t accepted = p->accepted, refused = p->refused, on_exceeding = p->on_exceeding;

	for (long row = 0; row < rows; row++) {
		vqs_t vq_map = a[row] & b[row] & c[row] & d[row];
		vqs_t seen = a[row] | b[row] | c[row] | d[row];
		vqs_t has = when(a[row]) & when(b[row]) & when(c[row]) & when(d[row]);
		vqs_t fits = smear(vq_map);
		vqs_t partial = seen & ~vq_map;
		/* Below the smallest length that only some CPUs have, and below the largest shared: max_virtualisable_vl. */
		vqs_t never = (vqs_t)((partial & -partial) - 1) & fits & ~vq_map;
		uint16_t word = late(e[row], has, vq_map, never, accepted, refused);
		vqs_t beyond = save(seen, fits);
		uint16_t in_e = word & accepted ? e[row] & ~fits : 0;
		uint16_t in_f, in_g, in_h, one;

		one = late(f[row], has, vq_map, never, accepted, refused);
		in_f = one & accepted ? f[row] & ~fits : 0;
		word |= one;
		one = late(g[row], has, vq_map, never, accepted, refused);
		in_g = one & accepted ? g[row] & ~fits : 0;
		word |= one;
		one = late(h[row], has, vq_map, never, accepted, refused);
		in_h = one & accepted ? h[row] & ~fits : 0;
		word |= one;
		beyond |= in_e | in_f | in_g | in_h;
		words[row] = word | (when(beyond) & has & when(vq_map) & on_exceeding);
	}
}
