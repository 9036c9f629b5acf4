/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that goes away in the middle of all there can be: every request completes, once.
 */
#include <errno.h>
#include <string.h>

#include "nvme/tend.h"
#include "path_bench.h"

#define READ_ERROR   0x281u
#define HOST_ABORTED 0x371u
#define NR_REQUESTS  6u

/* Requests by their user data; what became of each. */
struct tally {
	unsigned int completed[NR_REQUESTS];
	uint16_t status[NR_REQUESTS];
	unsigned int nr;
	int last; /* what the last poll returned */
};

static void take(struct tally *tally, const struct nvio_completion *done)
{
	CU_ASSERT_FATAL(done->user_data < NR_REQUESTS);
	tally->completed[done->user_data]++;
	tally->status[done->user_data] = done->status;
	tally->nr++;
}

/* Polls until there is nothing more to be had. */
static void poll_out(struct bench *b, int max, struct tally *tally)
{
	struct nvio_completion done[NR_REQUESTS];

	for (unsigned int i = 0; i < 100; i++) {
		tally->last = nvio_poll(&b->qpair, done, max);
		if (tally->last < 0)
			return;
		for (int k = 0; k < tally->last; k++)
			take(tally, &done[k]);
	}
}

/*
 * One request of each kind: 0 submitted, 1 waiting to be sent again, 2 of parts that are all sent,
 * 3 a fused pair, 4 queued and not submitted, 5 of parts some of which are in line.
 */
static void queue_all(struct bench *b, uint16_t *cid_of_0)
{
	struct nvio_completion done;

	path_setup(b, &(struct path){ .max_transfer = 8192, .max_retries = 3, .depth = 8 });
	b->ctrl.retry_delay_ms[1] = 1000000;
	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, 0, 1, 0, 0), 0);
	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, 0, 1, 0, 1), 0);
	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, 0, 32, 0, 2), 0);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b->qpair, &b->ns, b->buf, b->buf, 0, 1, 0, 3), 0);
	CU_ASSERT_EQUAL(nvio_submit(&b->qpair), 6);
	*cid_of_0 = next_command(b)->cid;
	complete(b, next_command(b)->cid, READ_ERROR | 1u << 11, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b->qpair, &done, 1), 0);
	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, 0, 1, 0, 4), 0);
	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, 0, 48, 0, 5), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b->qpair), 6);
}

static void check_end(struct bench *b, const struct tally *tally, unsigned int nr)
{
	CU_ASSERT_EQUAL(tally->nr, nr);
	for (unsigned int i = 0; i < nr; i++)
		CU_ASSERT_EQUAL(tally->completed[i], 1);
	CU_ASSERT_EQUAL(tally->last, -ENODEV);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b->qpair), 0);
	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, 0, 1, 0, 0), -ENODEV);
	CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, 0, 48, 0, 0), -ENODEV);
	CU_ASSERT_EQUAL(nvio_flush(&b->qpair, &b->ns, 0), -ENODEV);
	CU_ASSERT_PTR_NULL(b->qpair.free);
	path_teardown(b);
}

/* With arrays of any length for the completions. */
static void in_the_middle_of_everything(void)
{
	for (int max = 1; max <= 7; max++) {
		struct tally tally = { 0 };
		struct bench b;
		uint16_t cid;

		queue_all(&b, &cid);
		nvio_qpair_gone(&b.qpair);
		poll_out(&b, max, &tally);
		for (unsigned int i = 0; i < 6; i++)
			CU_ASSERT_EQUAL(tally.status[i], HOST_ABORTED);
		CU_ASSERT_EQUAL(b.qpair.stats.errors, 6);
		check_end(&b, &tally, 6);
	}
}

/* Completions that nobody took before: their requests end like the others, once. */
static void with_completions_on_their_way(void)
{
	for (int max = 1; max <= 7; max++) {
		struct tally tally = { 0 };
		struct bench b;
		uint16_t cid;

		queue_all(&b, &cid);
		complete(&b, cid, 0, 7);
		complete(&b, next_command(&b)->cid, READ_ERROR | 0x4000, 0);
		nvio_qpair_gone(&b.qpair);
		poll_out(&b, max, &tally);
		CU_ASSERT_EQUAL(tally.status[0], HOST_ABORTED);
		check_end(&b, &tally, 6);
	}
}

/* A request that waits for its first tracker, and one that failed and has parts under way. */
static void with_requests_in_line(void)
{
	struct nvio_completion done;
	struct tally tally = { 0 };
	struct bench b;
	uint16_t cids[2];

	path_setup(&b, &(struct path){ .max_transfer = 8192, .depth = 2 });
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 64, 0, 0), 0);
	nvio_submit(&b.qpair);
	cids[0] = next_command(&b)->cid;
	cids[1] = next_command(&b)->cid;
	complete(&b, cids[0], READ_ERROR, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, &done, 1), 0);
	/* A tracker is free; a request for one command and one for two. */
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 32, 0, 1), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 2);
	nvio_qpair_gone(&b.qpair);
	poll_out(&b, 1, &tally);
	CU_ASSERT_EQUAL(tally.status[0], READ_ERROR);
	CU_ASSERT_EQUAL(tally.status[1], HOST_ABORTED);
	check_end(&b, &tally, 2);
}

/* Nothing outstanding, and said twice. */
static void when_idle(void)
{
	struct tally tally = { 0 };
	struct bench b;

	path_setup(&b, &(struct path){ 0 });
	nvio_qpair_gone(&b.qpair);
	nvio_qpair_gone(&b.qpair);
	poll_out(&b, 7, &tally);
	check_end(&b, &tally, 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "in the middle of everything", in_the_middle_of_everything },
		{ "with completions on their way", with_completions_on_their_way },
		{ "with requests in line", with_requests_in_line },
		{ "when idle", when_idle },
	};

	return tap_run("gone", tests, sizeof(tests) / sizeof(tests[0]));
}
