/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a reset leaves as it was, and what it does to commands of each kind: controllers that are
 * reset by the application and by themselves.
 */
#include <stdio.h>
#include <unistd.h>

#include "load.h"
#include "stack.h"

#define ADMIN_SET_FEATURES 0x09
#define ADMIN_GET_FEATURES 0x0a
#define ABANDONED          0x371
#define HOST_MEMORY        0x0du

static struct nvio_ctrl_stats stats_of(struct nvio_ctrl *ctrl)
{
	struct nvio_ctrl_stats stats;

	nvio_ctrl_get_stats(ctrl, &stats, sizeof(stats));
	return stats;
}

static uint32_t get_feature(struct nvio_ctrl *ctrl, uint32_t fid, uint32_t cdw11)
{
	struct nvio_sqe sqe = { .opcode = ADMIN_GET_FEATURES, .cdw10 = fid, .cdw11 = cdw11 };
	uint32_t value = 0xdead;

	CU_ASSERT_EQUAL(nvio_admin(ctrl, &sqe, NULL, 0, &value), 0);
	return value;
}

static void set_feature(struct nvio_ctrl *ctrl, uint32_t fid, uint32_t cdw11)
{
	struct nvio_sqe sqe = { .opcode = ADMIN_SET_FEATURES, .cdw10 = fid, .cdw11 = cdw11 };

	CU_ASSERT_EQUAL(nvio_admin(ctrl, &sqe, NULL, 0, NULL), 0);
}

/* Under load, with all that a controller was told to be different from what it is by itself. */
static void rides(const char *device, const struct nvio_ctrl_opts *opts, uint32_t nr)
{
	struct nvio_ctrl_info before, after;
	static struct load load;
	struct load_counts counts;
	struct nvio_ctrl *ctrl;

	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(device, opts, &ctrl), 0);
	nvio_ctrl_get_info(ctrl, &before, sizeof(before));
	load_start(&load, ctrl, nvio_ctrl_ns(ctrl, 1), 4, 20000, 3, NULL);
	for (uint32_t i = 0; i < nr; i++) {
		CU_ASSERT_TRUE_FATAL(load_goes_on(&load, 20, 20 * SECOND));
		CU_ASSERT_EQUAL(nvio_ctrl_reset(ctrl), 0);
	}
	CU_ASSERT_TRUE(load_goes_on(&load, 20, 20 * SECOND));
	counts = load_stop(&load);
	CU_ASSERT_EQUAL(counts.lost + counts.doubled + counts.corrupted, 0);
	CU_ASSERT_EQUAL(counts.submitted, counts.completed);
	CU_ASSERT_EQUAL(counts.failed, counts.abandoned);
	CU_ASSERT_EQUAL(stats_of(ctrl).recoveries, nr);
	CU_ASSERT_EQUAL(stats_of(ctrl).subsystem_resets, 0);
	nvio_ctrl_get_info(ctrl, &after, sizeof(after));
	CU_ASSERT_EQUAL(memcmp(&before, &after, sizeof(before)), 0);
	nvio_ctrl_close(ctrl);
}

static void queue_pairs_of_all_kinds_come_back(void)
{
	struct nvio_ctrl_opts opts = stack_opts();

	rides("emu:lba=4096,size=16M", &opts, 20);
	/* Doorbells by message, vectors that are shared, the admin queue's among them. */
	opts.shadow_doorbells = NVIO_OFF;
	rides("emu:lba=4096,size=16M,mmap=off,vectors=1", &opts, 10);
	opts.shadow_doorbells = NVIO_ON;
	rides("emu:lba=4096,size=16M,vectors=2", &opts, 20);
	rides("emu:lba=4096,size=16M,mmap=off", &opts, 10);
}

/* The software controller signs each page that it was lent, and fails when one is not what it
 * was. */
static void lent_memory_comes_back(void)
{
	struct nvio_ctrl_opts opts = stack_opts();
	struct nvio_ctrl *ctrl;
	struct nvio_sqe sqe = { .opcode = ADMIN_GET_FEATURES, .cdw10 = HOST_MEMORY };
	uint8_t attributes[4096];
	uint32_t value = 0;

	rides("emu:lba=4096,size=16M,hmb=8M", &opts, 10);
	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open("emu:hmb=8M", &opts, &ctrl), 0);
	CU_ASSERT_EQUAL(nvio_ctrl_reset(ctrl), 0);
	CU_ASSERT_EQUAL(nvio_admin(ctrl, &sqe, attributes, sizeof(attributes), &value), 0);
	CU_ASSERT_EQUAL(value & 1, 1);
	nvio_ctrl_close(ctrl);
}

