/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that a controller was never told of, because it was reset or put to sleep when they were
 * queued: they are sent, whatever they are, and all others as ever. And a controller that is not
 * put to sleep after all.
 */
#include <string.h>

#include "restart_bench.h"

/* A write that must not run twice. */
static void write_once(struct bench *b, uint64_t slba)
{
	struct iovec iov = { b->buf + slba * 4096, 512 };
	struct nvio_io io = NVIO_IO;

	io.opcode = NVIO_OP_WRITE;
	io.flags = NVIO_IO_ONCE;
	io.slba = slba;
	io.nr_blocks = 1;
	io.iov = &iov;
	io.nr_iov = 1;
	CU_ASSERT_EQUAL(nvio_io(&b->qpair, &b->ns, &io, slba), 0);
}

static void turn_rings(struct bench *b, unsigned int nr)
{
	for (uint64_t i = 0; i < nr; i++) {
		queue_read(b, i % 8);
		nvio_submit(&b->qpair);
		serve(b, i % 8);
		expect_done(b, i % 8, 0);
	}
}

/* Commands 5 to 7 are served, in any order, and complete well; nothing else is there. */
static void expect_the_untold(struct bench *b)
{
	unsigned int seen = 0;

	for (int i = 0; i < 3; i++) {
		const struct nvio_sqe *sqe = next_command(b);
		uint64_t slba = sqe_slba(sqe);

		complete(b, sqe->cid, 0, 0);
		expect_done(b, slba, 0);
		seen |= 1u << slba;
	}
	CU_ASSERT_EQUAL(seen, 0xe0);
	CU_ASSERT_PTR_NULL(fetch(b));
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b->qpair), 0);
}

/*
 * The controller was told of 3 and 4, and may have done half of 3. It is not told of 5 and 6,
 * though they were submitted, nor of 7. @first: what it is called for.
 */
static void caught_by(enum nvio_call first, unsigned int turn)
{
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	turn_rings(&b, turn);
	write_once(&b, 3);
	queue_read(&b, 4);
	nvio_submit(&b.qpair);
	next_command(&b);
	complete(&b, next_command(&b)->cid, 0, 0);
	b.ctrl.recovery.rest = NVIO_REST_ASLEEP;
	tell(&b, first);
	write_once(&b, 5);
	nvio_submit(&b.qpair);
	queue_read(&b, 6);
	nvio_submit(&b.qpair);
	expect_done(&b, 4, 0);
	/* A poll submits what is pending, so that this is the last thing before it starts over. */
	tell(&b, NVIO_CALL_HOLD);
	tell(&b, NVIO_CALL_RESTART);
	write_once(&b, 7);
	expect_done(&b, 3, HOST_ABORTED);
	CU_ASSERT_EQUAL(b.qpair.call, NVIO_CALL_READY);
	CU_ASSERT_EQUAL(b.qpair.stats.abandoned, 1);
	start_afresh(&b);
	tell(&b, NVIO_CALL_NONE);
	expect_nothing(&b, 3);
	expect_the_untold(&b);
	turn_rings(&b, 20);
	end(&b);
}

/* Wherever in the rings it happens. */
static void asleep(void)
{
	for (unsigned int turn = 0; turn < 20; turn++)
		caught_by(NVIO_CALL_ASLEEP, turn);
}

static void resets(void)
{
	for (unsigned int turn = 0; turn < 20; turn++)
		caught_by(NVIO_CALL_HOLD, turn);
}

/* A fused pair is one command for the controller, in this order. */
static void pairs_stay_together(void)
{
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	/* So that trackers are not in the order of the ring. */
	turn_rings(&b, 3);
	tell(&b, NVIO_CALL_HOLD);
	queue_read(&b, 1);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, 2, 1, 0, 2), 0);
	nvio_submit(&b.qpair);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, 3, 1, 0, 3), 0);
	tell(&b, NVIO_CALL_RESTART);
	expect_nothing(&b, 3);
	start_afresh(&b);
	tell(&b, NVIO_CALL_NONE);
	expect_nothing(&b, 3);
	serve(&b, 1);
	expect_done(&b, 1, 0);
	for (uint64_t i = 2; i <= 3; i++) {
		const struct nvio_sqe *compare = next_command(&b), *write = next_command(&b);

		CU_ASSERT_EQUAL(compare->opcode, NVIO_OP_COMPARE);
		CU_ASSERT_EQUAL(write->opcode, NVIO_OP_WRITE);
		CU_ASSERT_EQUAL(sqe_slba(compare), i);
		CU_ASSERT_EQUAL(sqe_slba(write), i);
		complete(&b, compare->cid, 0, 0);
		complete(&b, write->cid, 0, 0);
		expect_done(&b, i, 0);
	}
	CU_ASSERT_PTR_NULL(fetch(&b));
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	end(&b);
}

