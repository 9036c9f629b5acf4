/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Latency, aborting, and each fault that the software controller can be asked for.
 */
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
	add(&b, "fail+status=0x5+count=0+of=1");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 5);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 5);
	nvio_emu_faults_clear(b.ctrl);
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
	add(&b, "delay time=20ms");
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
	struct nvio_sqe id = { .opcode = NVIO_ADMIN_IDENTIFY, .prp1 = BENCH_DATA, .cdw10 = 1 };
	struct emu_bench b;
	struct nvio_cqe cqe;
	unsigned int raised;

	setup(&b);
	add(&b, "stall");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), NO_COMPLETION);
	CU_ASSERT_EQUAL(bench_admin(&b, id), 0);
	nvio_emu_faults_clear(b.ctrl);
	bench_poll(&b);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
	raised = b.raised[1];
	add(&b, "no-irq count=1");
	CU_ASSERT_EQUAL(bench_admin(&b, id), 0);
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
	CU_ASSERT_FALSE(nvio_emu_ctrl_gone(b.ctrl));
	add(&b, "gone");
	CU_ASSERT_TRUE(nvio_emu_ctrl_gone(b.ctrl));
	nvio_emu_ctrl_return(b.ctrl);
	CU_ASSERT_FALSE(nvio_emu_ctrl_gone(b.ctrl));
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CSTS, 4), 0);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CC, 4), 0);
	bench_free(&b);
}

/* At once, or with completions, which come as they are. */
static void reports_errors(void)
{
	struct emu_bench b;

	setup(&b);
	add(&b, "err");
	CU_ASSERT_EQUAL(b.reported, 1);
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	CU_ASSERT_EQUAL(b.reported, 1);
	add(&b, "err lba=3 count=2");
	for (unsigned int i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
		CU_ASSERT_EQUAL(bench_io(&b, READ_AT(3)), 0);
		CU_ASSERT_EQUAL(b.reported, i ? 3 : 2);
	}
	/* Nothing has to be told of it. */
	b.bus.report = NULL;
	add(&b, "err");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	bench_free(&b);
}

/* The entry with everything but its phase, and the interrupt with that. */
static void shows_the_phase_late(void)
{
	struct nvio_sqe del = { .opcode = NVIO_ADMIN_DELETE_SQ, .cdw10 = 1 };
	struct emu_bench b;
	struct nvio_cqe cqe;
	unsigned int raised;
	uint16_t cid;

	setup(&b);
	raised = b.raised[1];
	add(&b, "late time=50ms");
	cid = bench_submit(&b, &b.io, READ_AT(0), true);
	bench_poll(&b);
	bench_get(&b, b.io.cq, &cqe, sizeof(cqe));
	CU_ASSERT_EQUAL(cqe.cid, cid);
	CU_ASSERT_EQUAL(cqe.sq_id, 1);
	CU_ASSERT_EQUAL(cqe.sq_head, 1);
	CU_ASSERT_EQUAL(cqe.status, 0);
	CU_ASSERT_EQUAL(b.raised[1], raised);
	/* The next one is complete before it, and waits behind it. */
	bench_submit(&b, &b.io, READ_AT(0), true);
	bench_poll(&b);
	bench_get(&b, b.io.cq + sizeof(cqe), &cqe, sizeof(cqe));
	CU_ASSERT_EQUAL(cqe.status, 1);
	CU_ASSERT_FALSE(bench_reap(&b, &b.io, &cqe));
	raised = b.raised[1];
	while (nvio_emu_ctrl_next_event(b.ctrl) != UINT64_MAX)
		nvio_emu_ctrl_poll(b.ctrl);
	CU_ASSERT_EQUAL(b.raised[1], raised + 1);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe) && cqe.cid == cid && !cqe.status);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe) && cqe.cid == cid + 1);
	CU_ASSERT_FALSE(bench_reap(&b, &b.io, &cqe));
	add(&b, "late time=1000s");
	bench_submit(&b, &b.io, READ_AT(0), true);
	bench_poll(&b);
	CU_ASSERT_EQUAL(bench_admin(&b, del), 0);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_next_event(b.ctrl), UINT64_MAX);
	bench_free(&b);
}