static void priorities_come_back(void)
{
	struct nvio_ctrl_opts opts = stack_opts();
	struct nvio_qpair_opts qpair_opts = NVIO_QPAIR_OPTS;
	uint32_t arbitration;
	struct stack s;

	opts.arbitration = NVIO_WEIGHTED;
	opts.weights[0] = 100;
	opts.burst = 16;
	qpair_opts.priority = NVIO_PRIORITY_LOW;
	stack_open_with(&s, "wrr=on", &opts, &qpair_opts);
	stack_write_all(&s);
	arbitration = get_feature(s.ctrl, 1, 0);
	CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
	CU_ASSERT_EQUAL(get_feature(s.ctrl, 1, 0), arbitration);
	CU_ASSERT_EQUAL(arbitration >> 24, 99);
	CU_ASSERT_EQUAL(arbitration & 7, 4);
	stack_read(&s, 0, 15);
	stack_expect(&s, 0, 15, 16);
	stack_close(&s);
}

static void features_come_back(void)
{
	const struct {
		uint32_t fid, part, value;
	} set[] = { { 0x04, 0, 0x150 }, { 0x09, 1, 0x10001 }, { 0x09, 2, 0x10002 },
		    { 0x06, 0, 0 },     { 0x0b, 0, 0x100 },   { 0x08, 0, 0x304 } };
	struct nvio_ctrl_opts opts = stack_opts();
	uint32_t values[6];
	struct stack s;

	stack_open_with(&s, "vwc=on", &opts, NULL);
	/* The last one counts. */
	set_feature(s.ctrl, 0x04, 0x000170);
	for (int i = 0; i < 6; i++)
		set_feature(s.ctrl, set[i].fid, set[i].value);
	for (int i = 0; i < 6; i++)
		values[i] = get_feature(s.ctrl, set[i].fid, set[i].part);
	CU_ASSERT_EQUAL(values[0], 0x150);
	for (int round = 0; round < 3; round++) {
		CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
		for (int i = 0; i < 6; i++)
			CU_ASSERT_EQUAL(get_feature(s.ctrl, set[i].fid, set[i].part), values[i]);
	}
	stack_close(&s);
}

/* One write of a block, whose completion is dropped by "drop"; returns its status. */
static int write_dropped(struct stack *s, unsigned int block, unsigned int flags)
{
	struct iovec iov = { stack_buf(s, block), BLOCK };
	struct nvio_io io = NVIO_IO;
	struct nvio_completion done = { .status = 0xffff };

	io.opcode = NVIO_OP_WRITE;
	io.slba = block;
	io.nr_blocks = 1;
	io.iov = &iov;
	io.nr_iov = 1;
	io.flags = flags;
	stack_fill(stack_buf(s, block), block);
	CU_ASSERT_EQUAL(nvio_io(s->qpair, s->ns, &io, 77), 0);
	CU_ASSERT_EQUAL(nvio_wait(s->qpair, &done, 1, 1, 10 * SECOND), 1);
	CU_ASSERT_EQUAL(done.user_data, 77);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s->qpair), 0);
	return done.status;
}

static struct nvio_qpair_stats qpair_stats(const struct stack *s)
{
	struct nvio_qpair_stats stats;

	nvio_qpair_get_stats(s->qpair, &stats, sizeof(stats));
	return stats;
}

static void commands_that_may_run_twice_do(void)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct stack s;

	opts.timeout_ms = 200;
	stack_open(&s, "fault=drop+opcode=1+count=1", &opts);
	CU_ASSERT_EQUAL(write_dropped(&s, 3, 0), 0);
	CU_ASSERT_EQUAL(qpair_stats(&s).resent, 1);
	CU_ASSERT_EQUAL(qpair_stats(&s).abandoned, 0);
	CU_ASSERT_EQUAL(stack_read_one(&s, 3), 0);
	CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, 3), 3), 0);
	stack_close(&s);
}

static void commands_that_must_not_end(void)
{
	for (int i = 0; i < 2; i++) {
		struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
		struct stack s;

		opts.timeout_ms = 200;
		opts.no_resend = i;
		stack_open(&s, "fault=drop+opcode=1+count=1", &opts);
		CU_ASSERT_EQUAL(write_dropped(&s, 3, i ? 0 : NVIO_IO_ONCE), ABANDONED);
		CU_ASSERT_EQUAL(qpair_stats(&s).resent, 0);
		CU_ASSERT_EQUAL(qpair_stats(&s).abandoned, 1);
		CU_ASSERT_EQUAL(stack_read_one(&s, 3), 0);
		stack_close(&s);
	}
}

