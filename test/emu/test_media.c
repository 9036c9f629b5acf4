/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller that is ready before its media are (CC.CRIME): it is open soon, and commands take
 * until then, and no longer.
 */
#include <string.h>

#include "load.h"
#include "stack.h"

#define OPTIONS      "media=1500,to=500"
#define MEDIA_NS     (1500 * MS)
#define REG_CC       0x14u
#define CRIME        (1u << 24)
#define ADMIN_FORMAT 0x80
#define NOT_READY    0x82
#define OP_FLUSH     0x00

static uint32_t cc_of(struct nvio_ctrl *ctrl)
{
	uint32_t cc = 0;

	CU_ASSERT_EQUAL(nvio_device_region_read(nvio_ctrl_device(ctrl), NVIO_REGION_BAR0, REG_CC,
						&cc, sizeof(cc)),
			0);
	return cc;
}

static void reads_take_until_then(void)
{
	uint64_t start = now_ns();
	struct stack s;

	stack_open_plain(&s, OPTIONS, NULL);
	CU_ASSERT(now_ns() - start < MEDIA_NS);
	CU_ASSERT_TRUE(cc_of(s.ctrl) & CRIME);
	CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
	CU_ASSERT(now_ns() - start >= MEDIA_NS);
	CU_ASSERT(now_ns() - start < 4 * SECOND);
	/* From then on a command is not held up. */
	start = now_ns();
	CU_ASSERT_EQUAL(stack_read_one(&s, 2), 0);
	CU_ASSERT(now_ns() - start < MEDIA_NS / 4);
	stack_close(&s);
}

static void admin_commands_take_until_then(void)
{
	struct nvio_sqe format = { .opcode = ADMIN_FORMAT, .nsid = 1 };
	uint64_t start = now_ns();
	struct nvio_ns_info before, after;
	struct stack s;

	stack_open_plain(&s, OPTIONS, NULL);
	nvio_ns_get_info(s.ns, &before, sizeof(before));
	format.cdw10 = 3; /* 4096 bytes, as it was */
	CU_ASSERT_EQUAL(nvio_admin(s.ctrl, &format, NULL, 0, NULL), 0);
	CU_ASSERT(now_ns() - start >= MEDIA_NS);
	CU_ASSERT(now_ns() - start < 4 * SECOND);
	CU_ASSERT(nvio_ctrl_rescan(s.ctrl) >= 0);
	nvio_ns_get_info(nvio_ctrl_ns(s.ctrl, 1), &after, sizeof(after));
	CU_ASSERT_EQUAL(before.block_len, after.block_len);
	stack_close(&s);
}

/* Who wants no command sent twice is told. */
static void without_retries_it_is_told(void)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct stack s;

	opts.max_retries = NVIO_NO_RETRIES;
	stack_open_plain(&s, OPTIONS, &opts);
	CU_ASSERT_EQUAL(stack_read_one(&s, 1) & 0x7ff, NOT_READY);
	stack_close(&s);
}

/* A reset begins all of it again. */
static void under_load(void)
{
	struct nvio_ctrl_opts opts = stack_opts();
	struct nvio_ctrl *ctrl;
	struct load_counts counts;
	struct load load;

	CU_ASSERT_EQUAL_FATAL(
		nvio_ctrl_open("emu:lba=4096,size=16M,media=300,to=500", &opts, &ctrl), 0);
	load_start(&load, ctrl, nvio_ctrl_ns(ctrl, 1), 4, 10000, 1, NULL);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_TRUE(load_goes_on(&load, 100, 20 * SECOND));
		CU_ASSERT_EQUAL(nvio_ctrl_reset(ctrl), 0);
		CU_ASSERT_TRUE(cc_of(ctrl) & CRIME);
	}
	CU_ASSERT_TRUE(load_goes_on(&load, 100, 20 * SECOND));
	counts = load_stop(&load);
	CU_ASSERT_EQUAL(counts.submitted, counts.completed);
	CU_ASSERT_EQUAL(counts.lost + counts.doubled + counts.corrupted, 0);
	nvio_ctrl_close(ctrl);
}

/* Where there is one mode, the bit is reserved, and the controller ready with its media. */
static void one_mode(void)
{
	struct stack s;

	stack_open_plain(&s, "", NULL);
	CU_ASSERT_FALSE(cc_of(s.ctrl) & CRIME);
	CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
	stack_close(&s);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "reads take until then", reads_take_until_then },
		{ "admin commands take until then", admin_commands_take_until_then },
		{ "without retries it is told", without_retries_it_is_told },
		{ "under load", under_load },
		{ "one mode", one_mode },
	};

	return tap_run("media", tests, sizeof(tests) / sizeof(tests[0]));
}
