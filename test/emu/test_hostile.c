/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Controllers that do anything wrong, at random, under load: whatever they say, each call returns
 * in time, each request completes once, and nothing else is touched, for which the sanitizers look.
 *
 * test_hostile [SECONDS [SEED]]: 10 seconds, or as `make soak` says; the seeds count from 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "stack.h"

#define NR_THREADS 4u
#define TIMEOUT_MS 100u
#define RUN_US     300000u
/* The longest of all calls: no deadline of theirs is longer than 200 ms, but there are many. */
#define PATIENCE (30 * SECOND)

static uint64_t seconds = 10, seed = 1;
static uint64_t nr_refused, nr_given_up, nr_resets;
static uint64_t slowest;

static struct load load;
static struct load_model model = { .lies = true };

static void note_time(uint64_t start)
{
	uint64_t took = now_ns() - start;

	CU_ASSERT(took < (uint64_t)PATIENCE);
	if (took > slowest)
		slowest = took;
}

static void one(struct load_counts *sum)
{
	/* From all the time to now and then. */
	static const unsigned int rates[] = { 5, 20, 100, 500, 2000, 10000 };
	struct nvio_async_opts events = NVIO_ASYNC_OPTS;
	struct nvio_ctrl_opts opts = NVIO_CTRL_OPTS;
	struct nvio_ctrl_stats stats;
	struct load_counts counts;
	struct nvio_ctrl *ctrl;
	struct nvio_ns *ns;
	uint64_t start = now_ns();
	char name[128];
	int err;

	snprintf(name, sizeof(name),
		 "emu:lba=4096,size=16M,states=3,fault=hostile+seed=%llu+rate=%u",
		 (unsigned long long)seed, rates[seed % 6]);
	opts.admin_timeout_ms = 150;
	opts.ready_timeout_ms = 100;
	err = nvio_ctrl_open(name, &opts, &ctrl);
	note_time(start);
	CU_ASSERT(err <= 0);
	if (err) {
		CU_ASSERT_NOT_EQUAL(strlen(nvio_last_error()), 0);
		nr_refused++;
		return;
	}
	nvio_ctrl_async_start(ctrl, &events);
	ns = nvio_ctrl_ns(ctrl, 1);
	if (ns) {
		load_start(&load, ctrl, ns, NR_THREADS, TIMEOUT_MS, seed, &model);
		usleep(RUN_US);
		nvio_ctrl_rescan(ctrl);
		start = now_ns();
		counts = load_stop(&load);
		note_time(start);
		CU_ASSERT_EQUAL(counts.lost, 0);
		CU_ASSERT_EQUAL(counts.doubled, 0);
		CU_ASSERT_EQUAL(counts.submitted, counts.completed);
		load_add(sum, &counts);
	}
	nvio_ctrl_get_stats(ctrl, &stats, sizeof(stats));
	nr_given_up += stats.given_up;
	nr_resets += stats.controller_resets + stats.subsystem_resets + stats.device_resets;
	start = now_ns();
	nvio_ctrl_close(ctrl);
	note_time(start);
}

static void whatever_they_say(void)
{
	uint64_t until = now_ns() + seconds * SECOND, first = seed;
	struct load_counts sum = { 0 };

	for (; now_ns() < until; seed++) {
		unsigned int before = CU_get_number_of_failures();

		one(&sum);
		if (CU_get_number_of_failures() != before)
			printf("# seed %llu\n", (unsigned long long)seed);
	}
	printf("# %llu controllers, %llu of them refused, %llu given up, %llu resets; the slowest call "
	       "took %llu ms\n",
	       (unsigned long long)(seed - first), (unsigned long long)nr_refused,
	       (unsigned long long)nr_given_up, (unsigned long long)nr_resets,
	       (unsigned long long)slowest / MS);
	load_tell((unsigned int)(seed - first), &sum);
	/* It was no test if they did nothing. */
	CU_ASSERT(sum.completed > 1000);
	CU_ASSERT(nr_resets > 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		{ "whatever they say", whatever_they_say },
	};

	if (argc > 1)
		seconds = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	return tap_run("hostile", tests, sizeof(tests) / sizeof(tests[0]));
}
