/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a controller says at the wrong moment, or again and again, while it is reset: no request
 * waits for ever, and none has less than its time.
 */
#include <string.h>

#include "fake_clock.h"
#include "restart_bench.h"

#define NOON 43200000u

/* Aborted with its queue, though nobody deletes that: so often and no more, also after a reset that
 * the application wanted. */
static void aborted_without_end(void)
{
	struct nvio_completion done = { 0 };
	unsigned int sent = 0;
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	b.qpair.reset_was_asked = true;
	queue_read(&b, 5);
	nvio_submit(&b.qpair);
	reset(&b, 1);
	while (sent < 10 && !poll_one(&b, &done)) {
		complete(&b, next_command(&b)->cid, SQ_DELETED, 0);
		sent++;
	}
	CU_ASSERT_EQUAL(sent, 3);
	CU_ASSERT_EQUAL(done.user_data, 5);
	CU_ASSERT_EQUAL(done.status, HOST_ABORTED);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	end(&b);
}

/* A reset in which it is aborted with its queue is one. Returns whether the command is there. */
static bool reset_that_aborts(struct bench *b)
{
	tell(b, NVIO_CALL_HOLD);
	complete(b, next_command(b)->cid, SQ_DELETED, 0);
	expect_nothing(b, 1);
	tell(b, NVIO_CALL_RESTART);
	expect_nothing(b, 1);
	start_afresh(b);
	tell(b, NVIO_CALL_NONE);
	expect_nothing(b, 1);
	return b->sq_doorbell == 1;
}

/* @often: resets that its command outlives; all of them when the application wants them. */
static void aborted_in_resets(bool asked, unsigned int often)
{
	struct nvio_completion done = { 0 };
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	b.qpair.reset_was_asked = asked;
	queue_read(&b, 5);
	nvio_submit(&b.qpair);
	for (unsigned int i = 0; i < often; i++)
		CU_ASSERT_TRUE_FATAL(reset_that_aborts(&b));
	if (asked) {
		serve(&b, 5);
		expect_done(&b, 5, 0);
	} else {
		tell(&b, NVIO_CALL_HOLD);
		complete(&b, next_command(&b)->cid, SQ_DELETED, 0);
		CU_ASSERT_EQUAL(poll_one(&b, &done), 1);
		CU_ASSERT_EQUAL(done.status, HOST_ABORTED);
	}
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	end(&b);
}

static void each_reset_counts_once(void)
{
	aborted_in_resets(false, 2);
	aborted_in_resets(true, 10);
}

