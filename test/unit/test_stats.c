/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters of a queue pair: exact, and right to another thread at any moment.
 */
#include <pthread.h>
#include <string.h>

#include "path_bench.h"

#define READ_ERROR 0x281u
#define DNR        0x4000u

static void check(const struct bench *b, struct nvio_qpair_stats expected)
{
	struct nvio_qpair_stats stats;

	CU_ASSERT_EQUAL(nvio_qpair_get_stats(&b->qpair, &stats, sizeof(stats)), 0);
	CU_ASSERT_EQUAL(stats.polls, expected.polls);
	CU_ASSERT_EQUAL(stats.idle_polls, expected.idle_polls);
	CU_ASSERT_EQUAL(stats.submitted, expected.submitted);
	CU_ASSERT_EQUAL(stats.completed, expected.completed);
	CU_ASSERT_EQUAL(stats.sq_doorbells, expected.sq_doorbells);
	CU_ASSERT_EQUAL(stats.cq_doorbells, expected.cq_doorbells);
	CU_ASSERT_EQUAL(stats.splits, expected.splits);
	CU_ASSERT_EQUAL(stats.retries, expected.retries);
	CU_ASSERT_EQUAL(stats.errors, expected.errors);
	CU_ASSERT_EQUAL(stats.doorbells_spared, expected.doorbells_spared);
}

static void count_everything(void)
{
	struct nvio_completion done[8];
	struct nvio_qpair_stats old;
	struct bench b;
	uint16_t cids[4];

	path_setup(&b, &(struct path){ .max_transfer = 8192, .max_retries = 1, .depth = 4 });
	check(&b, (struct nvio_qpair_stats){ 0 });
	nvio_poll(&b.qpair, done, 8);
	nvio_submit(&b.qpair);
	check(&b, (struct nvio_qpair_stats){ .polls = 1, .idle_polls = 1 });
	nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 1);
	nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 1);
	check(&b, (struct nvio_qpair_stats){ .polls = 1, .idle_polls = 1 });
	nvio_submit(&b.qpair);
	check(&b, (struct nvio_qpair_stats){ 1, 1, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0 });
	cids[0] = next_command(&b)->cid;
	cids[1] = next_command(&b)->cid;
	complete(&b, cids[0], 0, 0);
	complete(&b, cids[1], 0, 0);
	nvio_poll(&b.qpair, done, 8);
	check(&b, (struct nvio_qpair_stats){ 2, 1, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0 });
	/* Six parts in four places; a poll submits, too. */
	nvio_read(&b.qpair, &b.ns, b.buf, 0, 96, 0, 1);
	nvio_poll(&b.qpair, done, 8);
	check(&b, (struct nvio_qpair_stats){ 3, 2, 6, 2, 2, 1, 1, 0, 0, 0, 0, 0 });
	for (int i = 0; i < 4; i++)
		complete(&b, next_command(&b)->cid, 0, 0);
	nvio_poll(&b.qpair, done, 8);
	check(&b, (struct nvio_qpair_stats){ 4, 2, 8, 6, 3, 2, 1, 0, 0, 0, 0, 0 });
	/* A part is sent again, and fails for good: one request with an error. */
	complete(&b, next_command(&b)->cid, READ_ERROR, 0);
	complete(&b, next_command(&b)->cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), 0);
	check(&b, (struct nvio_qpair_stats){ 5, 2, 9, 8, 4, 3, 1, 1, 0, 0, 0, 0 });
	complete(&b, next_command(&b)->cid, READ_ERROR, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), 1);
	check(&b, (struct nvio_qpair_stats){ 6, 2, 9, 9, 4, 4, 1, 1, 1, 0, 0, 0 });
	/* What is refused counts nowhere. */
	nvio_read(&b.qpair, &b.ns, b.buf, PATH_BLOCKS, 1, 0, 1);
	check(&b, (struct nvio_qpair_stats){ 6, 2, 9, 9, 4, 4, 1, 1, 1, 0, 0, 0 });
	/* A busy poll that is seen before it was counted as one. */
	b.qpair.stats.busy_polls += 7;
	nvio_qpair_get_stats(&b.qpair, &old, sizeof(old));
	CU_ASSERT_EQUAL(old.idle_polls, 0);
	b.qpair.stats.busy_polls -= 7;
	/* A caller of an older version, who knew no more than polls. */
	memset(&old, 0x55, sizeof(old));
	nvio_qpair_get_stats(&b.qpair, &old, sizeof(old.polls));
	CU_ASSERT_EQUAL(old.polls, 6);
	CU_ASSERT_EQUAL(old.idle_polls, 0x5555555555555555);
	path_teardown(&b);
}

/* Another thread, which reads all the time. */
struct reader {
	const struct nvio_qpair *qpair;
	bool stop;
	uint64_t reads;
	unsigned int wrong;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;
	struct nvio_qpair_stats before = { 0 }, now;

	do {
		nvio_qpair_get_stats(r->qpair, &now, sizeof(now));
		/* Nothing goes back, and what has to come first did. */
		r->wrong += now.polls < before.polls || now.submitted < before.submitted ||
			    now.completed < before.completed || now.retries < before.retries ||
			    now.errors < before.errors;
		r->wrong += now.completed > now.submitted || now.idle_polls > now.polls ||
			    now.sq_doorbells > now.submitted || now.cq_doorbells > now.completed;
		before = now;
		__atomic_fetch_add(&r->reads, 1, __ATOMIC_RELAXED);
	} while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE));
	return NULL;
}

static void read_and_fail(struct bench *b, uint64_t nr)
{
	struct nvio_completion done[4];

	for (uint64_t i = 0; i < nr; i++) {
		nvio_read(&b->qpair, &b->ns, b->buf, 0, i % 100 ? 1 : 20, 0, i);
		nvio_submit(&b->qpair);
		for (const struct nvio_sqe *sqe; (sqe = fetch(b));)
			complete(b, sqe->cid, i % 100 == 50 ? READ_ERROR | DNR : 0, 0);
		nvio_poll(&b->qpair, done, 4);
	}
}

static void another_thread_reads(void)
{
	struct reader reader = { 0 };
	uint64_t rounds = 0;
	struct bench b;
	pthread_t thread;

	path_setup(&b, &(struct path){ .max_transfer = 8192, .max_retries = 1, .depth = 4 });
	reader.qpair = &b.qpair;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, read_on, &reader), 0);
	/* It may have to wait for a processor. */
	do {
		read_and_fail(&b, 200000);
		rounds++;
	} while (__atomic_load_n(&reader.reads, __ATOMIC_RELAXED) <= 10 && rounds < 1000);
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(reader.wrong, 0);
	CU_ASSERT_TRUE(reader.reads > 10);
	CU_ASSERT_EQUAL(b.qpair.stats.completed, 202000 * rounds);
	CU_ASSERT_EQUAL(b.qpair.stats.errors, 2000 * rounds);
	path_teardown(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "count everything", count_everything },
		{ "another thread reads", another_thread_reads },
	};

	return tap_run("stats", tests, sizeof(tests) / sizeof(tests[0]));
}
