/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software controller's registers and queues: bring-up, what makes it fatal, shutdown and
 * resets, making and deleting queues, wrapping, full completion queues, interrupts.
 */
#include <stdlib.h>
#include <string.h>

#include "emu_bench.h"

#define READ(b, offset)     ((uint32_t)nvio_emu_ctrl_read((b)->ctrl, offset, 4))
#define WRITE(b, offset, v) nvio_emu_ctrl_write((b)->ctrl, offset, 4, v)

#define CFS  2u
#define SHUT 8u

static void answers_registers(void)
{
	struct emu_bench b;
	uint64_t cap;

	bench_new(&b, "queues=8,entries=256,to=1200,mpsmin=0,mpsmax=2,dstrd=1");
	cap = nvio_emu_ctrl_read(b.ctrl, NVME_REG_CAP, 8);
	CU_ASSERT_EQUAL(NVME_CAP_MQES(cap), 255);
	CU_ASSERT_EQUAL(NVME_CAP_CQR(cap), 1);
	CU_ASSERT_EQUAL(NVME_CAP_TO(cap), 3);
	CU_ASSERT_EQUAL(NVME_CAP_DSTRD(cap), 1);
	CU_ASSERT_EQUAL(NVME_CAP_CSS(cap), NVME_CAP_CSS_NVM | NVME_CAP_CSS_CSI);
	CU_ASSERT_EQUAL(NVME_CAP_MPSMIN(cap), 0);
	CU_ASSERT_EQUAL(NVME_CAP_MPSMAX(cap), 2);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_VS), 0x20000);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_CAP + 4), cap >> 32);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CAP + 3, 1), 3);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_VS + 2, 2), 2);
	/* Bytes of a register, one by one, and a whole pair. */
	for (unsigned int i = 0; i < 8; i++)
		nvio_emu_ctrl_write(b.ctrl, NVME_REG_ASQ + i, 1, 0x10 * (i + 1));
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_ASQ, 8), 0x8070605040302000ull);
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_AQA + 2, 2, 0x12);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_AQA), 0x120000);
	/* Nothing behind the registers, nothing unaligned. */
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, 0x1000, 4), 0);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, 1, 4), 0);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, 0xfff, 1), 0);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_doorbells_len(&b.opts), 9 * 2 * 8);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_nr_vectors(&b.opts), 9);
	bench_free(&b);
}

static uint32_t enable_with(uint32_t cc, uint32_t aqa, uint64_t asq)
{
	struct emu_bench b;
	uint32_t csts;

	bench_new(&b, "mpsmax=1");
	WRITE(&b, NVME_REG_AQA, aqa);
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_ASQ, 8, asq);
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_ACQ, 8, BENCH_ACQ);
	WRITE(&b, NVME_REG_CC, cc);
	csts = READ(&b, NVME_REG_CSTS);
	/* Disabling heals. */
	WRITE(&b, NVME_REG_CC, 0);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_CSTS), 0);
	CU_ASSERT_EQUAL(bench_enable(&b), 1);
	bench_free(&b);
	return csts;
}

static void refuses_bad_configurations(void)
{
	uint32_t cc = 1 | 6u << 16 | 4u << 20, aqa = 31u << 16 | 31;

	CU_ASSERT_EQUAL(enable_with(cc, aqa, BENCH_ASQ), 1);
	CU_ASSERT_EQUAL(enable_with(cc | 1u << 7, aqa, BENCH_ASQ), 1);
	CU_ASSERT_EQUAL(enable_with(cc | 6u << 4, aqa, BENCH_ASQ), 1);
	CU_ASSERT_EQUAL(enable_with(1, aqa, BENCH_ASQ), 1);
	CU_ASSERT_EQUAL(enable_with(cc | 2u << 7, aqa, BENCH_ASQ), CFS);
	CU_ASSERT_EQUAL(enable_with(cc | 1u << 4, aqa, BENCH_ASQ), CFS);
	CU_ASSERT_EQUAL(enable_with(cc | 7u << 4, aqa, BENCH_ASQ), CFS);
	CU_ASSERT_EQUAL(enable_with(cc | 2u << 11, aqa, BENCH_ASQ), CFS);
	CU_ASSERT_EQUAL(enable_with(1 | 7u << 16 | 4u << 20, aqa, BENCH_ASQ), CFS);
	CU_ASSERT_EQUAL(enable_with(1 | 6u << 16 | 5u << 20, aqa, BENCH_ASQ), CFS);
	CU_ASSERT_EQUAL(enable_with(cc, 31u << 16, BENCH_ASQ), CFS);
	CU_ASSERT_EQUAL(enable_with(cc, 31, BENCH_ASQ), CFS);
	CU_ASSERT_EQUAL(enable_with(cc | 1u << 7, aqa, BENCH_ASQ + 0x1000), CFS);
}

