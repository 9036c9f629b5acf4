/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Quirks: which controllers have some, and what each one changes.
 */
#include "stack.h"

#define REG_AQA 0x24

static void table(void)
{
	CU_ASSERT_EQUAL(nvio_quirks_of(0x1ae0, 0x001f), NVIO_QUIRK_FRESH_QIDS);
	CU_ASSERT_EQUAL(nvio_quirks_of(0x1414, 0xb111), NVIO_QUIRK_ADMIN_PAGE);
	CU_ASSERT_EQUAL(nvio_quirks_of(0x144d, 0xa822), NVIO_QUIRK_DELAY_READY);
	CU_ASSERT_EQUAL(nvio_quirks_of(0x144d, 0x001f), 0);
	CU_ASSERT_EQUAL(nvio_quirks_of(0x1b36, 0x0010), NVIO_QUIRK_DOORBELL_PAUSE);
}

static void open_with(struct stack *s, const char *options, uint32_t quirks)
{
	struct nvio_ctrl_opts opts = stack_opts();
	struct nvio_ctrl_info info;

	opts.quirks = quirks;
	stack_open_with(s, options, &opts, NULL);
	nvio_ctrl_get_info(s->ctrl, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.quirks, quirks & ~(uint32_t)NVIO_QUIRK_ONLY);
}

/* Makes and frees queue pairs, of 4 that there are; the stack has number 1. */
static void make_ids(struct stack *s, const uint16_t *ids, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct nvio_qpair *qpair = NULL;

		CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s->ctrl, NULL, &qpair), 0);
		CU_ASSERT_EQUAL(nvio_qpair_id(qpair), ids[i]);
		nvio_qpair_free(qpair);
	}
}

static void identifiers(void)
{
	static const uint16_t usual[] = { 2, 2, 2 }, fresh[] = { 2, 3, 4, 2, 3 };
	struct stack s;

	open_with(&s, "queues=4", NVIO_QUIRK_ONLY);
	make_ids(&s, usual, 3);
	stack_close(&s);
	open_with(&s, "queues=4", NVIO_QUIRK_FRESH_QIDS);
	make_ids(&s, fresh, 5);
	stack_write_all(&s);
	CU_ASSERT_EQUAL(stack_read_one(&s, 3), 0);
	stack_close(&s);
}

static uint32_t aqa(struct stack *s)
{
	uint32_t value = 0;

	CU_ASSERT_EQUAL(nvio_device_region_read(nvio_ctrl_device(s->ctrl), NVIO_REGION_BAR0,
						REG_AQA, &value, sizeof(value)),
			0);
	return value;
}

/* More commands than the ring has entries, which go around it. */
static void admin_queue(void)
{
	struct nvio_sqe sqe = { .opcode = 0x0a, .cdw10 = 0x0b };
	struct stack s;

	open_with(&s, "", 0);
	CU_ASSERT_EQUAL(aqa(&s) & 0xfff, 31);
	stack_close(&s);
	open_with(&s, "entries=8", NVIO_QUIRK_ADMIN_PAGE);
	CU_ASSERT_EQUAL(aqa(&s) & 0xfff, 63);
	for (int i = 0; i < 150; i++)
		CU_ASSERT_EQUAL(nvio_admin(s.ctrl, &sqe, NULL, 0, NULL), 0);
	CU_ASSERT_EQUAL(nvio_qpair_depth(s.qpair), 7);
	stack_close(&s);
}

static int64_t reset_time(uint32_t quirks)
{
	uint64_t start;
	struct stack s;

	open_with(&s, "", quirks);
	start = now_ns();
	CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
	start = now_ns() - start;
	stack_write_all(&s);
	CU_ASSERT_EQUAL(stack_read_one(&s, 3), 0);
	stack_close(&s);
	return (int64_t)start;
}

static void delay(void)
{
	CU_ASSERT(reset_time(0) < 2000 * MS);
	CU_ASSERT(reset_time(NVIO_QUIRK_DELAY_READY) >= 2300 * MS);
}

static bool has_shadow(uint32_t quirks)
{
	struct nvio_ctrl_info info;
	struct stack s;

	open_with(&s, "mmap=off", quirks);
	nvio_ctrl_get_info(s.ctrl, &info, sizeof(info));
	stack_write_all(&s);
	CU_ASSERT_EQUAL(stack_read_one(&s, 3), 0);
	stack_close(&s);
	return info.shadow_doorbells;
}

static void shadow(void)
{
	CU_ASSERT_TRUE(has_shadow(0));
	CU_ASSERT_FALSE(has_shadow(NVIO_QUIRK_NO_SHADOW));
}

/* What is known of QEMU's controller is not of this one, whose doorbells are memory: open_with()
 * looks. But it can be asked for. */
static void pause_before_doorbells(void)
{
	struct stack s;

	for (unsigned int i = 0; i < 4; i++) {
		open_with(&s, i % 2 ? "mmap=off" : "",
			  i / 2 ? NVIO_QUIRK_DOORBELL_PAUSE : 0);
		stack_write_all(&s);
		CU_ASSERT_EQUAL(stack_read_one(&s, 3), 0);
		stack_close(&s);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the table", table },
		{ "identifiers of queue pairs", identifiers },
		{ "the admin queue is a whole page", admin_queue },
		{ "time after disabling", delay },
		{ "no shadow doorbells", shadow },
		{ "a pause before doorbells", pause_before_doorbells },
	};

	return tap_run("quirks", tests, sizeof(tests) / sizeof(tests[0]));
}