/* Both halves of a fused pair end as one, whichever was dropped. */
static void fused_commands_end_together(void)
{
	static const char *const faults[] = { "fault=drop+opcode=1+count=1",
					      "fault=drop+opcode=5+count=1" };

	for (int i = 0; i < 2; i++) {
		struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
		struct nvio_completion done[2];
		struct stack s;

		opts.timeout_ms = 200;
		stack_open(&s, faults[i], &opts);
		memset(stack_buf(&s, 0), 0, BLOCK);
		stack_fill(stack_buf(&s, 1), 1);
		CU_ASSERT_EQUAL(nvio_compare_and_write(s.qpair, s.ns, stack_buf(&s, 0),
						       stack_buf(&s, 1), 1, 1, 0, 5),
				0);
		CU_ASSERT_EQUAL(nvio_wait(s.qpair, done, 1, 2, 10 * SECOND), 1);
		CU_ASSERT_EQUAL(done[0].user_data, 5);
		CU_ASSERT_EQUAL(done[0].status, ABANDONED);
		CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 0);
		stack_close(&s);
	}
}

/* A command that brings the controller down each time does not do so for ever. */
static void poison_is_not_sent_for_ever(void)
{
	static const char *const faults[] = { "fault=drop+opcode=1+count=0",
					      "fault=cid+value=0xffff+opcode=1+count=0" };

	for (int i = 0; i < 2; i++) {
		struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
		struct stack s;

		opts.timeout_ms = 200;
		stack_open(&s, faults[i], &opts);
		CU_ASSERT_EQUAL(write_dropped(&s, 3, 0), ABANDONED);
		CU_ASSERT_EQUAL(qpair_stats(&s).resent, 2);
		CU_ASSERT_EQUAL(qpair_stats(&s).abandoned, 1);
		CU_ASSERT_EQUAL(stats_of(s.ctrl).recoveries, 3);
		CU_ASSERT_EQUAL(stack_read_one(&s, 3), 0);
		stack_close(&s);
	}
}

/* Nobody has to poll a queue pair for others to go on, nor for a reset to end. */
static void idle_queue_pairs_hold_nobody_up(void)
{
	struct nvio_qpair *idle;
	struct stack s;

	stack_open(&s, "queues=8", NULL);
	idle = s.qpair;
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s.ctrl, NULL, &s.qpair), 0);
	stack_write_all(&s);
	for (unsigned int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
		CU_ASSERT_EQUAL(stack_read_one(&s, i), 0);
		CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, i), i), 0);
	}
	/* It comes back when it is wanted, and one that never came back can be freed. */
	nvio_qpair_free(s.qpair);
	s.qpair = idle;
	stack_read(&s, 0, 15);
	stack_expect(&s, 0, 15, 16);
	CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
	nvio_qpair_free(s.qpair);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s.ctrl, NULL, &s.qpair), 0);
	stack_read(&s, 0, 15);
	stack_expect(&s, 0, 15, 16);
	CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
	stack_close_within(&s, 2 * SECOND);
}

/* What was queued but not submitted is submitted once. */
static void what_was_only_queued_stays_queued(void)
{
	struct nvio_completion done[4];
	struct stack s;

	stack_open(&s, "queues=8", NULL);
	stack_write_all(&s);
	for (unsigned int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(nvio_read(s.qpair, s.ns, stack_buf(&s, i), i, 1, 0, i), 0);
	CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 4);
	CU_ASSERT_EQUAL(nvio_wait(s.qpair, done, 4, 4, 5 * SECOND), 4);
	for (unsigned int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, i), i), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 0);
	stack_close(&s);
}

/* A queue pair whose queues the controller does not give back is freed all the same. */
static void what_cannot_be_deleted_is_freed(void)
{
	struct nvio_ctrl_opts opts = stack_opts();
	struct stack s;

	opts.admin_timeout_ms = 300;
	stack_open_with(&s, "fault=drop+of=0+opcode=0+count=1", &opts, NULL);
	stack_write_all(&s);
	nvio_qpair_free(s.qpair);
	CU_ASSERT_EQUAL(stats_of(s.ctrl).recoveries, 1);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s.ctrl, NULL, &s.qpair), 0);
	CU_ASSERT_EQUAL(nvio_qpair_id(s.qpair), 1);
	stack_read(&s, 0, 15);
	stack_expect(&s, 0, 15, 16);
	stack_close_within(&s, 2 * SECOND);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "queue pairs of all kinds come back", queue_pairs_of_all_kinds_come_back },
		{ "lent memory comes back", lent_memory_comes_back },
		{ "priorities come back", priorities_come_back },
		{ "features come back", features_come_back },
		{ "commands that may run twice do", commands_that_may_run_twice_do },
		{ "commands that must not end", commands_that_must_not_end },
		{ "fused commands end together", fused_commands_end_together },
		{ "poison is not sent for ever", poison_is_not_sent_for_ever },
		{ "idle queue pairs hold nobody up", idle_queue_pairs_hold_nobody_up },
		{ "what was only queued stays queued", what_was_only_queued_stays_queued },
		{ "what cannot be deleted is freed", what_cannot_be_deleted_is_freed },
	};

	return tap_run("resets", tests, sizeof(tests) / sizeof(tests[0]));
}
