/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rings that somebody else has used: where they go on is found in them alone. The test is the
 * controller, which knows.
 */
#include <errno.h>
#include <string.h>

#include "nvme/handover.h"
#include "qpair_bench.h"
#include "tap.h"

#define DEPTH   4u
#define ENTRIES (DEPTH + 1)

static void read_one(struct bench *b, uint64_t id)
{
	struct nvio_completion done;
	const struct nvio_sqe *sqe;

	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, id % 100, 1, 0, id), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b->qpair), 1);
	sqe = fetch(b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(sqe);
	CU_ASSERT_EQUAL(sqe->cdw10, id % 100);
	complete(b, sqe->cid, 0, 0);
	CU_ASSERT_EQUAL_FATAL(nvio_poll(&b->qpair, &done, 1), 1);
	CU_ASSERT_EQUAL(done.user_data, id);
	CU_ASSERT_EQUAL(nvio_poll(&b->qpair, &done, 1), 0);
}

/* The queue pair of another program, in the same memory; the controller notices nothing. */
static int replace(struct bench *b)
{
	struct nvio_qpair_shape shape = { .depth = DEPTH,
					  .page_len = 4096,
					  .max_transfer = 1u << 20 };
	struct nvio_sqe *sq = b->qpair.sq;
	struct nvio_cqe *cq = b->qpair.cq;

	b->qpair.sq = NULL;
	b->qpair.cq = NULL;
	nvio_qpair_fini(&b->qpair, b->iommu);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_init(&b->qpair, b->iommu, &shape), 0);
	b->qpair.sq_doorbell = &b->sq_doorbell;
	b->qpair.cq_doorbell = &b->cq_doorbell;
	b->qpair.ctrl = &b->ctrl;
	nvio_qpair_take_rings(&b->qpair, b->iommu, sq, cq);
	return nvio_rings_resume(&b->qpair);
}

/* After so many commands, in each place of the rings and with each phase: it goes on, and on. */
static void resumed(void)
{
	for (unsigned int before = 0; before <= 4 * ENTRIES; before++) {
		struct bench b;
		uint64_t id = 1;

		setup(&b, DEPTH);
		for (unsigned int i = 0; i < before; i++)
			read_one(&b, id++);
		for (int i = 0; i < 3; i++) {
			CU_ASSERT_EQUAL(replace(&b), 0);
			for (unsigned int j = 0; j <= ENTRIES; j++)
				read_one(&b, id++);
		}
		teardown(&b);
	}
}

static void nonsense(void)
{
	struct bench b;

	setup(&b, DEPTH);
	read_one(&b, 1);
	b.qpair.cq[0].sq_head = ENTRIES;
	CU_ASSERT_EQUAL(replace(&b), -EPROTO);
	CU_ASSERT(strstr(nvio_last_error(), "the next of 5 entries is 5") != NULL);
	teardown(&b);
}

static const struct tap_test tests[] = {
	{ "rings go on", resumed },
	{ "completions that make no sense", nonsense },
};

int main(void)
{
	return tap_run("takeover", tests, sizeof(tests) / sizeof(tests[0]));
}
