/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Eight threads with a queue pair each on one controller: requests of all kinds, every one
 * verified and counted. NVIO_TORTURE_SECONDS says for how long; 60 under the sanitizer of threads,
 * else 2.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "io_model.h"

#define NR_THREADS 8u

#ifdef __SANITIZE_THREAD__
#define SECONDS 60
#else
#define SECONDS 2
#endif

struct thread {
	pthread_t pthread;
	struct traffic traffic;
	bool well;
};

static uint64_t seconds_from_now(int seconds)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec + (uint64_t)seconds) * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int choose_seconds(void)
{
	const char *text = getenv("NVIO_TORTURE_SECONDS");

	if (!text && getenv("NVIO_TEST_CYCLES"))
		return 2;
	return text ? atoi(text) : SECONDS;
}

/* Queue pairs of one command take no pairs. */
static unsigned int choose_left_out(uint16_t depth)
{
	return depth == 1 ? NO_FUSED : 0;
}

/* A region of the namespace each, other depths, other sizes; every other one sleeps between
 * completions, every third has no SGLs. */
static void prepare(struct thread *thread, unsigned int i, struct nvio_ctrl *ctrl,
		    uint32_t boundary, uint64_t until)
{
	static const uint16_t depths[NR_THREADS] = { 1, 2, 3, 8, 16, 32, 5, 64 };
	struct nvio_ns *ns = nvio_ctrl_ns(ctrl, 1);
	struct nvio_ns_info info;

	nvio_ns_get_info(ns, &info, sizeof(info));
	thread->traffic = (struct traffic){
		.ctrl = ctrl,
		.ns = ns,
		.first = info.nr_blocks / NR_THREADS * i,
		.nr_blocks = info.nr_blocks / NR_THREADS,
		.qpair_opts = { .size = sizeof(struct nvio_qpair_opts),
				.depth = depths[i],
				.interrupts = i % 2,
				.no_sgl = i % 3 == 2 },
		.max_len = depths[i] > 16 ? 128 * KIB : 1 * MIB,
		.requests = 50,
		.cover = !getenv("NVIO_TEST_CYCLES"),
		.until_ns = until,
		.boundary = boundary,
		.seed = choose_seed() * NR_THREADS + i,
		.leave_out = choose_left_out(depths[i]),
	};
}

static void *run(void *arg)
{
	struct thread *thread = arg;

	thread->well = traffic_run(&thread->traffic);
	return NULL;
}

/* All kinds that the mix has, none of which was refused. */
static void check_kinds(const struct traffic *t)
{
	const unsigned int left_out = choose_left_out(t->qpair_opts.depth);

	CU_ASSERT_EQUAL(t->leave_out, left_out);
	for (unsigned int op = 0; op < TRAFFIC_OPS; op++)
		CU_ASSERT_EQUAL(t->done[op] > 0, !(left_out & 1u << op));
}

static void check(const struct thread *thread)
{
	const struct traffic *t = &thread->traffic;
	char text[256];

	traffic_describe(t, text, sizeof(text));
	printf("# depth %u, seed %llu: %s\n", t->qpair_opts.depth, (unsigned long long)t->seed,
	       text);
	if (!thread->well)
		printf("# %s\n", t->failure);
	CU_ASSERT_TRUE(thread->well);
	if (t->cover)
		check_kinds(t);
	CU_ASSERT_EQUAL(t->stats.submitted, t->stats.completed);
}

static void torture(const char *device, uint32_t boundary, int seconds)
{
	static struct thread threads[NR_THREADS];
	struct nvio_ctrl *ctrl;
	uint64_t until;

	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(device, NULL, &ctrl), 0);
	until = seconds_from_now(seconds);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		prepare(&threads[i], i, ctrl, boundary, until);
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i].pthread, NULL, run, &threads[i]),
				      0);
	}
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		pthread_join(threads[i].pthread, NULL);
		check(&threads[i]);
	}
	nvio_ctrl_close(ctrl);
}

static void blocks_without_metadata(void)
{
	torture("emu:size=32M,mdts=5", 0, (choose_seconds() + 1) / 2);
}

static void protected_blocks(void)
{
	torture("emu:size=32M,mdts=5,lba=4096,md=16,pi=1,fault=identify+cns=0+byte=46+value=24", 24,
		choose_seconds() / 2);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "blocks without metadata", blocks_without_metadata },
		{ "protected blocks", protected_blocks },
	};

	return tap_run("io_torture", tests, sizeof(tests) / sizeof(tests[0]));
}
