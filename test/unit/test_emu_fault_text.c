/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The text of the software controller's faults: which commands it means, what it refuses, and how
 * often each was hit.
 */
#include <errno.h>
#include <string.h>

#include "emu/fault.h"
#include "emu_bench.h"

#define READ_AT(slba) bench_rw(NVIO_NVM_READ, slba, 1, BENCH_DATA)

static void add(struct emu_bench *b, const char *text)
{
	struct emu_error error = { "" };

	CU_ASSERT_EQUAL(nvio_emu_fault_add(b->ctrl, text, &error), 0);
	CU_ASSERT_STRING_EQUAL(error.text, "");
}

/* What nvio_emu_faults_list() says. */
static void lists(struct emu_bench *b, const char *says)
{
	static char list[EMU_FAULT_LIST_MAX];

	nvio_emu_faults_list(b->ctrl, list, sizeof(list));
	CU_ASSERT_STRING_EQUAL(list, says);
}

static void setup(struct emu_bench *b)
{
	bench_new(b, "size=1M,lba=4096");
	bench_start(b, 16);
}

static void tells_how_often(void)
{
	struct emu_bench b;

	setup(&b);
	lists(&b, "");
	add(&b, "fail status=5 skip=1 count=2");
	add(&b, "drop+count=0+opcode=1");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	lists(&b, "fail status=5 skip=1 count=2 (hit 0, left 2); "
		  "drop+count=0+opcode=1 (hit 0, left all)");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 5);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 5);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_WRITE, 0, 1, BENCH_DATA)), NO_COMPLETION);
	lists(&b, "fail status=5 skip=1 count=2 (hit 2, left 0); "
		  "drop+count=0+opcode=1 (hit 1, left all)");
	nvio_emu_faults_clear(b.ctrl);
	lists(&b, "");
	bench_free(&b);
}

/* Without "of" the admin queue is spared, as opcodes mean other things there. */
static void leaves_the_admin_queue_alone(void)
{
	struct nvio_sqe id = { .opcode = NVIO_ADMIN_IDENTIFY, .prp1 = BENCH_DATA, .cdw10 = 1 };
	struct emu_bench b;

	setup(&b);
	add(&b, "fail status=6 count=0");
	CU_ASSERT_EQUAL(bench_admin(&b, id), 0);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 6);
	nvio_emu_faults_clear(b.ctrl);
	add(&b, "fail status=6 of=0 opcode=6");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	CU_ASSERT_EQUAL(bench_admin(&b, id), 6);
	CU_ASSERT_EQUAL(bench_admin(&b, id), 0);
	nvio_emu_faults_clear(b.ctrl);
	/* A fault takes only what it can do something to. */
	add(&b, "flip byte=0");
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_WRITE, 0, 1, BENCH_DATA)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 1 << 20, 1, BENCH_DATA)),
			NVME_SC_LBA_RANGE);
	lists(&b, "flip byte=0 (hit 0, left 1)");
	bench_free(&b);
}

/* Spent ones make room in their order, others do not. */
static void has_room_for_some(void)
{
	struct emu_error error;
	struct emu_bench b;

	setup(&b);
	add(&b, "fail status=1 opcode=2");
	add(&b, "fail status=2 opcode=2");
	for (int i = 2; i < EMU_FAULTS_MAX; i++)
		add(&b, "drop opcode=0x99");
	CU_ASSERT_EQUAL(nvio_emu_fault_add(b.ctrl, "drop", &error), -ENOSPC);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 1);
	add(&b, "fail status=3 opcode=2");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 2);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 3);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	bench_free(&b);
}

/* From the start on, as options give them. */
static void begins_with_faults(void)
{
	struct emu_error error;
	struct emu_bench b;

	bench_new(&b, "size=1M,lba=4096,fault=fail+status=5+opcode=2,fault=drop opcode=1 count=0");
	bench_start(&b, 16);
	lists(&b,
	      "fail+status=5+opcode=2 (hit 0, left 1); drop opcode=1 count=0 (hit 0, left all)");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 5);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	bench_free(&b);
	CU_ASSERT_EQUAL(nvio_emu_opts_parse(&b.opts, "fault=drop+drop", &error), -EINVAL);
	CU_ASSERT_STRING_EQUAL(error.text, "drop: \"drop\" is no part of it");
	CU_ASSERT_EQUAL(nvio_emu_opts_parse(&b.opts, "fault=", &error), -EINVAL);
	CU_ASSERT_EQUAL(nvio_emu_opts_parse(&b.opts, "fault", &error), -EINVAL);
	nvio_emu_opts_default(&b.opts);
	for (int i = 0; i < EMU_FAULTS_MAX; i++)
		CU_ASSERT_EQUAL(nvio_emu_opts_add_fault(&b.opts, "drop", &error), 0);
	CU_ASSERT_EQUAL(nvio_emu_opts_add_fault(&b.opts, "drop", &error), -EINVAL);
}