/* It asks for another reset, although its owner has just answered to one. */
static void a_lie_before_its_queues_are_there(void)
{
	struct nvio_completion done;
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	queue_read(&b, 5);
	nvio_submit(&b.qpair);
	tell(&b, NVIO_CALL_HOLD);
	expect_nothing(&b, 1);
	tell(&b, NVIO_CALL_RESTART);
	expect_nothing(&b, 1);
	CU_ASSERT_EQUAL(b.qpair.call, NVIO_CALL_READY);
	start_afresh(&b);
	/* The recovery's thread is there, and does nothing yet. */
	b.ctrl.up = true;
	b.ctrl.recovery.closing = false;
	b.ctrl.recovery.running = true;
	b.qpair.qid = 1;
	complete(&b, 0x7777, 0, 0);
	poll_one(&b, &done);
	CU_ASSERT_TRUE(b.ctrl.recovery.wanted);
	b.qpair.qid = 0;
	/* That one is of use. */
	b.ctrl.recovery.wanted = false;
	reset(&b, 1);
	serve(&b, 5);
	expect_done(&b, 5, 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	b.ctrl.recovery.running = false;
	b.ctrl.recovery.closing = true;
	end(&b);
}

/* Nobody could be told that the rings are as new: each poll tries again. */
static void nobody_hears(void)
{
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	queue_read(&b, 5);
	nvio_submit(&b.qpair);
	tell(&b, NVIO_CALL_HOLD);
	expect_nothing(&b, 1);
	tell(&b, NVIO_CALL_RESTART);
	expect_nothing(&b, 1);
	CU_ASSERT_EQUAL(b.qpair.answered, NVIO_CALL_READY);
	/* As it is when no thread could be started. */
	b.qpair.answered = NVIO_CALL_RESTART;
	b.ctrl.recovery.ready = false;
	expect_nothing(&b, 1);
	CU_ASSERT_TRUE(b.ctrl.recovery.ready);
	CU_ASSERT_EQUAL(b.qpair.answered, NVIO_CALL_READY);
	start_afresh(&b);
	tell(&b, NVIO_CALL_NONE);
	expect_nothing(&b, 1);
	serve(&b, 5);
	expect_done(&b, 5, 0);
	end(&b);
}

/* Its controller could not be put to sleep, and no thread could be started to reset it: each poll
 * asks again for what has the command completed. */
static void half_asleep_and_nobody_hears(void)
{
	struct nvio_recovery *r;
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	r = &b.ctrl.recovery;
	b.ctrl.qpairs = &b.qpair;
	tell(&b, NVIO_CALL_ASLEEP);
	r->rest = NVIO_REST_FAILED;
	queue_read(&b, 5);
	expect_nothing(&b, 1);
	CU_ASSERT_FALSE(r->wanted);
	/* Now there is one. */
	r->closing = false;
	r->running = true;
	expect_nothing(&b, 1);
	CU_ASSERT_TRUE(r->wanted);
	/* It tells of what the controller does, other than to wake it. */
	CU_ASSERT_FALSE(r->asked);
	r->wanted = false;
	r->rest = NVIO_REST_NONE;
	reset(&b, 1);
	serve(&b, 5);
	expect_done(&b, 5, 0);
	r->running = false;
	r->closing = true;
	end(&b);
}

/* How long the queues take to be made is not the commands' time. */
static void time_begins_with_the_queues(void)
{
	struct nvio_completion done;
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH, .timeout_ms = 80 });
	fake_ms = NOON;
	clock_is_fake = true;
	queue_read(&b, 5);
	nvio_submit(&b.qpair);
	tell(&b, NVIO_CALL_HOLD);
	expect_nothing(&b, 1);
	tell(&b, NVIO_CALL_RESTART);
	expect_nothing(&b, 1);
	start_afresh(&b);
	for (uint64_t ms = 0; ms <= 200; ms += 5) {
		fake_ms = NOON + ms;
		expect_nothing(&b, 1);
	}
	tell(&b, NVIO_CALL_NONE);
	for (uint64_t ms = 200; ms < 280; ms += 5) {
		fake_ms = NOON + ms;
		CU_ASSERT_EQUAL(poll_one(&b, &done), 0);
		CU_ASSERT_FALSE(b.qpair.attention & NVIO_ATTENTION_FAILED);
	}
	serve(&b, 5);
	expect_done(&b, 5, 0);
	clock_is_fake = false;
	end(&b);
}

/* What commands before a reset left in slots is in none of those sent after it. */
static void slots_are_clean(void)
{
	static const struct nvio_sqe vendor = { .opcode = 0xc0, .nsid = 7, .cdw15 = 1 };
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	for (uint64_t i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(nvio_passthrough(&b.qpair, &vendor, NULL, 0, NULL, 0, 0, i), 0);
		nvio_submit(&b.qpair);
		complete(&b, next_command(&b)->cid, 0, 0);
		expect_done(&b, i, 0);
	}
	queue_read(&b, 0);
	queue_read(&b, 1);
	nvio_submit(&b.qpair);
	reset(&b, 2);
	for (uint64_t i = 2; i < 7; i++)
		queue_read(&b, i);
	nvio_submit(&b.qpair);
	for (uint64_t i = 0; i < 7; i++) {
		const struct nvio_sqe *sqe = next_command(&b);

		CU_ASSERT_EQUAL(sqe->cdw10, i);
		CU_ASSERT_EQUAL(sqe->cdw15, 0);
		complete(&b, sqe->cid, 0, 0);
		expect_done(&b, i, 0);
	}
	end(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "aborted without end", aborted_without_end },
		{ "each reset counts once", each_reset_counts_once },
		{ "a lie before its queues are there", a_lie_before_its_queues_are_there },
		{ "nobody hears", nobody_hears },
		{ "half asleep, and nobody hears", half_asleep_and_nobody_hears },
		{ "time begins with the queues", time_begins_with_the_queues },
		{ "slots are clean", slots_are_clean },
	};

	return tap_run("restart, odd", tests, sizeof(tests) / sizeof(tests[0]));
}
