/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The random numbers of one queue pair: a counter behind a mixing function (SplitMix64), 8 bytes of
 * state, about a nanosecond a number. Good enough to spread I/O; not for secrets.
 *
 * One thread at a time. No division: ranges are cut by multiplying, see rng_below().
 */
#ifndef PERF_RNG_H
#define PERF_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

/* The golden ratio's odd 64-bit fraction: the counter visits all 2^64 states. */
#define RNG_STEP UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t rng_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static inline uint64_t rng_next(struct rng *rng)
{
	rng->state += RNG_STEP;
	return rng_mix(rng->state);
}

/*
 * Streams of one seed differ in where they begin on the counter's circle, which mixing makes as
 * good as random: they overlap only after far more numbers than a run draws.
 */
static inline void rng_seed(struct rng *rng, uint64_t seed, uint64_t stream)
{
	rng->state = rng_mix(rng_mix(seed + RNG_STEP) + stream * RNG_STEP);
}

/* 0 to n - 1, for n > 0: the high half of a product, so that each has the same share to n/2^64. */
static inline uint64_t rng_below(struct rng *rng, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)rng_next(rng) * n) >> 64);
}

#endif
