/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shadow doorbells as the software controller reads them: where they are looked for, and when its
 * event indices ask for the next change.
 */
#include "emu_bench.h"

#define VALUES (BENCH_LISTS)
#define EVENTS (BENCH_LISTS + 0x1000)

static const struct nvio_sqe flush = { .opcode = NVIO_NVM_FLUSH, .nsid = 1 };
static struct nvio_sqe config = { .opcode = nvme_admin_dbbuf, .prp1 = VALUES, .prp2 = EVENTS };

static void refuses_what_is_no_memory(void)
{
	struct emu_bench b;

	bench_new(&b, "");
	bench_start(&b, 8);
	b.unmapped = VALUES;
	CU_ASSERT_EQUAL(bench_admin(&b, config), NVME_SC_DATA_XFER_ERROR);
	b.unmapped = EVENTS;
	CU_ASSERT_EQUAL(bench_admin(&b, config), NVME_SC_DATA_XFER_ERROR);
	b.unmapped = 0;
	b.read_only = EVENTS;
	CU_ASSERT_EQUAL(bench_admin(&b, config), NVME_SC_DATA_XFER_ERROR);
	b.read_only = 0;
	/* The registers are still what counts. */
	CU_ASSERT_EQUAL(bench_io(&b, flush), 0);
	CU_ASSERT_EQUAL(bench_admin(&b, config), 0);
	bench_free(&b);
	bench_new(&b, "shadow=off");
	bench_start(&b, 8);
	CU_ASSERT_EQUAL(bench_admin(&b, config), NVME_SC_INVALID_OPCODE);
	bench_free(&b);
}

/* As a client does that maps its memory anew: nothing moves meanwhile, not even by the registers,
 * which are stale; then all goes on. */
static void waits_for_its_memory(uint64_t page)
{
	uint32_t *value, *doorbells;
	struct nvio_cqe cqe;
	struct emu_bench b;

	bench_new(&b, "");
	bench_start(&b, 8);
	CU_ASSERT_EQUAL(bench_admin(&b, config), 0);
	value = bench_at(&b, VALUES);
	doorbells = b.bus.doorbells;
	b.unmapped = page;
	b.bus.generation++;
	for (int i = 0; i < 3; i++)
		bench_poll(&b);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CSTS, 4), 1);
	bench_submit(&b, &b.io, flush, false);
	value[2] = 1;
	doorbells[2] = 1;
	bench_poll(&b);
	CU_ASSERT_FALSE(nvio_emu_ctrl_rest(b.ctrl));
	CU_ASSERT_FALSE(bench_reap(&b, &b.io, &cqe));
	b.unmapped = 0;
	b.bus.generation++;
	bench_poll(&b);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CSTS, 4), 1);
	value[3] = 1;
	bench_submit(&b, &b.io, flush, false);
	value[2] = 2;
	bench_poll(&b);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
	CU_ASSERT_EQUAL(cqe.cid, b.io.cid - 1);
	bench_free(&b);
}

static void is_idle_without_its_memory(void)
{
	waits_for_its_memory(VALUES);
	waits_for_its_memory(EVENTS);
}

/* As long as it looks at the doorbells by itself, no change passes the index; at rest the next one
 * does. */
static void asks_for_changes_at_rest(void)
{
	uint32_t *value, *event;
	struct nvio_cqe cqe;
	struct emu_bench b;
	int reaped = 0;

	bench_new(&b, "");
	bench_start(&b, 8);
	CU_ASSERT_FALSE(nvio_emu_ctrl_rest(b.ctrl));
	CU_ASSERT_EQUAL(bench_admin(&b, config), 0);
	value = bench_at(&b, VALUES);
	event = bench_at(&b, EVENTS);
	for (uint32_t i = 1; i <= 20; i++) {
		bench_submit(&b, &b.io, flush, false);
		value[2] = i % 8;
		bench_poll(&b);
		CU_ASSERT_EQUAL(event[2], (i % 8 - 1) & 0xffff);
		reaped += bench_reap(&b, &b.io, &cqe);
		value[3] = i % 8;
		bench_poll(&b);
		CU_ASSERT_EQUAL(event[3], (i % 8 - 1) & 0xffff);
		CU_ASSERT_FALSE(nvio_emu_ctrl_rest(b.ctrl));
		CU_ASSERT_EQUAL(event[2], i % 8);
		CU_ASSERT_EQUAL(event[3], i % 8);
	}
	CU_ASSERT_EQUAL(reaped, 20);
	/* What came just before is seen, and it does not rest. */
	bench_submit(&b, &b.io, flush, false);
	value[2] = 21 % 8;
	CU_ASSERT_TRUE(nvio_emu_ctrl_rest(b.ctrl));
	CU_ASSERT_EQUAL(event[2], 20 % 8);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
	bench_free(&b);
}

