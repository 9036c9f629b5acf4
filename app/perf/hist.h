/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A histogram of latencies in nanoseconds: 64 buckets to each power of two, so that a value is
 * known to 1/64 of itself (1.6 %) over the whole range of 64 bits, in 30 KB.
 *
 * Values below 128 are exact. One thread adds; reading and merging happen when nobody adds.
 */
#ifndef PERF_HIST_H
#define PERF_HIST_H

#include <stdint.h>

#define HIST_SUB_SHIFT  6
#define HIST_NR_BUCKETS ((64 - HIST_SUB_SHIFT + 1) << HIST_SUB_SHIFT)

struct hist {
	uint64_t count[HIST_NR_BUCKETS];
};

/* A percentile that is reported: its name, and its share in 1/100,000. */
struct hist_percentile {
	const char *name;
	uint32_t share;
};

#define HIST_NR_PERCENTILES 9
extern const struct hist_percentile hist_percentiles[HIST_NR_PERCENTILES];

/*
 * The bucket is made of the seven highest bits of the value and of how far they were shifted down.
 * The | keeps the shift at 0 for small values, which are their own bucket.
 */
static inline unsigned int hist_bucket(uint64_t value)
{
	unsigned int shift =
		63 - HIST_SUB_SHIFT - (unsigned int)__builtin_clzll(value | (1 << HIST_SUB_SHIFT));

	return (shift << HIST_SUB_SHIFT) + (unsigned int)(value >> shift);
}

static inline void hist_add(struct hist *hist, uint64_t value)
{
	hist->count[hist_bucket(value)]++;
}

/* The largest value that falls into a bucket. */
uint64_t hist_bucket_last(unsigned int bucket);

/* Adds everything in @from to @to. */
void hist_merge(struct hist *to, const struct hist *from);

uint64_t hist_total(const struct hist *hist);

/*
 * The value that @share of 100,000 values do not exceed (nearest rank), rounded up to the end of
 * its bucket: never too low, and at most 1/64 too high. Return: 0 when the histogram is empty.
 */
uint64_t hist_value_at(const struct hist *hist, uint32_t share);

#endif
