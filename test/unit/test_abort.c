/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Aborts of commands that are late, and what their queue pair makes of the answers: the test is the
 * thread of the recovery, and has the clock.
 */
#include "fake_clock.h"
#include "path_bench.h"

#define NOON 43200000u

static int poll_at(struct bench *b, uint64_t ms)
{
	struct nvio_completion done[8];

	fake_ms = ms;
	return nvio_poll(&b->qpair, done, 8);
}

/* A read of a block, submitted. Returns its identifier. */
static uint16_t read_one(struct bench *b, uint64_t slba)
{
	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, slba, 1, 0, slba), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b->qpair), 1);
	return next_command(b)->cid;
}

/* The recovery's thread, which the controller tells that it has not aborted the command. */
static void refuse(struct bench *b, uint16_t cid)
{
	struct nvio_recovery *r = &b->ctrl.recovery;

	r->aborts[0] = (struct nvio_abort){ b->qpair.qid, cid };
	r->nr_aborts = 1;
	nvio_recovery_send_aborts(&b->ctrl);
	CU_ASSERT_EQUAL(r->nr_aborts, 0);
}

/* One that has not been aborted, as it was completed meanwhile, says nothing of another. */
static void each_has_its_own_abort(void)
{
	static struct nvio_qpair admin;
	struct nvio_recovery *r;
	uint16_t cids[2];
	struct bench b;

	/* Time is taken with each poll. */
	path_setup(&b, &(struct path){ .timeout_ms = 80, .depth = 4, .interrupts = true });
	fake_ms = NOON;
	clock_is_fake = true;
	r = &b.ctrl.recovery;
	pthread_mutex_init(&r->lock, NULL);
	b.ctrl.up = b.ctrl.dead = b.qpair.sq_made = true;
	b.ctrl.admin = &admin;
	b.ctrl.qpairs = &b.qpair;
	/* Its thread is there, and does what it is told here. */
	r->running = true;
	for (uint64_t i = 0; i < 2; i++)
		cids[i] = read_one(&b, i);
	for (fake_ms = NOON; r->nr_aborts < 2 && fake_ms < NOON + 200;)
		CU_ASSERT_EQUAL(poll_at(&b, fake_ms + 5), 0);
	CU_ASSERT_EQUAL(r->nr_aborts, 2);
	complete(&b, cids[0], 0, 0);
	CU_ASSERT_EQUAL(poll_at(&b, fake_ms), 1);
	refuse(&b, cids[0]);
	CU_ASSERT_EQUAL(poll_at(&b, fake_ms + 11), 0);
	CU_ASSERT_FALSE(r->wanted);
	refuse(&b, cids[1]);
	CU_ASSERT_EQUAL(poll_at(&b, fake_ms), 0);
	CU_ASSERT_FALSE(r->wanted);
	/* A tick later. */
	CU_ASSERT_EQUAL(poll_at(&b, fake_ms + 11), 0);
	CU_ASSERT_TRUE(r->wanted);
	r->running = false;
	clock_is_fake = false;
	path_teardown(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "each has its own abort", each_has_its_own_abort },
	};

	return tap_run("abort", tests, sizeof(tests) / sizeof(tests[0]));
}
