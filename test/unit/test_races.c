/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Another thread asks again and again for memory that a queue pair uses: it is refused, and the
 * requests never notice, though the memory is out of reach for a moment each time.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include "path_bench.h"

#define PAGE       4096u
#define NR_PAGES   16u
#define READ_ERROR 0x281u

struct race {
	struct bench b;
	char *p;
	uint64_t iova[NR_PAGES];
	bool stop;
	unsigned int refused;
	unsigned int others; /* other results than a refusal */
};

/* Every second page first: each is by itself for the device. */
static void register_pages(struct race *r)
{
	r->p = path_pages(NR_PAGES);
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = round; i < NR_PAGES; i += 2)
			nvio_mem_register(r->b.iommu, r->p + i * PAGE, PAGE, NVIO_DMA_RW);
	}
	for (unsigned int i = 0; i < NR_PAGES; i++)
		r->iova[i] = iova_of(&r->b, r->p + i * PAGE);
}

static void *ask(void *arg)
{
	struct race *r = arg;

	for (unsigned int i = 0; !__atomic_load_n(&r->stop, __ATOMIC_RELAXED); i++) {
		if (nvio_mem_unregister(r->b.iommu, r->p + i % NR_PAGES * PAGE, PAGE) != -EBUSY)
			r->others++;
		__atomic_fetch_add(&r->refused, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Whether a command of so many pages from @first on says so, word by word. */
static bool is_right(const struct race *r, const struct nvio_sqe *sqe, unsigned int first,
		     unsigned int nr)
{
	struct run runs[PATH_RUNS_MAX];
	unsigned int n = path_data(&r->b, sqe, nr * PAGE, runs), page = first;

	for (unsigned int i = 0; i < n; i++) {
		for (uint64_t at = 0; at < runs[i].len; at += PAGE)
			if (page == NR_PAGES || runs[i].iova + at != r->iova[page++])
				return false;
	}
	return page == first + nr;
}

/* A command that has all of the memory stays outstanding, in one of the places. */
static void start(struct race *r, const struct path *path, pthread_t *thread)
{
	const struct nvio_sqe cmd = { .opcode = 0x82 };
	struct iovec iov;

	*r = (struct race){ 0 };
	path_setup(&r->b, path);
	register_pages(r);
	iov = (struct iovec){ r->p, NR_PAGES * PAGE };
	CU_ASSERT_EQUAL(nvio_passthrough(&r->b.qpair, &cmd, &iov, 1, NULL, 0, 0, 9), 0);
	CU_ASSERT_EQUAL(nvio_submit(&r->b.qpair), 1);
	CU_ASSERT_TRUE(is_right(r, next_command(&r->b), 0, NR_PAGES));
	CU_ASSERT_EQUAL_FATAL(pthread_create(thread, NULL, ask, r), 0);
}

static void finish(struct race *r, pthread_t thread)
{
	__atomic_store_n(&r->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(r->others, 0);
	CU_ASSERT_TRUE(r->refused > 100);
	path_teardown(&r->b);
	munmap(r->p, NR_PAGES * PAGE);
}

/* Until the other thread has asked often enough to have met the requests at any point. */
static bool goes_on(struct race *r, unsigned int i)
{
	return i < 2000 || (i < 5000000 && __atomic_load_n(&r->refused, __ATOMIC_RELAXED) < 300000);
}

/* A command that is made again looks its memory up again. Returns how often something was wrong. */
static unsigned int repeat(struct race *r, unsigned int first, unsigned int nr)
{
	struct nvio_completion done;
	unsigned int wrong = 0;

	nvio_submit(&r->b.qpair);
	for (unsigned int i = 0; i < 20; i++) {
		const struct nvio_sqe *sqe = next_command(&r->b);

		wrong += !is_right(r, sqe, first, nr);
		complete(&r->b, sqe->cid, READ_ERROR, 0);
		wrong += nvio_poll(&r->b.qpair, &done, 1) != 0;
	}
	complete(&r->b, next_command(&r->b)->cid, 0, 0);
	return wrong + (nvio_poll(&r->b.qpair, &done, 1) != 1 || done.status);
}

static void repeated_commands(void)
{
	static struct race r;
	unsigned int wrong = 0, taken = 0;
	pthread_t thread;

	start(&r, &(struct path){ .max_retries = 254, .depth = 2 }, &thread);
	for (unsigned int i = 0; goes_on(&r, i); i++) {
		const unsigned int nr = 1 + i % 5, first = i % (NR_PAGES - nr);
		void *buf = r.p + first * PAGE;

		/* Refused now and then: nothing of it is in use yet. */
		if (nvio_read(&r.b.qpair, &r.b.ns, buf, 0, nr * 8, 0, 2))
			continue;
		taken++;
		wrong += repeat(&r, first, nr);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(taken > 100);
	finish(&r, thread);
}

/* A part that is sent late looks its memory up then. Returns as above. */
static unsigned int send_parts(struct race *r)
{
	struct nvio_completion done = { 0 };
	unsigned int wrong = 0;

	nvio_submit(&r->b.qpair);
	for (unsigned int part = 0; part < NR_PAGES / 2; part++) {
		const struct nvio_sqe *sqe = fetch(&r->b);

		/* It was given up. */
		if (!sqe)
			return wrong + 1;
		wrong += !is_right(r, sqe, part * 2, 2);
		complete(&r->b, sqe->cid, 0, 0);
		if (nvio_poll(&r->b.qpair, &done, 1) != (part == NR_PAGES / 2 - 1))
			wrong++;
	}
	return wrong + (done.status != 0);
}

static void late_parts(void)
{
	static struct race r;
	unsigned int wrong = 0, taken = 0;
	pthread_t thread;

	start(&r, &(struct path){ .boundary = 16, .depth = 2 }, &thread);
	for (unsigned int i = 0; goes_on(&r, i); i++) {
		if (nvio_read(&r.b.qpair, &r.b.ns, r.p, 0, NR_PAGES * 8, 0, 1))
			continue;
		taken++;
		wrong += send_parts(&r);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(taken > 100);
	finish(&r, thread);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "repeated commands", repeated_commands },
		{ "late parts", late_parts },
	};

	return tap_run("races", tests, sizeof(tests) / sizeof(tests[0]));
}
