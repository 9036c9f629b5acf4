/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The random numbers of nvme_perf: ranges, streams, and that every value gets its share.
 */
#include <string.h>
#include "perf/rng.h"
#include "tap.h"

static void seeds_repeat(void)
{
	struct rng a, b;
	int i;

	rng_seed(&a, 7, 3);
	rng_seed(&b, 7, 3);
	for (i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(rng_next(&a), rng_next(&b));
}

static void streams_differ(void)
{
	uint64_t first[100];
	struct rng rng;
	int i, j;

	for (i = 0; i < 100; i++) {
		rng_seed(&rng, (uint64_t)i / 10, (uint64_t)i % 10);
		first[i] = rng_next(&rng);
		for (j = 0; j < i; j++)
			CU_ASSERT_NOT_EQUAL(first[i], first[j]);
	}
}

static void stays_below(void)
{
	static const uint64_t limits[] = {
		1, 2, 3, 7, 1000, UINT64_C(1) << 32, UINT64_MAX, (UINT64_C(1) << 63) + 1
	};
	struct rng rng;
	unsigned int i, j;

	rng_seed(&rng, 1, 0);
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		for (j = 0; j < 10000; j++)
			CU_ASSERT(rng_below(&rng, limits[i]) < limits[i]);
}

/*
 * What a remainder would get wrong: of 3/4 of all numbers, the lower third would come twice as
 * often as the rest. Each third is drawn 100,000 times of 300,000, give or take 5 standard
 * deviations.
 */
static void large_ranges_are_even(void)
{
	uint64_t third = UINT64_C(1) << 62;
	unsigned int nr[3] = { 0 }, i;
	struct rng rng;

	rng_seed(&rng, 1, 0);
	for (i = 0; i < 300000; i++)
		nr[rng_below(&rng, 3 * third) / third]++;
	for (i = 0; i < 3; i++)
		CU_ASSERT(nr[i] > 98700 && nr[i] < 101300);
}

static void every_value_comes(void)
{
	unsigned int nr[10] = { 0 }, i;
	struct rng rng;

	rng_seed(&rng, 1, 0);
	for (i = 0; i < 1000000; i++)
		nr[rng_below(&rng, 10)]++;
	for (i = 0; i < 10; i++)
		CU_ASSERT(nr[i] > 98500 && nr[i] < 101500);
}

/* Neighbouring streams, as neighbouring queue pairs have them, go their own ways. */
static void bits_are_balanced(void)
{
	unsigned int ones[64] = { 0 }, i, bit;
	struct rng rng;

	for (i = 0; i < 10000; i++) {
		uint64_t value;

		rng_seed(&rng, 1, i);
		value = rng_next(&rng);
		for (bit = 0; bit < 64; bit++)
			ones[bit] += value >> bit & 1;
	}
	for (bit = 0; bit < 64; bit++)
		CU_ASSERT(ones[bit] > 4700 && ones[bit] < 5300);
}

static const struct tap_test tests[] = {
	{ "a seed repeats", seeds_repeat },
	{ "seeds and streams differ", streams_differ },
	{ "numbers stay below the limit", stays_below },
	{ "no bias in large ranges", large_ranges_are_even },
	{ "every value of a small range comes", every_value_comes },
	{ "neighbouring streams are independent", bits_are_balanced },
};

int main(void)
{
	return tap_run("rng", tests, sizeof(tests) / sizeof(tests[0]));
}
