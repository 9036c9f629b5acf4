/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_wakeups [N]: N I/Os at each of some depths, every wait for them asleep and bounded.
 *
 * A wait that runs into its bound while a completion is there missed its wake-up. nvio_wait() tells
 * of it in the log, a loop on the descriptor sees it for itself.
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "stack.h"

#define DEPTH_MAX  31u
#define THREADS    4u
#define BOUND_MS   1000
#define BOUNDS_MAX 60 /* of a wait: a busy machine may take some of them */

/* Completions come at any time before, while and after the thread falls asleep: they take up to so
 * long, and it takes up to as long before it waits for the first one. */
#define EMU        "latency=1us-25us"
#define LATENCY_NS 25000u

static uint64_t nr_ios = 30000;
static unsigned int nr_told; /* log lines about a missing interrupt */
static uint64_t expected[STACK_BUFS]; /* how blocks begin */

struct job;

/* Waits for at least one completion. Returns how many there are at @done, or a negative number. */
typedef int wait_fn(struct job *job, struct nvio_completion *done);

struct job {
	struct nvio_ns *ns;
	struct nvio_qpair *qpair;
	wait_fn *wait;
	uint8_t *bufs; /* a block for each slot */
	uint64_t nr;
	uint64_t queued;
	uint64_t completed;
	uint64_t lost;
	uint64_t wrong; /* statuses, data, calls */
	uint64_t slept;
	uint64_t random;
	unsigned int depth;
	unsigned int block[DEPTH_MAX]; /* that a slot reads + 1; 0 when it is free */
};

static void hear(void *arg, enum nvio_log_level level, const char *line)
{
	(void)arg;
	(void)level;
	if (strstr(line, "without an interrupt"))
		__atomic_fetch_add(&nr_told, 1, __ATOMIC_RELAXED);
}

static int wait_in_library(struct job *job, struct nvio_completion *done)
{
	return nvio_wait(job->qpair, done, 1, (int)job->depth, BOUNDS_MAX * SECOND);
}

static bool is_readable(struct nvio_qpair *qpair)
{
	struct pollfd fd = { .fd = nvio_qpair_fd(qpair), .events = POLLIN };

	return poll(&fd, 1, BOUND_MS) == 1 && fd.revents == POLLIN;
}

static int wait_in_loop(struct job *job, struct nvio_completion *done)
{
	for (int i = 0; i < BOUNDS_MAX; i++) {
		bool woken = is_readable(job->qpair);
		bool armed = nvio_qpair_arm(job->qpair) == 1;
		int n = nvio_poll(job->qpair, done, (int)job->depth);

		/* The signal may be behind its completion, but not for long. */
		if (n > 0 && !woken && !armed && !is_readable(job->qpair))
			job->lost++;
		if (n)
			return n;
	}
	return -ETIMEDOUT;
}

static void queue(struct job *job)
{
	unsigned int slot = 0, block = (unsigned int)(job->queued % STACK_BUFS);

	while (job->block[slot])
		slot++;
	memset(job->bufs + (size_t)slot * BLOCK, 0, sizeof(expected[0]));
	job->wrong += nvio_read(job->qpair, job->ns, job->bufs + (size_t)slot * BLOCK, block, 1, 0,
				slot) != 0;
	job->block[slot] = block + 1;
	job->queued++;
}

static void take(struct job *job, const struct nvio_completion *done)
{
	unsigned int slot = (unsigned int)done->user_data;

	job->completed++;
	if (done->user_data >= job->depth || !job->block[slot] || done->status ||
	    memcmp(job->bufs + (size_t)slot * BLOCK, &expected[job->block[slot] - 1],
		   sizeof(expected[0])))
		job->wrong++;
	if (done->user_data < job->depth)
		job->block[slot] = 0;
}

static uint64_t sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nvcsw;
}

/* Lets some time pass, as a program that has other work does. */
static void dawdle(struct job *job)
{
	uint64_t start = now_ns();

	job->random = job->random * 6364136223846793005u + 1442695040888963407u;
	while (now_ns() - start < (job->random >> 33) % (LATENCY_NS / job->depth))
		;
}

static void *run(void *arg)
{
	struct nvio_completion done[DEPTH_MAX];
	struct job *job = arg;
	uint64_t before = sleeps();

	while (job->completed < job->nr && !job->wrong) {
		int n;

		while (job->queued < job->nr && job->queued - job->completed < job->depth)
			queue(job);
		nvio_submit(job->qpair);
		dawdle(job);
		n = job->wait(job, done);
		job->wrong += n <= 0;
		for (int i = 0; i < n; i++)
			take(job, &done[i]);
	}
	job->slept = sleeps() - before;
	return NULL;
}

