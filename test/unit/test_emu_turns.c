/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose turn it is: submission queues by turns and by priority, which the order in one completion
 * queue shows; and interrupts that wait for more completions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emu_bench.h"

#define NR_SQS     6u
#define SQ_ENTRIES 256u
#define SQ_AT(id)  (BENCH_DATA + 0x100000 + (id)*0x10000ull)

enum { URGENT, HIGH, MEDIUM, LOW };

static struct emu_bench b;
static struct bench_queue sqs[NR_SQS + 1]; /* by identifier; completions come to queue 1 */

static void make_sq(uint16_t id, uint32_t priority)
{
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_CREATE_SQ, .prp1 = SQ_AT(id) };

	sqe.cdw10 = id | (SQ_ENTRIES - 1) << 16;
	sqe.cdw11 = 1u << 16 | priority << 1 | 1;
	CU_ASSERT_EQUAL_FATAL(bench_admin(&b, sqe), 0);
	sqs[id] = (struct bench_queue){ .sq = SQ_AT(id), .entries = SQ_ENTRIES, .id = id };
}

static void set_feature(uint8_t fid, uint32_t value)
{
	struct nvio_sqe sqe = { .opcode = nvme_admin_set_features, .cdw10 = fid, .cdw11 = value };

	CU_ASSERT_EQUAL(bench_admin(&b, sqe), 0);
}

/* Six submission queues of these priorities before one completion queue; @ams: CC.AMS. */
static void setup(uint8_t ams, const uint32_t priorities[NR_SQS])
{
	struct nvio_sqe cq = { .opcode = NVIO_ADMIN_CREATE_CQ, .prp1 = BENCH_CQ };

	bench_new(&b, "null");
	b.ams = ams;
	CU_ASSERT_EQUAL_FATAL(bench_enable(&b), 1);
	b.io = (struct bench_queue){ .cq = BENCH_CQ, .entries = 1024, .id = 1, .phase = 1 };
	cq.cdw10 = 1 | 1023u << 16;
	cq.cdw11 = 1;
	CU_ASSERT_EQUAL_FATAL(bench_admin(&b, cq), 0);
	for (uint16_t id = 1; id <= NR_SQS; id++)
		make_sq(id, priorities[id - 1]);
}

static void submit(uint16_t id, uint32_t nr)
{
	while (nr--)
		bench_submit(&b, &sqs[id], bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA), true);
}

struct turn {
	unsigned int sq, nr;
};

static int by_sq(const void *a, const void *b2)
{
	return (int)((const struct turn *)a)->sq - (int)((const struct turn *)b2)->sq;
}

/* The turns of one round, such as "1*4 2*4" for four commands of queue 1 and then four of queue 2;
 * @sorted by queue, as another one begins each round. */
static const char *round_of(bool sorted)
{
	struct turn turns[64] = { 0 };
	static char text[512];
	struct nvio_cqe cqe;
	size_t nr = 0, len = 0;

	nvio_emu_ctrl_poll(b.ctrl);
	while (bench_reap(&b, &b.io, &cqe) && nr < 64) {
		if (!nr || turns[nr - 1].sq != cqe.sq_id)
			turns[nr++].sq = cqe.sq_id;
		turns[nr - 1].nr++;
	}
	if (sorted)
		qsort(turns, nr, sizeof(turns[0]), by_sq);
	text[0] = '\0';
	for (size_t i = 0; i < nr; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u*%u", i ? " " : "",
					turns[i].sq, turns[i].nr);
	return text;
}

static const uint32_t none[NR_SQS];

static void by_turns(void)
{
	struct nvio_sqe get = { .opcode = nvme_admin_get_features, .cdw10 = 1 };
	uint32_t value = 0;

	setup(0, none);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CAP, 8) >> 17 & 3, 1);
	CU_ASSERT_EQUAL(bench_do(&b, &b.admin, get, &value), 0);
	CU_ASSERT_EQUAL(value, 6);
	submit(1, 100);
	submit(2, 70);
	CU_ASSERT_STRING_EQUAL(round_of(true), "1*64 2*64");
	CU_ASSERT_STRING_EQUAL(round_of(true), "1*36 2*6");
	set_feature(1, 2);
	submit(1, 6);
	submit(2, 9);
	submit(4, 1);
	CU_ASSERT_STRING_EQUAL(round_of(true), "1*4 2*4 4*1");
	CU_ASSERT_STRING_EQUAL(round_of(true), "1*2 2*4");
	CU_ASSERT_STRING_EQUAL(round_of(true), "2*1");
	set_feature(1, 0);
	submit(1, 2);
	submit(6, 2);
	CU_ASSERT_STRING_EQUAL(round_of(true), "1*1 6*1");
	CU_ASSERT_STRING_EQUAL(round_of(true), "1*1 6*1");
	/* No limit. */
	set_feature(1, 7);
	submit(3, 200);
	submit(5, 100);
	CU_ASSERT_STRING_EQUAL(round_of(true), "3*200 5*100");
	bench_free(&b);
}

