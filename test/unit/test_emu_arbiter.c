/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose turn it is: commands of several queues with priorities, and how many of each the software
 * controller takes in a round.
 */
#include "emu_bench.h"

enum { URGENT, HIGH, MEDIUM, LOW, NR_CLASSES };

#define ENTRIES 64u
#define WRR     (1u << 11) /* CC.AMS */
#define HEAP    (BENCH_DATA + 0x100000) /* rings of the test's queues */

#define ARBITRATION(high, medium, low, burst) \
	(((high)-1u) << 24 | ((medium)-1u) << 16 | ((low)-1u) << 8 | (burst))

/* Queue pair 1 + i has priority i; they are empty. */
struct queues {
	struct emu_bench b;
	struct bench_queue q[NR_CLASSES];
	unsigned int taken[NR_CLASSES];
};

static void make_queue(struct queues *s, uint16_t i)
{
	struct nvio_sqe cq = { .opcode = NVIO_ADMIN_CREATE_CQ, .cdw11 = 1 };
	struct nvio_sqe sq = { .opcode = NVIO_ADMIN_CREATE_SQ };

	s->q[i] = (struct bench_queue){ .sq = HEAP + i * 0x4000u,
					.cq = HEAP + i * 0x4000u + 0x2000,
					.entries = ENTRIES,
					.id = (uint16_t)(i + 1),
					.phase = 1 };
	cq.prp1 = s->q[i].cq;
	sq.prp1 = s->q[i].sq;
	cq.cdw10 = sq.cdw10 = (ENTRIES - 1) << 16 | s->q[i].id;
	sq.cdw11 = (uint32_t)s->q[i].id << 16 | (uint32_t)i << 1 | NVIO_QUEUE_CONTIGUOUS;
	CU_ASSERT_EQUAL_FATAL(bench_admin(&s->b, cq), 0);
	CU_ASSERT_EQUAL_FATAL(bench_admin(&s->b, sq), 0);
}

static void start(struct queues *s, uint32_t ams, uint32_t arbitration)
{
	struct nvio_sqe set = { .opcode = NVIO_ADMIN_SET_FEATURES,
				.cdw10 = NVME_FEAT_FID_ARBITRATION,
				.cdw11 = arbitration };

	*s = (struct queues){ 0 };
	bench_new(&s->b, "null");
	CU_ASSERT_EQUAL_FATAL(bench_enable(&s->b), 1);
	nvio_emu_ctrl_write(s->b.ctrl, NVME_REG_CC, 4, 0);
	s->b.admin.tail = s->b.admin.head = 0;
	s->b.admin.phase = 1;
	nvio_emu_ctrl_write(s->b.ctrl, NVME_REG_CC, 4, 1 | ams | 6u << 16 | 4u << 20);
	CU_ASSERT_EQUAL_FATAL(nvio_emu_ctrl_read(s->b.ctrl, NVME_REG_CSTS, 4), 1);
	CU_ASSERT_EQUAL(bench_admin(&s->b, set), 0);
	for (uint16_t i = 0; i < NR_CLASSES; i++)
		make_queue(s, i);
}

static void submit(struct queues *s, unsigned int i, unsigned int nr)
{
	while (nr--)
		bench_submit(&s->b, &s->q[i], bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA), true);
}

/* One round; how many completions each queue got in it. */
static void one_round(struct queues *s)
{
	struct nvio_cqe cqe;

	nvio_emu_ctrl_poll(s->b.ctrl);
	for (unsigned int i = 0; i < NR_CLASSES; i++) {
		s->taken[i] = 0;
		while (bench_reap(&s->b, &s->q[i], &cqe)) {
			CU_ASSERT_EQUAL(cqe.status, 0);
			s->taken[i]++;
		}
	}
}

static void expect(struct queues *s, unsigned int urgent, unsigned int high, unsigned int medium,
		   unsigned int low)
{
	one_round(s);
	CU_ASSERT_EQUAL(s->taken[URGENT], urgent);
	CU_ASSERT_EQUAL(s->taken[HIGH], high);
	CU_ASSERT_EQUAL(s->taken[MEDIUM], medium);
	CU_ASSERT_EQUAL(s->taken[LOW], low);
}