static void shuts_down_and_resets(void)
{
	struct emu_bench b;

	bench_new(&b, "");
	bench_start(&b, 16);
	WRITE(&b, NVME_REG_CC, READ(&b, NVME_REG_CC) | 1u << 14);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_CSTS), 1 | SHUT);
	/* Nothing is done any more until it is enabled again. */
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA)), NO_COMPLETION);
	WRITE(&b, NVME_REG_CC, 0);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_CSTS), 0);
	bench_start(&b, 16);
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA)), 0);
	WRITE(&b, NVME_REG_CC, READ(&b, NVME_REG_CC) | 2u << 14);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_CSTS), 1 | SHUT);
	WRITE(&b, NVME_REG_NSSR, 0x4e564d65);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_CSTS), 1u << 4);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_CC), 0);
	WRITE(&b, NVME_REG_CSTS, 1u << 4);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_CSTS), 0);
	bench_start(&b, 16);
	nvio_emu_ctrl_reset(b.ctrl);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_CC), 0);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_AQA), 0);
	CU_ASSERT_FALSE(nvio_emu_ctrl_poll(b.ctrl));
	bench_start(&b, 16);
	/* Memory that is gone is fatal. */
	b.unmapped = BENCH_SQ;
	b.bus.generation++;
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA)), NO_COMPLETION);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_CSTS), 1 | CFS);
	bench_free(&b);
}

static uint16_t create(struct emu_bench *b, bool sq, uint32_t cdw10, uint32_t cdw11, uint64_t prp1)
{
	struct nvio_sqe cmd = { .opcode = sq ? NVIO_ADMIN_CREATE_SQ : NVIO_ADMIN_CREATE_CQ,
				.prp1 = prp1,
				.cdw10 = cdw10,
				.cdw11 = cdw11 };

	return bench_admin(b, cmd);
}

static uint16_t remove_queue(struct emu_bench *b, bool sq, uint32_t id)
{
	struct nvio_sqe cmd = { .opcode = sq ? NVIO_ADMIN_DELETE_SQ : NVIO_ADMIN_DELETE_CQ,
				.cdw10 = id };

	return bench_admin(b, cmd);
}