static void by_priority(void)
{
	static const uint32_t priorities[NR_SQS] = { HIGH, HIGH, MEDIUM, LOW, URGENT, URGENT };

	setup(1, priorities);
	/* High 8, medium 4, low 2 in bursts of 4. */
	set_feature(1, 7u << 24 | 3u << 16 | 1u << 8 | 2);
	for (uint16_t id = 1; id <= 4; id++)
		submit(id, 40);
	for (int i = 0; i < 4; i++) {
		const char *text = round_of(false);

		CU_ASSERT(!strcmp(text, "1*4 2*4 3*4 4*2") || !strcmp(text, "2*4 1*4 3*4 4*2"));
	}
	/* One queue of a class has all of its weight. */
	bench_free(&b);
	setup(1, priorities);
	set_feature(1, 7u << 24 | 3u << 16 | 1u << 8 | 2);
	submit(1, 40);
	submit(4, 3);
	CU_ASSERT_STRING_EQUAL(round_of(false), "1*8 4*2");
	/* Urgent ones first, and alone until there are none. */
	submit(5, 6);
	submit(6, 5);
	CU_ASSERT_STRING_EQUAL(round_of(false), "5*4 6*4 5*2 6*1");
	CU_ASSERT_STRING_EQUAL(round_of(false), "1*8 4*1");
	CU_ASSERT_STRING_EQUAL(round_of(false), "1*8");
	bench_free(&b);
}

static void without_choosing_so(void)
{
	static const uint32_t priorities[NR_SQS] = { LOW, HIGH, MEDIUM, LOW, URGENT, URGENT };

	setup(0, priorities);
	set_feature(1, 7u << 24 | 3u << 16 | 1u << 8 | 2);
	for (uint16_t id = 1; id <= NR_SQS; id++)
		submit(id, 1);
	CU_ASSERT_STRING_EQUAL(round_of(true), "1*1 2*1 3*1 4*1 5*1 6*1");
	bench_free(&b);
	bench_new(&b, "null");
	b.ams = 2;
	CU_ASSERT_EQUAL(bench_enable(&b), 2);
	bench_free(&b);
}

/* A queue that keeps itself full does not keep the admin queue waiting. */
static void admin_gets_its_turn(void)
{
	static const uint32_t urgent[NR_SQS] = { URGENT, LOW, LOW, LOW, LOW, LOW };
	struct nvio_sqe identify = { .opcode = NVIO_ADMIN_IDENTIFY,
				     .prp1 = BENCH_DATA,
				     .cdw10 = NVME_IDENTIFY_CNS_CTRL };

	setup(1, urgent);
	set_feature(1, 7);
	for (int i = 0; i < 20; i++) {
		submit(1, 200);
		CU_ASSERT_EQUAL(bench_admin(&b, identify), 0);
		while (round_of(false)[0])
			continue;
	}
	bench_free(&b);
}

static unsigned int raised(unsigned int vector)
{
	unsigned int nr = b.raised[vector];

	b.raised[vector] = 0;
	return nr;
}

/* So many reads on queue pair 1, whose vector is 1, and how often that was raised. */
static unsigned int read_blocks(unsigned int nr)
{
	struct nvio_cqe cqe;

	raised(1);
	for (unsigned int i = 0; i < nr; i++) {
		bench_submit(&b, &b.io, bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA), true);
		nvio_emu_ctrl_poll(b.ctrl);
		CU_ASSERT_EQUAL(bench_reap(&b, &b.io, &cqe), true);
	}
	return raised(1);
}

/* One that nobody reaps. */
static void read_unseen(void)
{
	bench_submit(&b, &b.io, bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA), true);
	nvio_emu_ctrl_poll(b.ctrl);
}

static bool raised_within(unsigned int ms)
{
	for (unsigned int i = 0; i < 10 * ms && !b.raised[1]; i++) {
		usleep(100);
		nvio_emu_ctrl_poll(b.ctrl);
	}
	return raised(1) == 1;
}

#define COALESCE 8
#define VECTOR   9

static void held_back_by_number(void)
{
	bench_new(&b, "null");
	bench_start(&b, 64);
	CU_ASSERT_EQUAL(read_blocks(10), 10);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_next_event(b.ctrl), UINT64_MAX);
	/* Four, or after 25.5 ms. */
	set_feature(COALESCE, 255u << 8 | 3);
	CU_ASSERT_EQUAL(read_blocks(3), 0);
	CU_ASSERT_EQUAL(read_blocks(1), 1);
	CU_ASSERT_EQUAL(read_blocks(8), 2);
	/* Those of one round count one by one. */
	for (int i = 0; i < 5; i++)
		bench_submit(&b, &b.io, bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA), i == 4);
	nvio_emu_ctrl_poll(b.ctrl);
	CU_ASSERT_EQUAL(raised(1), 1);
	/* The wrap of the queue is no more than that. */
	for (int i = 0; i < 5; i++) {
		struct nvio_cqe cqe;

		bench_reap(&b, &b.io, &cqe);
	}
	CU_ASSERT_EQUAL(read_blocks(100), 25);
	/* Never of the admin queue. */
	raised(0);
	set_feature(4, 0x157);
	CU_ASSERT_EQUAL(raised(0), 1);
	bench_free(&b);
}

