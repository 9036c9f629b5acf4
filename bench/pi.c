/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How fast protection information is made: 4 KiB blocks with separate metadata, one core, data in
 * its cache. Prints the median of 9 runs of a tenth of a second for each guard, and their range.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <nvio/nvio.h>

#define BLOCK_LEN 4096u
#define NR_BLOCKS 32u
#define NR_RUNS   9
#define RUN_NS    100000000ll

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* GiB/s of one run, or a negative number. */
static double run(const struct nvio_ns_info *format)
{
	static uint8_t data[NR_BLOCKS][BLOCK_LEN], metadata[NR_BLOCKS][16];
	const struct nvio_pi_tags tags = { .application = 0x1234 };
	int64_t start = now_ns(), ns;
	uint64_t blocks = 0;

	do {
		if (nvio_pi_generate(format, data, metadata, NR_BLOCKS, &tags))
			return -1;
		blocks += NR_BLOCKS;
		ns = now_ns() - start;
	} while (ns < RUN_NS);
	return (double)blocks * BLOCK_LEN / (double)ns * 1e9 / (1 << 30);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	static const uint8_t guards[] = { 16, 32, 64 };

	for (size_t i = 0; i < sizeof(guards); i++) {
		const struct nvio_ns_info format = {
			.block_len = BLOCK_LEN,
			.metadata_len = guards[i] == 16 ? 8 : 16,
			.protection = 1,
			.guard_bits = guards[i],
			.storage_tag_bits = guards[i] == 32 ? 16 : 0,
		};
		double rates[NR_RUNS];

		for (int j = 0; j < NR_RUNS; j++) {
			rates[j] = run(&format);
			if (rates[j] < 0) {
				fprintf(stderr, "%s\n", nvio_last_error());
				return 1;
			}
		}
		qsort(rates, NR_RUNS, sizeof(rates[0]), compare);
		printf("%u-bit guard: %.1f GiB/s (%.1f to %.1f)\n", guards[i], rates[NR_RUNS / 2],
		       rates[0], rates[NR_RUNS - 1]);
	}
	return 0;
}
