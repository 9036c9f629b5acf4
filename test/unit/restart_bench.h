/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue pair whose controller is reset, step by step: the test is the recovery and the
 * controller.
 */
#ifndef NVIO_TEST_UNIT_RESTART_BENCH_H
#define NVIO_TEST_UNIT_RESTART_BENCH_H

#include "nvme/recovery.h"
#include "nvme/restart.h"
#include "path_bench.h"

#define READ_ERROR   0x281u
#define SQ_DELETED   0x008u
#define HOST_ABORTED 0x371u
#define DEPTH        8u

static inline void begin(struct bench *b, const struct path *path)
{
	path_setup(b, path);
	/* No thread is started: this is its part. */
	b->ctrl.recovery.closing = true;
	b->qpair.sq_register = &b->sq_doorbell;
	b->qpair.cq_register = &b->cq_doorbell;
}

static inline void end(struct bench *b)
{
	path_teardown(b);
}

/* As the recovery does it. */
static inline void tell(struct bench *b, enum nvio_call call)
{
	__atomic_store_n(&b->qpair.call, call, __ATOMIC_RELEASE);
	if (call != NVIO_CALL_NONE)
		nvio_restart_hold(&b->qpair);
}

static inline int poll_one(struct bench *b, struct nvio_completion *done)
{
	return nvio_poll(&b->qpair, done, 1);
}

static inline void expect_nothing(struct bench *b, unsigned int outstanding)
{
	struct nvio_completion done;

	CU_ASSERT_EQUAL(poll_one(b, &done), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b->qpair), outstanding);
}

static inline void queue_read(struct bench *b, uint64_t slba)
{
	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf + slba * 4096, slba, 1, 0, slba), 0);
}

/* The controller that comes back begins at the beginning of both rings. */
static inline void start_afresh(struct bench *b)
{
	b->fetched = b->posted = 0;
	b->phase = 1;
	b->sq_doorbell = b->cq_doorbell = 0;
}

/* HOLD, RESTART, READY, NONE. */
static inline void reset(struct bench *b, unsigned int outstanding)
{
	tell(b, NVIO_CALL_HOLD);
	expect_nothing(b, outstanding);
	tell(b, NVIO_CALL_RESTART);
	expect_nothing(b, outstanding);
	CU_ASSERT_EQUAL(b->qpair.call, NVIO_CALL_READY);
	start_afresh(b);
	tell(b, NVIO_CALL_NONE);
	expect_nothing(b, outstanding);
}

/* Takes a command, looks at it and completes it. Returns its identifier. */
static inline uint16_t serve(struct bench *b, uint64_t slba)
{
	const struct nvio_sqe *sqe = next_command(b);

	CU_ASSERT_EQUAL(sqe_slba(sqe), slba);
	CU_ASSERT_EQUAL(sqe->prp1, iova_of(b, b->buf + slba * 4096));
	complete(b, sqe->cid, 0, 0);
	return sqe->cid;
}

static inline void expect_done(struct bench *b, uint64_t user_data, uint16_t status)
{
	struct nvio_completion done = { 0 };

	CU_ASSERT_EQUAL(poll_one(b, &done), 1);
	CU_ASSERT_EQUAL(done.user_data, user_data);
	CU_ASSERT_EQUAL(done.status, status);
}

#endif