static void held_back_for_a_time(void)
{
	uint64_t next;

	bench_new(&b, "null");
	bench_start(&b, 64);
	set_feature(COALESCE, 255u << 8 | 255);
	raised(1);
	read_unseen();
	CU_ASSERT_EQUAL(raised(1), 0);
	next = nvio_emu_ctrl_next_event(b.ctrl);
	CU_ASSERT_NOT_EQUAL(next, UINT64_MAX);
	read_unseen();
	CU_ASSERT_EQUAL(nvio_emu_ctrl_next_event(b.ctrl), next);
	CU_ASSERT_TRUE(raised_within(2000));
	CU_ASSERT_EQUAL(nvio_emu_ctrl_next_event(b.ctrl), UINT64_MAX);
	/* Seen before its time has come: there is nothing to tell of. */
	bench_free(&b);
	bench_new(&b, "null");
	bench_start(&b, 64);
	set_feature(COALESCE, 5u << 8 | 255);
	CU_ASSERT_EQUAL(read_blocks(1), 0);
	CU_ASSERT_FALSE(raised_within(5));
	CU_ASSERT_EQUAL(nvio_emu_ctrl_next_event(b.ctrl), UINT64_MAX);
	bench_free(&b);
}

static void switched_off(void)
{
	struct nvio_sqe get = { .opcode = nvme_admin_get_features, .cdw10 = VECTOR, .cdw11 = 1 };
	uint32_t value = 0;

	bench_new(&b, "null");
	bench_start(&b, 64);
	set_feature(COALESCE, 255u << 8 | 3);
	read_unseen();
	raised(1);
	/* For this vector; what it held back is told of. */
	set_feature(VECTOR, 1u << 16 | 1);
	nvio_emu_ctrl_poll(b.ctrl);
	CU_ASSERT_EQUAL(raised(1), 1);
	CU_ASSERT_EQUAL(bench_do(&b, &b.admin, get, &value), 0);
	CU_ASSERT_EQUAL(value, 1u << 16 | 1);
	CU_ASSERT_EQUAL(read_blocks(5), 5);
	set_feature(VECTOR, 1);
	CU_ASSERT_EQUAL(read_blocks(3), 0);
	/* For all; no time is no coalescing. */
	set_feature(COALESCE, 3);
	CU_ASSERT_EQUAL(read_blocks(5), 5);
	/* A reset ends it. */
	set_feature(COALESCE, 255u << 8 | 3);
	set_feature(VECTOR, 1u << 16 | 1);
	nvio_emu_ctrl_write(b.ctrl, NVME_REG_CC, 4, 0);
	bench_start(&b, 64);
	CU_ASSERT_EQUAL(bench_do(&b, &b.admin, get, &value), 0);
	CU_ASSERT_EQUAL(value, 1);
	CU_ASSERT_EQUAL(read_blocks(5), 5);
	bench_free(&b);
}

/* As many vectors as there are, however few the queues. */
static void vectors_without_queues(void)
{
	struct nvio_sqe cq = { .opcode = NVIO_ADMIN_CREATE_CQ, .prp1 = BENCH_CQ };

	bench_new(&b, "null,queues=1,vectors=100");
	CU_ASSERT_EQUAL_FATAL(bench_enable(&b), 1);
	set_feature(COALESCE, 255u << 8 | 3);
	set_feature(VECTOR, 1u << 16 | 99);
	b.io = (struct bench_queue){
		.sq = SQ_AT(1), .cq = BENCH_CQ, .entries = 64, .id = 1, .phase = 1
	};
	cq.cdw10 = 1 | 63u << 16;
	cq.cdw11 = 99u << 16 | 3;
	CU_ASSERT_EQUAL_FATAL(bench_admin(&b, cq), 0);
	cq = (struct nvio_sqe){ .opcode = NVIO_ADMIN_CREATE_SQ, .prp1 = SQ_AT(1) };
	cq.cdw10 = 1 | 63u << 16;
	cq.cdw11 = 1u << 16 | 1;
	CU_ASSERT_EQUAL_FATAL(bench_admin(&b, cq), 0);
	read_unseen();
	CU_ASSERT_EQUAL(raised(99), 1);
	set_feature(VECTOR, 99);
	read_unseen();
	CU_ASSERT_EQUAL(raised(99), 0);
	CU_ASSERT_NOT_EQUAL(nvio_emu_ctrl_next_event(b.ctrl), UINT64_MAX);
	bench_free(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "by turns", by_turns },
		{ "by priority", by_priority },
		{ "priorities nobody asked for", without_choosing_so },
		{ "the admin queue", admin_gets_its_turn },
		{ "interrupts held back by number", held_back_by_number },
		{ "interrupts held back for a time", held_back_for_a_time },
		{ "interrupts not held back", switched_off },
		{ "more vectors than queues", vectors_without_queues },
	};

	return tap_run("emu_turns", tests, sizeof(tests) / sizeof(tests[0]));
}
