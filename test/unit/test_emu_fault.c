/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Latency, aborting, and each fault that the software controller can be asked for.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "emu/fault.h"
#include "emu_bench.h"

#define READ_AT(slba) bench_rw(NVIO_NVM_READ, slba, 1, BENCH_DATA)

static void add(struct emu_bench *b, const char *text)
{
	struct emu_error error = { "" };

	CU_ASSERT_EQUAL(nvio_emu_fault_add(b->ctrl, text, &error), 0);
	CU_ASSERT_STRING_EQUAL(error.text, "");
}

static void setup(struct emu_bench *b)
{
	bench_new(b, "size=1M,lba=4096");
	bench_start(b, 16);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void takes_its_time(void)
{
	struct emu_bench b;
	struct nvio_cqe cqe;
	uint64_t start, due;

	bench_new(&b, "size=1M,latency=2ms-4ms");
	bench_start(&b, 16);
	start = now();
	for (int i = 0; i < 8; i++)
		bench_submit(&b, &b.io, READ_AT(0), true);
	nvio_emu_ctrl_poll(b.ctrl);
	due = nvio_emu_ctrl_next_event(b.ctrl);
	CU_ASSERT_TRUE(due >= start + 2000000 && due < start + 1000000000);
	for (int got = 0; got < 8; nvio_emu_ctrl_poll(b.ctrl))
		while (bench_reap(&b, &b.io, &cqe)) {
			CU_ASSERT_EQUAL(cqe.status, 0);
			got++;
		}
	CU_ASSERT_TRUE(now() - start >= 2000000);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_next_event(b.ctrl), UINT64_MAX);
	bench_free(&b);
}

static void aborts_and_forgets(void)
{
	struct nvio_sqe del = { .opcode = NVIO_ADMIN_DELETE_SQ, .cdw10 = 1 };
	struct nvio_sqe abort = { .opcode = nvme_admin_abort_cmd };
	struct emu_bench b;
	struct nvio_cqe cqe;
	uint32_t result;
	uint16_t cid;

	bench_new(&b, "size=1M,latency=1000s");
	bench_start(&b, 16);
	bench_submit(&b, &b.io, READ_AT(0), true);
	cid = bench_submit(&b, &b.io, READ_AT(0), true);
	bench_poll(&b);
	abort.cdw10 = 1 | (uint32_t)cid << 16;
	CU_ASSERT_EQUAL(bench_do(&b, &b.admin, abort, &result), 0);
	CU_ASSERT_EQUAL(result, 0);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
	CU_ASSERT_EQUAL(cqe.cid, cid);
	CU_ASSERT_EQUAL(cqe.status, NVME_SC_ABORT_REQ);
	CU_ASSERT_EQUAL(bench_do(&b, &b.admin, abort, &result), 0);
	CU_ASSERT_EQUAL(result, 1);
	abort.cdw10 = 7;
	CU_ASSERT_EQUAL(bench_do(&b, &b.admin, abort, &result), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(bench_admin(&b, del), 0);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_next_event(b.ctrl), UINT64_MAX);
	bench_free(&b);
}

static void fails_what_it_is_told(void)
{
	struct emu_bench b;

	setup(&b);
	add(&b, "fail status=0x281 lba=10-19 opcode=2 skip=1 count=2");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(9)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(20)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_WRITE, 10, 1, BENCH_DATA)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(10)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(19)), 0x281);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 9, 2, BENCH_DATA)), 0x281);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(10)), 0);
	add(&b, "fail status=0x5 count=0 of=1");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 5);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 5);
	add(&b, "clear");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	bench_free(&b);
}

