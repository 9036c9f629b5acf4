/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The latency histogram of nvme_perf: where values go, how far off what comes out is.
 */
#include <stdlib.h>
#include <string.h>
#include "perf/hist.h"
#include "perf/rng.h"
#include "tap.h"

static struct hist hist;

static void clear(struct hist *h)
{
	memset(h, 0, sizeof(*h));
}

/* A bucket holds its values, ends at most 1/64 above each, and the next begins right behind it. */
static void check_value(uint64_t value)
{
	unsigned int bucket = hist_bucket(value);
	uint64_t last = hist_bucket_last(bucket);

	CU_ASSERT(bucket < HIST_NR_BUCKETS);
	CU_ASSERT(last >= value);
	CU_ASSERT(last - value <= value / 64);
	CU_ASSERT_EQUAL(hist_bucket(last), bucket);
	if (last != UINT64_MAX)
		CU_ASSERT_EQUAL(hist_bucket(last + 1), bucket + 1);
}

static void small_values_are_exact(void)
{
	uint64_t value;

	for (value = 0; value < 128; value++) {
		CU_ASSERT_EQUAL(hist_bucket(value), value);
		CU_ASSERT_EQUAL(hist_bucket_last((unsigned int)value), value);
	}
	CU_ASSERT_EQUAL(hist_bucket(128), 128);
	CU_ASSERT_EQUAL(hist_bucket(129), 128);
	CU_ASSERT_EQUAL(hist_bucket(130), 129);
}

static void error_is_bounded(void)
{
	struct rng rng;
	unsigned int shift, i;

	rng_seed(&rng, 1, 0);
	for (shift = 0; shift < 64; shift++) {
		uint64_t power = UINT64_C(1) << shift;

		check_value(power);
		check_value(power - 1);
		check_value(power + 1);
		for (i = 0; i < 1000; i++)
			check_value(power | (rng_next(&rng) & (power - 1)));
	}
}

static void huge_values_fit(void)
{
	clear(&hist);
	CU_ASSERT_EQUAL(hist_bucket(UINT64_MAX), HIST_NR_BUCKETS - 1);
	CU_ASSERT_EQUAL(hist_bucket_last(HIST_NR_BUCKETS - 1), UINT64_MAX);
	hist_add(&hist, UINT64_MAX);
	hist_add(&hist, 0);
	CU_ASSERT_EQUAL(hist_value_at(&hist, 50000), 0);
	CU_ASSERT_EQUAL(hist_value_at(&hist, 99999), UINT64_MAX);
	CU_ASSERT(sizeof(hist) < 31 * 1024);
}

static void empty_has_no_percentiles(void)
{
	clear(&hist);
	CU_ASSERT_EQUAL(hist_total(&hist), 0);
	CU_ASSERT_EQUAL(hist_value_at(&hist, 50000), 0);
	CU_ASSERT_EQUAL(hist_value_at(&hist, 99999), 0);
}

static void one_value_is_every_percentile(void)
{
	unsigned int i;

	clear(&hist);
	hist_add(&hist, 100);
	for (i = 0; i < HIST_NR_PERCENTILES; i++)
		CU_ASSERT_EQUAL(hist_value_at(&hist, hist_percentiles[i].share), 100);
	CU_ASSERT_EQUAL(hist_value_at(&hist, 0), 100);
	CU_ASSERT_EQUAL(hist_value_at(&hist, 100000), 100);
}

/* Where nearest rank changes from one value to the next. */
static void ranks_are_exact(void)
{
	uint64_t value;

	clear(&hist);
	for (value = 1; value <= 100; value++)
		hist_add(&hist, value);
	CU_ASSERT_EQUAL(hist_value_at(&hist, 50000), 50);
	CU_ASSERT_EQUAL(hist_value_at(&hist, 50001), 51);
	CU_ASSERT_EQUAL(hist_value_at(&hist, 99000), 99);
	CU_ASSERT_EQUAL(hist_value_at(&hist, 99500), 100);
	CU_ASSERT_EQUAL(hist_value_at(&hist, 1), 1);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The value of nearest rank, found the slow way. */
static uint64_t sorted_value_at(const uint64_t *values, size_t nr, uint32_t share)
{
	size_t rank = (nr * share + 99999) / 100000;

	return values[rank ? rank - 1 : 0];
}

static void agrees_with_a_sorted_array(void)
{
	enum { NR = 200000 };
	uint64_t *values = malloc(NR * sizeof(*values));
	struct rng rng;
	unsigned int i;

	CU_ASSERT_PTR_NOT_NULL_FATAL(values);
	clear(&hist);
	rng_seed(&rng, 2, 0);
	for (i = 0; i < NR; i++) {
		/* Like latencies: a body around 10 us and a long tail. */
		values[i] = 8000 + rng_below(&rng, 4000) +
			    (rng_below(&rng, UINT64_C(1) << 40) >> rng_below(&rng, 40));
		hist_add(&hist, values[i]);
	}
	qsort(values, NR, sizeof(*values), compare);
	CU_ASSERT_EQUAL(hist_total(&hist), NR);
	for (i = 0; i < HIST_NR_PERCENTILES; i++) {
		uint64_t want = sorted_value_at(values, NR, hist_percentiles[i].share);
		uint64_t got = hist_value_at(&hist, hist_percentiles[i].share);

		CU_ASSERT(got >= want);
		CU_ASSERT(got - want <= want / 64);
	}
	free(values);
}

static void merging_is_adding(void)
{
	static struct hist part, both;
	struct rng rng;
	unsigned int i;

	clear(&hist);
	clear(&part);
	clear(&both);
	rng_seed(&rng, 3, 0);
	for (i = 0; i < 10000; i++) {
		uint64_t value = rng_next(&rng) >> rng_below(&rng, 64);

		hist_add(i % 3 ? &hist : &part, value);
		hist_add(&both, value);
	}
	hist_merge(&hist, &part);
	CU_ASSERT_EQUAL(hist_total(&hist), 10000);
	CU_ASSERT_EQUAL(memcmp(&hist, &both, sizeof(hist)), 0);
	clear(&part);
	hist_merge(&hist, &part);
	CU_ASSERT_EQUAL(memcmp(&hist, &both, sizeof(hist)), 0);
}

static void percentiles_have_their_names(void)
{
	unsigned int i;

	for (i = 0; i < HIST_NR_PERCENTILES; i++) {
		double share = strtod(hist_percentiles[i].name, NULL) * 1000;

		CU_ASSERT_EQUAL((uint32_t)(share + 0.5), hist_percentiles[i].share);
	}
}

static const struct tap_test tests[] = {
	{ "small values are exact", small_values_are_exact },
	{ "the error is 1/64 at most, over all 64 bits", error_is_bounded },
	{ "0 and the largest number", huge_values_fit },
	{ "an empty histogram", empty_has_no_percentiles },
	{ "a single value", one_value_is_every_percentile },
	{ "ranks are exact", ranks_are_exact },
	{ "percentiles of a sorted array", agrees_with_a_sorted_array },
	{ "merging", merging_is_adding },
	{ "names of percentiles", percentiles_have_their_names },
};

int main(void)
{
	return tap_run("hist", tests, sizeof(tests) / sizeof(tests[0]));
}