/* Others in the completion queue do not wait for one whose submission queue was deleted. */
static void shows_it_before_its_queue_goes(void)
{
	struct nvio_sqe del = { .opcode = NVIO_ADMIN_DELETE_SQ, .cdw10 = 1 };
	struct nvio_sqe create = { .opcode = NVIO_ADMIN_CREATE_SQ,
				   .prp1 = BENCH_SQ + 0x10000,
				   .cdw10 = 7 << 16 | 2,
				   .cdw11 = 1 << 16 | NVIO_QUEUE_CONTIGUOUS };
	struct bench_queue other = {
		.sq = BENCH_SQ + 0x10000, .cq = BENCH_CQ, .entries = 8, .id = 2, .cid = 100
	};
	struct emu_bench b;
	struct nvio_cqe cqe;
	uint16_t cid;

	setup(&b);
	CU_ASSERT_EQUAL(bench_admin(&b, create), 0);
	add(&b, "late time=1000s count=1");
	cid = bench_submit(&b, &b.io, READ_AT(0), true);
	bench_poll(&b);
	bench_submit(&b, &other, READ_AT(0), true);
	bench_poll(&b);
	CU_ASSERT_FALSE(bench_reap(&b, &b.io, &cqe));
	CU_ASSERT_EQUAL(bench_admin(&b, del), 0);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe) && cqe.cid == cid && cqe.sq_id == 1);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe) && cqe.cid == 100 && cqe.sq_id == 2);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_next_event(b.ctrl), UINT64_MAX);
	bench_free(&b);
}

/* In the middle of commands: the one that it happens at never completes. */
static void stops_at_a_command(void)
{
	struct emu_bench b;

	setup(&b);
	add(&b, "cfs opcode=1 skip=1");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(0)), 0);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_WRITE, 0, 1, BENCH_DATA)), 0);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CSTS, 4), 1);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_WRITE, 0, 1, BENCH_DATA)), NO_COMPLETION);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CSTS, 4), 3);
	bench_free(&b);
	setup(&b);
	add(&b, "gone lba=7");
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(6)), 0);
	CU_ASSERT_FALSE(nvio_emu_ctrl_gone(b.ctrl));
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(7)), NO_COMPLETION);
	CU_ASSERT_TRUE(nvio_emu_ctrl_gone(b.ctrl));
	CU_ASSERT_EQUAL(bench_io(&b, READ_AT(6)), NO_COMPLETION);
	bench_free(&b);
}

/* Both halves complete, or the device is gone and neither does. */
static void breaks_fused_pairs(void)
{
	struct nvio_sqe compare = bench_rw(nvme_cmd_compare, 0, 1, BENCH_DATA);
	struct nvio_sqe write = bench_rw(NVIO_NVM_WRITE, 0, 1, BENCH_DATA);
	struct emu_bench b;
	struct nvio_cqe cqe;

	compare.flags = 1;
	write.flags = 2;
	for (int pull = 0; pull < 2; pull++) {
		setup(&b);
		add(&b, pull ? "gone opcode=5" : "fail status=0x85 opcode=5");
		bench_submit(&b, &b.io, compare, false);
		bench_submit(&b, &b.io, write, true);
		bench_poll(&b);
		CU_ASSERT_EQUAL(nvio_emu_ctrl_gone(b.ctrl), pull);
		CU_ASSERT_EQUAL(bench_reap(&b, &b.io, &cqe), !pull);
		CU_ASSERT_EQUAL(bench_reap(&b, &b.io, &cqe), !pull);
		bench_free(&b);
	}
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
		{ "reports errors", reports_errors },
		{ "shows the phase late", shows_the_phase_late },
		{ "shows it before its queue goes", shows_it_before_its_queue_goes },
		{ "stops at a command", stops_at_a_command },
		{ "breaks fused pairs", breaks_fused_pairs },
	};

	return bench_run("emu fault", tests, sizeof(tests) / sizeof(tests[0]));
}
