/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and merges histograms. What is on the I/O path is in hist.h.
 */
#include "perf/hist.h"

#define HIST_WHOLE 100000

const struct hist_percentile hist_percentiles[HIST_NR_PERCENTILES] = {
	{ "50", 50000 },   { "75", 75000 },    { "90", 90000 },
	{ "95", 95000 },   { "99", 99000 },    { "99.5", 99500 },
	{ "99.9", 99900 }, { "99.99", 99990 }, { "99.999", 99999 },
};

uint64_t hist_bucket_last(unsigned int bucket)
{
	unsigned int shift = 0;
	uint64_t high = bucket;

	if (bucket >= 2U << HIST_SUB_SHIFT) {
		shift = (bucket >> HIST_SUB_SHIFT) - 1;
		high = bucket - (shift << HIST_SUB_SHIFT);
	}
	/* In this order, for the end of the last bucket is the largest number there is. */
	return (high << shift) + ((UINT64_C(1) << shift) - 1);
}

void hist_merge(struct hist *to, const struct hist *from)
{
	unsigned int i;

	for (i = 0; i < HIST_NR_BUCKETS; i++)
		to->count[i] += from->count[i];
}

uint64_t hist_total(const struct hist *hist)
{
	uint64_t total = 0;
	unsigned int i;

	for (i = 0; i < HIST_NR_BUCKETS; i++)
		total += hist->count[i];
	return total;
}

uint64_t hist_value_at(const struct hist *hist, uint32_t share)
{
	unsigned __int128 part = (unsigned __int128)hist_total(hist) * share;
	uint64_t rank = (uint64_t)((part + HIST_WHOLE - 1) / HIST_WHOLE);
	uint64_t seen = 0;
	unsigned int i;

	for (i = 0; i < HIST_NR_BUCKETS; i++) {
		seen += hist->count[i];
		if (seen && seen >= rank)
			return hist_bucket_last(i);
	}
	return 0;
}
