/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of all kinds, sizes and shapes on the software controller against a model of what every
 * block holds: blocks without metadata.
 */
#include "io_model.h"

static void plain_blocks(void)
{
	struct traffic t = { .qpair_opts = { .depth = 8 }, .max_len = 4 * MIB, .requests = 600 };

	run_both_ways("emu:size=32M", t);
	run_both_ways("emu:size=32M,lba=4096,mdts=9", t);
	/* Controller pages of 16 KiB, in the middle of which pieces and registrations meet. */
	run_on("emu:size=32M,mpsmin=2,mpsmax=2,mdts=4", t);
}

/* Boundaries that are no power of two, small transfers, and depths that parts fill. */
static void small_commands_and_few(void)
{
	static const char device[] = "emu:size=8M,mdts=1,fault=identify+cns=0+byte=46+value=24";
	struct traffic t = {
		.qpair_opts = { .depth = 2 }, .max_len = 256 * KIB, .requests = 600, .boundary = 24
	};

	run_both_ways(device, t);
	t.qpair_opts.depth = 1;
	t.leave_out = NO_FUSED;
	run_both_ways(device, t);
	/* Interrupts, and more under way than the completion queue is long. */
	t.qpair_opts = (struct nvio_qpair_opts){ .depth = 64, .interrupts = true };
	run_on("emu:size=8M,lba=4096,mdts=3", t);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "plain blocks", plain_blocks },
		{ "small commands and few", small_commands_and_few },
	};

	return tap_run("io_model", tests, sizeof(tests) / sizeof(tests[0]));
}
