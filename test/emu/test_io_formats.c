/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of all kinds, sizes and shapes on the software controller against a model of what every
 * block holds: blocks with metadata and protection information, made and checked in software and by
 * the controller.
 */
#include <stdio.h>

/* The sanitizer of threads takes its time, and one thread is all there is to see. */
#ifdef __SANITIZE_THREAD__
#define TYPES 1u
#else
#define TYPES 3u
#endif

#include "io_model.h"

static const struct traffic of_formats = { .qpair_opts = { .depth = 8 },
					   .max_len = 4 * MIB,
					   .requests = 300 };

static void metadata_in_buffers_of_its_own(void)
{
	run_both_ways("emu:size=8M,md=8,mdts=5", of_formats);
	run_both_ways("emu:size=8M,lba=4096,md=64,mdts=6", of_formats);
}

static void metadata_at_the_end_of_blocks(void)
{
	run_both_ways("emu:size=8M,md=8,extended,mdts=5", of_formats);
	run_both_ways("emu:size=8M,lba=4096,md=64,extended,mdts=6", of_formats);
	run_both_ways("emu:size=8M,lba=1024,md=1024,extended,mdts=5", of_formats);
}

/* Each type, as all of the metadata and as its end; most blocks are written before. */
static const struct traffic of_protection = {
	.qpair_opts = { .depth = 8 }, .max_len = 4 * MIB, .requests = 200, .fill_first = true
};

static void protection_of_16_bits(void)
{
	static const char *const layouts[] = { "md=8", "md=8,extended", "md=24", "md=24,extended" };
	char device[128];

	for (unsigned int type = 1; type <= TYPES; type++) {
		for (unsigned int i = 0; i < 4; i++) {
			snprintf(device, sizeof(device), "emu:size=8M,lba=%u,pi=%u,mdts=5,%s",
				 i % 2 ? 4096 : 512, type, layouts[i]);
			run_on(device, of_protection);
		}
	}
}

static void wide_guards(unsigned int bits)
{
	static const char *const layouts[] = { "md=16", "md=16,extended", "md=64",
					       "md=64,extended" };
	char device[128];

	for (unsigned int type = 1; type <= TYPES; type++) {
		for (unsigned int i = 0; i < 4; i++) {
			snprintf(device, sizeof(device),
				 "emu:size=8M,lba=4096,guard=%u,pi=%u,mdts=5,%s", bits, type,
				 layouts[i]);
			run_on(device, of_protection);
		}
	}
}

static void protection_of_32_bits(void)
{
	wide_guards(32);
}

static void protection_of_64_bits(void)
{
	wide_guards(64);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "metadata in buffers of its own", metadata_in_buffers_of_its_own },
		{ "metadata at the end of blocks", metadata_at_the_end_of_blocks },
		{ "protection of 16 bits", protection_of_16_bits },
		{ "protection of 32 bits", protection_of_32_bits },
		{ "protection of 64 bits", protection_of_64_bits },
	};

	return tap_run("io_formats", tests, sizeof(tests) / sizeof(tests[0]));
}