static void checks_queues(void)
{
	const uint32_t size = 15u << 16;
	struct emu_bench b;

	bench_new(&b, "queues=4,entries=64");
	CU_ASSERT_EQUAL(bench_enable(&b), 1);
	CU_ASSERT_EQUAL(create(&b, false, size | 0, 1, BENCH_CQ), SPECIFIC(NVME_SC_QID_INVALID));
	CU_ASSERT_EQUAL(create(&b, false, size | 5, 1, BENCH_CQ), SPECIFIC(NVME_SC_QID_INVALID));
	CU_ASSERT_EQUAL(create(&b, false, 0 | 1, 1, BENCH_CQ), SPECIFIC(NVME_SC_QUEUE_SIZE));
	CU_ASSERT_EQUAL(create(&b, false, 64u << 16 | 1, 1, BENCH_CQ),
			SPECIFIC(NVME_SC_QUEUE_SIZE));
	CU_ASSERT_EQUAL(create(&b, false, size | 1, 0, BENCH_CQ), NVME_SC_INVALID_FIELD);
	CU_ASSERT_EQUAL(create(&b, false, size | 1, 1, BENCH_CQ + 8), NVME_SC_PRP_INVALID_OFFSET);
	CU_ASSERT_EQUAL(create(&b, false, size | 1, 5u << 16 | 3, BENCH_CQ),
			SPECIFIC(NVME_SC_INVALID_VECTOR));
	CU_ASSERT_EQUAL(create(&b, true, size | 1, 1u << 16 | 1, BENCH_SQ),
			SPECIFIC(NVME_SC_CQ_INVALID));
	CU_ASSERT_EQUAL(create(&b, true, size | 1, 0u << 16 | 1, BENCH_SQ),
			SPECIFIC(NVME_SC_QID_INVALID));
	CU_ASSERT_EQUAL(create(&b, false, size | 1, 4u << 16 | 3, BENCH_CQ), 0);
	CU_ASSERT_EQUAL(create(&b, false, size | 1, 3, BENCH_CQ), SPECIFIC(NVME_SC_QID_INVALID));
	CU_ASSERT_EQUAL(create(&b, true, 0 | 1, 1u << 16 | 1, BENCH_SQ),
			SPECIFIC(NVME_SC_QUEUE_SIZE));
	CU_ASSERT_EQUAL(create(&b, true, size | 2, 1u << 16 | 1, BENCH_SQ), 0);
	CU_ASSERT_EQUAL(create(&b, true, size | 2, 1u << 16 | 1, BENCH_SQ),
			SPECIFIC(NVME_SC_QID_INVALID));
	CU_ASSERT_EQUAL(remove_queue(&b, false, 1), SPECIFIC(NVME_SC_INVALID_QUEUE));
	CU_ASSERT_EQUAL(remove_queue(&b, false, 0), SPECIFIC(NVME_SC_QID_INVALID));
	CU_ASSERT_EQUAL(remove_queue(&b, true, 1), SPECIFIC(NVME_SC_QID_INVALID));
	CU_ASSERT_EQUAL(remove_queue(&b, true, 9), SPECIFIC(NVME_SC_QID_INVALID));
	CU_ASSERT_EQUAL(remove_queue(&b, true, 2), 0);
	CU_ASSERT_EQUAL(remove_queue(&b, false, 1), 0);
	CU_ASSERT_EQUAL(remove_queue(&b, false, 1), SPECIFIC(NVME_SC_QID_INVALID));
	/* Without entry sizes there are no I/O queues (3.1.3.5). */
	WRITE(&b, NVME_REG_CC, 1);
	CU_ASSERT_EQUAL(create(&b, false, size | 1, 1, BENCH_CQ), SPECIFIC(NVME_SC_QUEUE_SIZE));
	bench_free(&b);
}

/* Batches of every size through queues of every small size: each offset is a place where they wrap.
 */
