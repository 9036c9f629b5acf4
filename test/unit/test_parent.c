/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of several commands among others: how many a queue pair takes, and that the counts hold.
 */
#include <errno.h>

#include "qpair_bench.h"
#include "tap.h"

#define COMMAND 256u /* blocks of the largest one */

/* The controller completes all that it has been told of. */
static void complete_all(struct bench *b)
{
	const struct nvio_sqe *sqe;

	while ((sqe = fetch(b)))
		complete(b, sqe->cid, 0, 0);
}

/*
 * A command of a larger request and another one are done, and the caller has room for one of them:
 * the request goes on all the same, so that it leaves no room for one too many.
 */
static void takes_as_many_as_its_depth(void)
{
	struct bench b;
	struct nvio_completion done[4];
	uint16_t single, part;

	setup(&b, 2);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 900, 1, 0, 1), 0);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 2 * COMMAND, 0, 2), 0);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 900, 1, 0, 3), -EAGAIN);
	CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 2);
	single = fetch(&b)->cid;
	part = fetch(&b)->cid;
	complete(&b, part, 0, 0);
	complete(&b, single, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 1), 1);
	CU_ASSERT_EQUAL(done[0].user_data, 1);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 900, 1, 0, 3), 0);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 900, 1, 0, 4), -EAGAIN);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 2);
	nvio_submit(&b.qpair);
	complete_all(&b);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 4), 2);
	CU_ASSERT_EQUAL(done[0].user_data + done[1].user_data, 2 + 3);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	teardown(&b);
}

/* Completed before the controller was told of it: the ring does not run over. */
static void is_told_of_first(void)
{
	struct bench b;
	struct nvio_completion done[4];

	setup(&b, 1);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 2 * COMMAND, 0, 1), 0);
	complete(&b, b.qpair.sq[0].cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 4), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
	CU_ASSERT_EQUAL(b.qpair.sq[0].cdw10, 0);
	CU_ASSERT_EQUAL(b.qpair.sq[1].cdw10, COMMAND);
	complete(&b, b.qpair.sq[1].cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 4), 1);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	teardown(&b);
}

/* Two of them take turns, each with a command under way; the first error of one ends it. */
static void go_on_side_by_side(void)
{
	struct bench b;
	struct nvio_completion done[4];

	setup(&b, 2);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 2 * COMMAND, 0, 2), 0);
	nvio_submit(&b.qpair);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 2 * COMMAND, 0, 3), -EAGAIN);
	complete(&b, fetch(&b)->cid, 0x4281, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 4), 0);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 2 * COMMAND, 0, 3), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 2);
	nvio_submit(&b.qpair);
	complete_all(&b);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 4), 1);
	CU_ASSERT_EQUAL(done[0].user_data, 2);
	CU_ASSERT_EQUAL(done[0].status, 0x4281);
	complete_all(&b);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 4), 1);
	CU_ASSERT_EQUAL(done[0].user_data, 3);
	CU_ASSERT_EQUAL(done[0].status, 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	teardown(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "takes as many as its depth", takes_as_many_as_its_depth },
		{ "is told of first", is_told_of_first },
		{ "go on side by side", go_on_side_by_side },
	};

	return tap_run("parent", tests, sizeof(tests) / sizeof(tests[0]));
}