static void weighs(void)
{
	struct queues s;

	start(&s, WRR, ARBITRATION(8, 4, 2, 0));
	for (unsigned int i = HIGH; i < NR_CLASSES; i++)
		submit(&s, i, 30);
	expect(&s, 0, 8, 4, 2);
	expect(&s, 0, 8, 4, 2);
	/* Urgent ones as long as there are any. */
	submit(&s, URGENT, 3);
	expect(&s, 3, 0, 0, 0);
	expect(&s, 0, 8, 4, 2);
	/* What a class has not got is nobody's. */
	expect(&s, 0, 6, 4, 2);
	expect(&s, 0, 0, 4, 2);
	bench_free(&s.b);
}

static void urgent_comes_first(void)
{
	struct queues s;

	start(&s, WRR, ARBITRATION(1, 1, 1, 2));
	for (unsigned int i = 0; i < NR_CLASSES; i++)
		submit(&s, i, 20);
	expect(&s, 20, 0, 0, 0);
	expect(&s, 0, 1, 1, 1);
	submit(&s, URGENT, 1);
	expect(&s, 1, 0, 0, 0);
	expect(&s, 0, 1, 1, 1);
	bench_free(&s.b);
}

/* Priorities mean nothing where the host has not asked for them; the burst does. */
static void takes_turns(void)
{
	struct queues s;

	start(&s, 0, ARBITRATION(8, 4, 2, 3));
	for (unsigned int i = 0; i < NR_CLASSES; i++)
		submit(&s, i, 20);
	expect(&s, 8, 8, 8, 8);
	expect(&s, 8, 8, 8, 8);
	expect(&s, 4, 4, 4, 4);
	bench_free(&s.b);
	/* Without a limit, too, each has its turn. */
	start(&s, 0, ARBITRATION(1, 1, 1, 7));
	for (unsigned int i = 0; i < NR_CLASSES; i++)
		submit(&s, i, 63);
	expect(&s, 63, 63, 63, 63);
	bench_free(&s.b);
}

static void may_lack_it(void)
{
	struct emu_bench b;

	bench_new(&b, "wrr=off");
	CU_ASSERT_EQUAL(NVME_CAP_AMS(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CAP, 8)), 0);
	CU_ASSERT_EQUAL(bench_enable(&b), 1);
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_CC, 4, 0);
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_CC, 4, 1 | WRR | 6u << 16 | 4u << 20);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CSTS, 4), 2);
	bench_free(&b);
}

static bool (*settle)(struct emu_bus *bus);

/* What the client was first waited for took long. */
static bool settle_late(struct emu_bus *bus)
{
	bus->hold = true;
	return settle(bus);
}

/* What is left of a round waits for the next one, with each way of taking turns. */
static void ends_a_round(void)
{
	static const uint32_t ways[] = { 0, WRR };
	struct queues s;

	for (int i = 0; i < 2; i++) {
		unsigned int taken = 1;

		bench_remote = true;
		start(&s, ways[i], ARBITRATION(4, 4, 4, 3));
		for (unsigned int j = 0; j < NR_CLASSES; j++)
			submit(&s, j, 5);
		settle = s.b.bus.remote_settle;
		s.b.bus.remote_settle = settle_late;
		for (unsigned int nr = 0; nr < 5 * NR_CLASSES && taken == 1; nr++) {
			s.b.bus.hold = false;
			one_round(&s);
			taken = s.taken[0] + s.taken[1] + s.taken[2] + s.taken[3];
		}
		CU_ASSERT_EQUAL(taken, 1);
		s.b.bus.hold = false;
		expect(&s, 0, 0, 0, 0);
		bench_remote = false;
		bench_free(&s.b);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "weighs", weighs },
		{ "urgent comes first", urgent_comes_first },
		{ "takes turns", takes_turns },
		{ "may lack it", may_lack_it },
		{ "ends a round", ends_a_round },
	};

	return tap_run("emu_arbiter", tests, sizeof(tests) / sizeof(tests[0]));
}