static void breaks_completions(void)
{
	struct emu_bench b;
	struct nvio_cqe cqe;
	uint16_t cid;

	setup(&b);
	add(&b, "drop");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), NO_COMPLETION);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	add(&b, "duplicate");
	cid = bench_submit(&b, &b.io, READ_AT(0), true);
	bench_poll(&b);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe) && cqe.cid == cid);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe) && cqe.cid == cid);
	CU_ASSERT_FALSE(bench_reap(&b, &b.io, &cqe));
	add(&b, "cid value=0x7777");
	bench_submit(&b, &b.io, READ_AT(0), true);
	bench_poll(&b);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
	CU_ASSERT_EQUAL(cqe.cid, 0x7777);
	add(&b, "queue value=999");
	bench_submit(&b, &b.io, READ_AT(0), true);
	bench_poll(&b);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
	CU_ASSERT_EQUAL(cqe.sq_id, 999);
	add(&b, "delay ns=3000000");
	bench_submit(&b, &b.io, READ_AT(0), true);
	bench_poll(&b);
	CU_ASSERT_FALSE(bench_reap(&b, &b.io, &cqe));
	while (nvio_emu_ctrl_next_event(b.ctrl) != UINT64_MAX)
		nvio_emu_ctrl_poll(b.ctrl);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
	bench_free(&b);
}

static void flips_and_lies(void)
{
	struct nvio_sqe id = { .opcode = NVIO_ADMIN_IDENTIFY, .prp1 = BENCH_DATA, .cdw10 = 1 };
	struct emu_bench b;

	setup(&b);
	add(&b, "flip byte=4095");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	CU_ASSERT_EQUAL(*(uint8_t *)bench_at(&b, BENCH_DATA + 4095), 1);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	CU_ASSERT_EQUAL(*(uint8_t *)bench_at(&b, BENCH_DATA + 4095), 0);
	add(&b, "identify cns=1 byte=77 value=0xee");
	CU_ASSERT_EQUAL(bench_admin(&b, id), 0);
	CU_ASSERT_EQUAL(*(uint8_t *)bench_at(&b, BENCH_DATA + 77), 0xee);
	bench_free(&b);
}

static void stalls_and_loses_interrupts(void)
{
	struct emu_bench b;
	struct nvio_cqe cqe;
	unsigned int raised;

	setup(&b);
	add(&b, "stall of=1");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), NO_COMPLETION);
	add(&b, "clear");
	bench_poll(&b);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
	raised = b.raised[1];
	add(&b, "no-irq count=1");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	CU_ASSERT_EQUAL(b.raised[1], raised);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	CU_ASSERT_EQUAL(b.raised[1], raised + 1);
	bench_free(&b);
}

static void breaks_registers(void)
{
	struct nvio_sqe aer = { .opcode = nvme_admin_async_event };
	struct emu_bench b;
	struct nvio_cqe cqe;

	setup(&b);
	bench_submit(&b, &b.admin, aer, true);
	add(&b, "aen type=1 info=2 log=2");
	bench_poll(&b);
	CU_ASSERT_TRUE(bench_reap(&b, &b.admin, &cqe));
	CU_ASSERT_EQUAL(cqe.result, 0x020201);
	add(&b, "cfs");
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CSTS, 4), 3);
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_CC, 4, 0);
	add(&b, "no-ready count=1");
	CU_ASSERT_EQUAL(bench_enable(&b), 0);
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_CC, 4, 0);
	CU_ASSERT_EQUAL(bench_enable(&b), 1);
	add(&b, "no-shutdown");
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_CC, 4, 1 | 1 << 14);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CSTS, 4), 1 | 4);
	add(&b, "gone");
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CSTS, 4), 0xffffffff);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CAP, 8), UINT64_MAX);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CAP, 1), 0xff);
	bench_free(&b);
}

static void refuses_unknown_faults(void)
{
	static const char *const bad[] = { "",         "explode",         "fail status=0x10000",
					   "fail of=", "delay ns=1us",    "drop lba=5-4",
					   "drop 5",   "identify cns=256" };
	struct emu_error error;
	struct emu_bench b;

	setup(&b);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(nvio_emu_fault_add(b.ctrl, bad[i], &error), -EINVAL);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	bench_free(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "takes its time", takes_its_time },
		{ "aborts and forgets", aborts_and_forgets },
		{ "fails what it is told", fails_what_it_is_told },
		{ "breaks completions", breaks_completions },
		{ "flips and lies", flips_and_lies },
		{ "stalls and loses interrupts", stalls_and_loses_interrupts },
		{ "breaks registers", breaks_registers },
		{ "refuses unknown faults", refuses_unknown_faults },
	};

	return tap_run("emu fault", tests, sizeof(tests) / sizeof(tests[0]));
}