static bool always(struct emu_bus *bus)
{
	(void)bus;
	return true;
}

/* What the client takes after an interrupt by INTx it rings for, in pieces too. */
static void asks_with_intx(void)
{
	uint32_t *value, *event;
	struct nvio_cqe cqe;
	struct emu_bench b;

	bench_new(&b, "");
	b.bus.by_line = always;
	bench_start(&b, 8);
	CU_ASSERT_EQUAL(bench_admin(&b, config), 0);
	value = bench_at(&b, VALUES);
	event = bench_at(&b, EVENTS);
	for (uint32_t i = 0; i < 6; i += 2) {
		bench_submit(&b, &b.io, flush, false);
		bench_submit(&b, &b.io, flush, false);
		value[2] = i + 2;
		bench_poll(&b);
		for (uint32_t head = i; head < i + 2; head++) {
			CU_ASSERT_EQUAL(event[3], head);
			CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
			value[3] = head + 1;
			bench_poll(&b);
		}
	}
	bench_free(&b);
}

/* Kept from going on by a full completion queue, it waits for that one's head. */
static void asks_for_room(void)
{
	uint32_t *value, *event;
	struct nvio_cqe cqe;
	struct emu_bench b;

	bench_new(&b, "");
	bench_start(&b, 8);
	CU_ASSERT_EQUAL(bench_admin(&b, config), 0);
	value = bench_at(&b, VALUES);
	event = bench_at(&b, EVENTS);
	for (uint32_t i = 0; i < 7; i++)
		bench_submit(&b, &b.io, flush, false);
	value[2] = 7;
	bench_poll(&b);
	bench_submit(&b, &b.io, flush, false);
	value[2] = 0;
	bench_poll(&b);
	CU_ASSERT_FALSE(nvio_emu_ctrl_rest(b.ctrl));
	CU_ASSERT_EQUAL(event[3], 0);
	CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
	value[3] = 1;
	CU_ASSERT_TRUE(nvio_emu_ctrl_rest(b.ctrl));
	for (uint32_t i = 1; i < 8; i++)
		CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
	bench_free(&b);
}

/* A queue that is made anew begins at 0, whatever one of its identifier left behind. */
static void forgets_a_deleted_queue(void)
{
	struct nvio_sqe delete_sq = { .opcode = NVIO_ADMIN_DELETE_SQ, .cdw10 = 1 };
	struct nvio_sqe create_sq = { .opcode = NVIO_ADMIN_CREATE_SQ,
				      .prp1 = BENCH_SQ,
				      .cdw10 = 7 << 16 | 1,
				      .cdw11 = 1 << 16 | NVIO_QUEUE_CONTIGUOUS };
	uint32_t *value, *event;
	struct nvio_cqe cqe;
	struct emu_bench b;

	bench_new(&b, "");
	bench_start(&b, 8);
	CU_ASSERT_EQUAL(bench_admin(&b, config), 0);
	value = bench_at(&b, VALUES);
	event = bench_at(&b, EVENTS);
	for (uint32_t i = 1; i <= 3; i++)
		bench_submit(&b, &b.io, flush, false);
	value[2] = 3;
	bench_poll(&b);
	CU_ASSERT_EQUAL(event[2], 2);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_TRUE(bench_reap(&b, &b.io, &cqe));
	CU_ASSERT_EQUAL(bench_admin(&b, delete_sq), 0);
	CU_ASSERT_EQUAL(bench_admin(&b, create_sq), 0);
	CU_ASSERT_EQUAL(value[2], 0);
	CU_ASSERT_EQUAL(event[2], 0);
	bench_poll(&b);
	CU_ASSERT_FALSE(bench_reap(&b, &b.io, &cqe));
	bench_free(&b);
}