/* They are not sent again, so that none of these counts. */
static void again_and_again(void)
{
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	tell(&b, NVIO_CALL_HOLD);
	for (uint64_t i = 5; i <= 7; i++)
		write_once(&b, i);
	nvio_submit(&b.qpair);
	for (int i = 0; i < 5; i++) {
		tell(&b, NVIO_CALL_RESTART);
		expect_nothing(&b, 3);
		tell(&b, NVIO_CALL_HOLD);
		expect_nothing(&b, 3);
	}
	tell(&b, NVIO_CALL_RESTART);
	expect_nothing(&b, 3);
	start_afresh(&b);
	tell(&b, NVIO_CALL_NONE);
	expect_nothing(&b, 3);
	expect_the_untold(&b);
	end(&b);
}

static void lie_down(struct bench *b, struct nvio_recovery *r)
{
	b->ctrl.qpairs = &b->qpair;
	b->qpair.sq_made = b->qpair.cq_made = true;
	r->rest = NVIO_REST_FALLING;
	tell(b, NVIO_CALL_ASLEEP);
}

/* A command had come meanwhile: the queues are as they were, and both doorbells tell what is owed.
 */
static void not_after_all(void)
{
	struct nvio_recovery *r;
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	r = &b.ctrl.recovery;
	pthread_mutex_init(&r->lock, NULL);
	write_once(&b, 2);
	queue_read(&b, 3);
	nvio_submit(&b.qpair);
	lie_down(&b, r);
	write_once(&b, 5);
	nvio_submit(&b.qpair);
	serve(&b, 2);
	expect_done(&b, 2, 0);
	CU_ASSERT_EQUAL(b.sq_doorbell, 2);
	CU_ASSERT_EQUAL(b.cq_doorbell, 0);
	CU_ASSERT_EQUAL(b.qpair.call, NVIO_CALL_ASLEEP);
	nvio_recovery_call_off(&b.ctrl);
	expect_nothing(&b, 2);
	CU_ASSERT_EQUAL(b.qpair.call, NVIO_CALL_NONE);
	CU_ASSERT_EQUAL(b.sq_doorbell, 3);
	CU_ASSERT_EQUAL(b.cq_doorbell, 1);
	serve(&b, 3);
	expect_done(&b, 3, 0);
	serve(&b, 5);
	expect_done(&b, 5, 0);
	CU_ASSERT_EQUAL(b.cq_doorbell, 3);
	CU_ASSERT_EQUAL(b.qpair.stats.resent + b.qpair.stats.abandoned, 0);
	turn_rings(&b, 20);
	end(&b);
}

/* One whose queues were still to be made after a reset starts over again. */
static void not_after_all_without_queues(void)
{
	struct nvio_recovery *r;
	struct bench b;

	begin(&b, &(struct path){ .depth = DEPTH });
	r = &b.ctrl.recovery;
	pthread_mutex_init(&r->lock, NULL);
	queue_read(&b, 5);
	nvio_submit(&b.qpair);
	tell(&b, NVIO_CALL_RESTART);
	lie_down(&b, r);
	b.qpair.sq_made = b.qpair.cq_made = false;
	nvio_recovery_call_off(&b.ctrl);
	CU_ASSERT_EQUAL(b.qpair.call, NVIO_CALL_RESTART);
	expect_nothing(&b, 1);
	CU_ASSERT_EQUAL(b.qpair.call, NVIO_CALL_READY);
	start_afresh(&b);
	tell(&b, NVIO_CALL_NONE);
	expect_nothing(&b, 1);
	serve(&b, 5);
	expect_done(&b, 5, 0);
	end(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "asleep", asleep },
		{ "resets", resets },
		{ "pairs stay together", pairs_stay_together },
		{ "again and again", again_and_again },
		{ "not put to sleep after all", not_after_all },
		{ "...without queues", not_after_all_without_queues },
	};

	return tap_run("untold", tests, sizeof(tests) / sizeof(tests[0]));
}