static void begin(struct job *job, struct stack *s, unsigned int depth, wait_fn *wait)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;

	nr_told = 0;
	*job = (struct job){ .ns = s->ns, .wait = wait, .nr = nr_ios, .depth = depth };
	opts.depth = (uint16_t)depth;
	opts.interrupts = true;
	opts.spin_ns = NVIO_NO_SPIN;
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s->ctrl, &opts, &job->qpair), 0);
	job->bufs = nvio_alloc(nvio_ctrl_iommu(s->ctrl), (size_t)depth * BLOCK, BLOCK);
	CU_ASSERT_PTR_NOT_NULL_FATAL(job->bufs);
}

/* Every command once, none late, each doorbell for something, and asleep in between. */
static void end(struct job *job)
{
	struct nvio_qpair_stats stats;

	CU_ASSERT_EQUAL(job->wrong, 0);
	CU_ASSERT_EQUAL(job->lost, 0);
	CU_ASSERT_EQUAL(job->completed, job->nr);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(job->qpair), 0);
	CU_ASSERT_EQUAL(nvio_qpair_get_stats(job->qpair, &stats, sizeof(stats)), 0);
	CU_ASSERT_EQUAL(stats.submitted, job->nr);
	CU_ASSERT_EQUAL(stats.completed, job->nr);
	/* A controller may hold an interrupt back until it knows that the ones before were seen. */
	CU_ASSERT_EQUAL(stats.cq_doorbells, stats.polls - stats.idle_polls);
	CU_ASSERT(job->slept > job->nr / job->depth / 8);
	nvio_qpair_free(job->qpair);
}

static void open_filled(struct stack *s, const char *options)
{
	uint8_t block[BLOCK];

	stack_open(s, options, NULL);
	stack_write_all(s);
	for (unsigned int i = 0; i < STACK_BUFS; i++) {
		stack_fill(block, i);
		memcpy(&expected[i], block, sizeof(expected[i]));
	}
	nvio_log_set(hear, NULL, NVIO_LOG_WARN);
	nr_told = 0;
}

static void at_depth(unsigned int depth)
{
	static const struct {
		const char *name;
		wait_fn *wait;
	} ways[] = { { "nvio_wait", wait_in_library }, { "loop", wait_in_loop } };
	struct stack s;

	open_filled(&s, EMU);
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t start = now_ns();
		struct job job;

		begin(&job, &s, depth, ways[i].wait);
		run(&job);
		printf("# depth %u, %s: %" PRIu64 " I/Os in %.1f s, slept %" PRIu64
		       " times, %" PRIu64 " wake-ups lost\n",
		       depth, ways[i].name, job.completed, (double)(now_ns() - start) / SECOND,
		       job.slept, job.lost + nr_told);
		end(&job);
		CU_ASSERT_EQUAL(nr_told, 0);
	}
	stack_close(&s);
}

static void at_depth_1(void)
{
	at_depth(1);
}

static void at_depth_8(void)
{
	at_depth(8);
}

static void at_depth_31(void)
{
	at_depth(31);
}

/* Threads whose queue pairs share vectors: every signal is for all, and none takes it away. */
static void share(const char *options, wait_fn *wait)
{
	pthread_t threads[THREADS];
	struct job jobs[THREADS];
	struct stack s;

	open_filled(&s, options);
	for (unsigned int i = 0; i < THREADS; i++) {
		begin(&jobs[i], &s, i + 1, wait);
		jobs[i].nr = nr_ios / THREADS;
	}
	for (unsigned int i = 0; i < THREADS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, run, &jobs[i]), 0);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned int i = 0; i < THREADS; i++)
		end(&jobs[i]);
	CU_ASSERT_EQUAL(nr_told, 0);
	stack_close(&s);
}

static void on_shared_vectors(void)
{
	share("vectors=3," EMU, wait_in_library);
	share("vectors=3," EMU, wait_in_loop);
}

static void on_a_single_vector(void)
{
	share("vectors=1," EMU, wait_in_library);
	share("vectors=1," EMU, wait_in_loop);
}

/* What the others rely on: a wake-up that gets lost is counted. It always sleeps here. */
static void counts_what_is_lost(void)
{
	struct job job;
	struct stack s;

	open_filled(&s, "latency=50ms,fault=no-irq+skip=5+count=2");
	begin(&job, &s, 1, wait_in_library);
	job.nr = 6;
	run(&job);
	CU_ASSERT_EQUAL(job.completed, 6);
	CU_ASSERT_EQUAL(nr_told, 1);
	job.wait = wait_in_loop;
	job.nr = 8;
	run(&job);
	CU_ASSERT_EQUAL(job.completed, 8);
	CU_ASSERT_EQUAL(job.lost, 1);
	CU_ASSERT_EQUAL(job.wrong, 0);
	stack_close(&s);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		{ "at depth 1", at_depth_1 },
		{ "at depth 8", at_depth_8 },
		{ "at depth 31", at_depth_31 },
		{ "on shared vectors", on_shared_vectors },
		{ "on a single vector", on_a_single_vector },
		{ "what is lost is counted", counts_what_is_lost },
	};

	if (argc > 1)
		nr_ios = strtoull(argv[1], NULL, 0);
	return tap_run("wake-ups", tests, sizeof(tests) / sizeof(tests[0]));
}