static void wraps_at_every_offset(void)
{
	int wrong = 0;

	for (uint16_t entries = 2; entries <= 20; entries++) {
		struct emu_bench b;
		struct nvio_cqe cqe;

		bench_new(&b, "null");
		bench_start(&b, entries);
		for (int nr = 1; nr < entries; nr++) {
			for (int round = 0; round < 2 * entries; round++) {
				uint16_t first = b.io.cid;
				int got = 0;

				for (int i = 0; i < nr; i++)
					bench_submit(&b, &b.io,
						     bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA),
						     i == nr - 1);
				bench_poll(&b);
				while (bench_reap(&b, &b.io, &cqe))
					wrong += cqe.status || cqe.cid != (uint16_t)(first + got++);
				wrong += got != nr;
			}
		}
		bench_free(&b);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* Queues of many pages, none of which lie side by side; the client moves its memory meanwhile. */
static void spans_pages(void)
{
	struct emu_bench b;
	struct nvio_cqe cqe;
	int wrong = 0;

	bench_new(&b, "size=4M,lba=4096");
	bench_start(&b, 1000);
	for (uint32_t round = 0; round < 30; round++) {
		uint16_t first = b.io.cid;
		int got = 0;

		for (uint32_t i = 0; i < 333; i++)
			bench_submit(&b, &b.io, bench_rw(NVIO_NVM_READ, i, 1, BENCH_DATA),
				     i == 332);
		b.bus.generation++;
		for (int i = 0; i < 8; i++)
			bench_poll(&b);
		while (bench_reap(&b, &b.io, &cqe))
			wrong += cqe.status || cqe.cid != (uint16_t)(first + got++);
		wrong += got != 333;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	bench_free(&b);
}

static uint16_t nr_posted(struct emu_bench *b)
{
	struct nvio_cqe cqe;
	uint16_t nr = 0;

	while (bench_reap(b, &b->io, &cqe))
		nr++;
	return nr;
}

static void waits_for_room(void)
{
	struct emu_bench b;
	struct nvio_sqe flush = { .opcode = NVIO_NVM_FLUSH, .nsid = 1 };

	bench_new(&b, "");
	bench_start(&b, 8);
	/* A completion queue of 4 under a submission queue of 16. */
	CU_ASSERT_EQUAL(remove_queue(&b, true, 1), 0);
	CU_ASSERT_EQUAL(remove_queue(&b, false, 1), 0);
	memset(bench_at(&b, BENCH_CQ), 0, 4096);
	CU_ASSERT_EQUAL(create(&b, false, 3u << 16 | 1, 1u << 16 | 3, BENCH_CQ), 0);
	CU_ASSERT_EQUAL(create(&b, true, 15u << 16 | 1, 1u << 16 | 1, BENCH_SQ), 0);
	b.io = (struct bench_queue){
		.sq = BENCH_SQ, .cq = BENCH_CQ, .entries = 16, .id = 1, .phase = 1
	};
	for (int i = 0; i < 10; i++)
		bench_submit(&b, &b.io, flush, true);
	b.io.entries = 4;
	bench_poll(&b);
	CU_ASSERT_FALSE(nvio_emu_ctrl_poll(b.ctrl));
	CU_ASSERT_EQUAL(nr_posted(&b), 3);
	bench_poll(&b);
	CU_ASSERT_EQUAL(nr_posted(&b), 3);
	bench_poll(&b);
	CU_ASSERT_EQUAL(nr_posted(&b), 3);
	bench_poll(&b);
	CU_ASSERT_EQUAL(nr_posted(&b), 1);
	bench_free(&b);
}

static void tells_of_bad_doorbells(void)
{
	struct nvio_sqe aer = { .opcode = nvme_admin_async_event };
	struct emu_bench b;
	struct nvio_cqe cqe;

	bench_new(&b, "");
	bench_start(&b, 8);
	bench_submit(&b, &b.admin, aer, true);
	b.doorbells[2] = 8;
	bench_poll(&b);
	CU_ASSERT_TRUE(bench_reap(&b, &b.admin, &cqe));
	CU_ASSERT_EQUAL(cqe.result, 0x010100);
	CU_ASSERT_FALSE(bench_reap(&b, &b.io, &cqe));
	b.doorbells[2] = 0;
	/* A head beyond the tail is as bad; the type is held back until the log was read. */
	bench_submit(&b, &b.admin, aer, true);
	b.doorbells[3] = 5;
	bench_poll(&b);
	CU_ASSERT_FALSE(bench_reap(&b, &b.admin, &cqe));
	b.doorbells[3] = 0;
	CU_ASSERT_EQUAL(bench_io(&b, bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA)), 0);
	bench_free(&b);
}

static void interrupts_once_per_batch(void)
{
	struct nvio_sqe flush = { .opcode = NVIO_NVM_FLUSH, .nsid = 1 };
	struct emu_bench b;
	struct nvio_cqe cqe;

	bench_new(&b, "");
	bench_start(&b, 16);
	CU_ASSERT_EQUAL(b.raised[0], 2);
	for (int i = 0; i < 5; i++)
		bench_submit(&b, &b.io, flush, true);
	bench_poll(&b);
	CU_ASSERT_EQUAL(b.raised[1], 1);
	b.lowered = 0;
	while (bench_reap(&b, &b.io, &cqe))
		CU_ASSERT_EQUAL(b.lowered, 0);
	bench_poll(&b);
	CU_ASSERT_EQUAL(b.lowered, 1);
	/* Masked, it waits until it is unmasked. */
	WRITE(&b, NVME_REG_INTMS, 2);
	CU_ASSERT_EQUAL(READ(&b, NVME_REG_INTMC), 2);
	bench_submit(&b, &b.io, flush, true);
	bench_poll(&b);
	CU_ASSERT_EQUAL(b.raised[1], 1);
	WRITE(&b, NVME_REG_INTMC, 2);
	CU_ASSERT_EQUAL(b.raised[1], 2);
	bench_free(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "answers registers", answers_registers },
		{ "refuses bad configurations", refuses_bad_configurations },
		{ "shuts down and resets", shuts_down_and_resets },
		{ "checks queues", checks_queues },
		{ "wraps at every offset", wraps_at_every_offset },
		{ "spans pages", spans_pages },
		{ "waits for room", waits_for_room },
		{ "tells of bad doorbells", tells_of_bad_doorbells },
		{ "interrupts once per batch", interrupts_once_per_batch },
	};

	return tap_run("emu ctrl", tests, sizeof(tests) / sizeof(tests[0]));
}