static void says_what_is_wrong(void)
{
	static const struct {
		const char *text;
		const char *says;
	} bad[] = {
		{ "", "no fault is named" },
		{ "explode",
		  "\"explode\" is no fault; there are fail delay late drop duplicate cid "
		  "queue flip cfs gone err stall no-irq no-ready no-shutdown identify hostile aen" },
		{ "hostile", "hostile needs \"seed=\"" },
		{ "hostile seed=1 rate=0", "rate=0 is none" },
		{ "fail", "fail needs \"status=\"" },
		{ "fail status=0x8000", "\"status=0x8000\": a number up to 32767" },
		{ "fail status=1 of=", "\"of=\": a number up to 1024" },
		{ "fail status=1 status=2", "fail: \"status=2\" comes twice" },
		{ "delay time=1x", "\"time=1x\": a time like 10us or 5ms" },
		{ "delay time=2000000s", "a time like" },
		{ "drop lba=5-4", "\"lba=5-4\": FIRST or FIRST-LAST" },
		{ "drop lba=5-", "\"lba=5-\": FIRST or FIRST-LAST" },
		{ "drop 5", "drop: \"5\" is no part of it" },
		{ "drop opcode", "\"opcode\": a number up to 255" },
		{ "drop status=5", "drop: \"status=5\" is no part of it" },
		{ "drop count=-1", "\"count=-1\": a number up to" },
		{ "cfs count=2", "cfs: \"count=2\" is no part of it" },
		{ "aen type=8 info=0 log=1", "\"type=8\": a number up to 7" },
		{ "identify cns=256 byte=1 value=1", "\"cns=256\": a number up to 255" },
		{ "identify cns=1 byte=1 value=256", "a byte has a value up to 255" },
		{ "identify cns=1 byte=4000 len=97 value=1", "its data have 4096 bytes" },
	};
	char longest[EMU_FAULT_TEXT_MAX + 1];
	struct emu_error error;
	struct emu_bench b;

	setup(&b);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		error.text[0] = '\0';
		CU_ASSERT_EQUAL(nvio_emu_fault_add(b.ctrl, bad[i].text, &error), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(error.text, bad[i].says));
		CU_ASSERT_EQUAL(nvio_emu_opts_add_fault(&b.opts, bad[i].text, &error), -EINVAL);
	}
	memset(longest, ' ', sizeof(longest));
	memcpy(longest, "drop", 4);
	longest[EMU_FAULT_TEXT_MAX] = '\0';
	CU_ASSERT_EQUAL(nvio_emu_opts_add_fault(&b.opts, longest, &error), -EINVAL);
	longest[EMU_FAULT_TEXT_MAX - 1] = '\0';
	CU_ASSERT_EQUAL(nvio_emu_opts_add_fault(&b.opts, longest, &error), 0);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	lists(&b, "");
	bench_free(&b);
}

/* Words in any order and number: taken or refused, and after it all the controller works. */
static void survives_any_text(void)
{
	static const char *const words[] = {
		"fail",      "delay",    "late",     "drop",     "duplicate", "cid",
		"queue",     "flip",     "cfs",      "gone",     "err",       "stall",
		"no-irq",    "identify", "aen",      "status=6", "time=1us",  "value=9",
		"byte=4095", "len=4096", "cns=1",    "type=1",   "info=1",    "log=2",
		"opcode=2",  "of=1",     "lba=0-9",  "skip=1",   "count=0",   "=",
		"count=",    "of=0",     "+",        "",         "byte=0",    "value=0",
		"of=1024",   "lba=0-",   "no-ready", "opcode",   "time=",     "no-shutdown",
	};
	const unsigned int nr_words = sizeof(words) / sizeof(words[0]);
	uint64_t seed = 88172645463325252ull;
	unsigned int taken = 0;
	struct emu_error error;
	struct emu_bench b;

	setup(&b);
	for (unsigned int i = 0; i < 4000; i++) {
		char text[EMU_FAULT_TEXT_MAX] = "";

		for (unsigned int j = 0; j <= i % 5; j++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			strcat(text, words[seed % nr_words]);
			strcat(text, j % 2 ? "+" : " ");
		}
		taken += !nvio_emu_fault_add(b.ctrl, text, &error);
		bench_submit(&b, &b.io, READ_AT(0), true);
		bench_poll(&b);
		if (i % 50)
			continue;
		nvio_emu_faults_clear(b.ctrl);
		nvio_emu_ctrl_return(b.ctrl);
		memset(b.doorbells, 0, sizeof(b.doorbells));
		bench_start(&b, 16);
		CU_ASSERT_EQUAL_FATAL(bench_io(&b, READ_AT(0)), 0);
	}
	CU_ASSERT(taken > 100 && taken < 3000);
	bench_free(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "tells how often", tells_how_often },
		{ "leaves the admin queue alone", leaves_the_admin_queue_alone },
		{ "has room for some", has_room_for_some },
		{ "begins with faults", begins_with_faults },
		{ "says what is wrong", says_what_is_wrong },
		{ "survives any text", survives_any_text },
	};

	return tap_run("emu fault text", tests, sizeof(tests) / sizeof(tests[0]));
}