/* Doorbells 2 KiB apart: of queue pair 1 none is in the page. */
static void reads_registers_behind_the_page(void)
{
	struct emu_bench b;

	bench_new(&b, "dstrd=9,queues=1");
	bench_start(&b, 8);
	CU_ASSERT_EQUAL(bench_admin(&b, config), 0);
	CU_ASSERT_EQUAL(bench_io(&b, flush), 0);
	bench_free(&b);
}

#define NOT_ASKED 0x5555u

/* Queue pair 1 and shadows; then the indices' page goes away, as an unmapping has it. */
static uint32_t *lose_events(struct emu_bench *b)
{
	uint32_t *event = bench_at(b, EVENTS);

	b->unmapped = EVENTS;
	b->bus.generation++;
	for (int i = 0; i < 8; i++)
		event[i] = NOT_ASKED;
	return event;
}

static bool untouched(const uint32_t *event)
{
	int i = 0;

	while (i < 8 && event[i] == NOT_ASKED)
		i++;
	return i == 8;
}

/* Memory that was taken back is not written to, though the controller does nothing any more. */
static void stopped_it_asks_for_nothing(void)
{
	const uint32_t *event;
	struct emu_bench b;

	bench_new(&b, "");
	bench_start(&b, 8);
	CU_ASSERT_EQUAL(bench_admin(&b, config), 0);
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_CC, 4, 1 | 1u << 14 | 6u << 16 | 4u << 20);
	event = lose_events(&b);
	CU_ASSERT_FALSE(nvio_emu_ctrl_rest(b.ctrl));
	CU_ASSERT_TRUE(untouched(event));
	bench_free(&b);
}

/* Nor where it is at work, by whatever comes first. */
static void running_it_asks_in_what_is_there(void)
{
	struct nvio_sqe cq = { .opcode = NVIO_ADMIN_CREATE_CQ,
			       .prp1 = BENCH_CQ + 0x1000,
			       .cdw10 = 7 << 16 | 2,
			       .cdw11 = NVIO_QUEUE_CONTIGUOUS };
	struct nvio_sqe sq = { .opcode = NVIO_ADMIN_CREATE_SQ,
			       .prp1 = BENCH_SQ + 0x1000,
			       .cdw10 = 7 << 16 | 2,
			       .cdw11 = 2 << 16 | NVIO_QUEUE_CONTIGUOUS };
	const uint32_t *event;
	struct emu_bench b;

	bench_new(&b, "");
	bench_start(&b, 8);
	CU_ASSERT_EQUAL(bench_admin(&b, config), 0);
	CU_ASSERT_EQUAL(bench_admin(&b, cq), 0);
	CU_ASSERT_EQUAL(bench_admin(&b, sq), 0);
	event = lose_events(&b);
	for (int i = 0; i < 3; i++) {
		nvio_emu_ctrl_rest(b.ctrl);
		nvio_emu_ctrl_poll(b.ctrl);
	}
	CU_ASSERT_TRUE(untouched(event));
	bench_free(&b);
}

/* INTMC with a completion unseen interrupts at once: before any round. */
static void unmasking_asks_in_what_is_there(void)
{
	const uint32_t *event;
	struct emu_bench b;

	bench_new(&b, "");
	b.bus.by_line = always;
	bench_start(&b, 8);
	CU_ASSERT_EQUAL(bench_admin(&b, config), 0);
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_INTMS, 4, 1);
	bench_submit(&b, &b.admin, (struct nvio_sqe){ .opcode = nvme_admin_abort_cmd }, true);
	bench_poll(&b);
	event = lose_events(&b);
	b.raised[0] = 0;
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_INTMC, 4, 1);
	CU_ASSERT_EQUAL(b.raised[0], 1);
	CU_ASSERT_TRUE(untouched(event));
	bench_free(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "refuses what is no memory", refuses_what_is_no_memory },
		{ "is idle without its memory", is_idle_without_its_memory },
		{ "asks for changes at rest", asks_for_changes_at_rest },
		{ "asks with INTx", asks_with_intx },
		{ "asks for room", asks_for_room },
		{ "forgets a deleted queue", forgets_a_deleted_queue },
		{ "reads registers behind the page", reads_registers_behind_the_page },
		{ "stopped it asks for nothing", stopped_it_asks_for_nothing },
		{ "running it asks in what is there", running_it_asks_in_what_is_there },
		{ "unmasking asks in what is there", unmasking_asks_in_what_is_there },
	};

	return tap_run("emu_shadow", tests, sizeof(tests) / sizeof(tests[0]));
}
