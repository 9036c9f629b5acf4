/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs the workload: a pinned thread for each core, which fills its queue pairs, polls them, and
 * fills them again until the time is up, then lets them drain.
 *
 * Leaves figures in the queue pairs and prints only what goes wrong.
 */
#ifndef PERF_WORKER_H
#define PERF_WORKER_H

#include <stdbool.h>
#include "perf/opts.h"
#include "perf/qpairs.h"

/*
 * perf_run - runs all queue pairs on their cores and returns when the last has drained.
 *
 * Return: 0, also when I/Os failed (the queue pairs tell); -EINVAL with @msg when a thread could
 * not be started, and then nothing ran.
 */
int perf_run(const struct perf_opts *opts, const struct cores *cores, struct perf_qpairs *qpairs,
	     struct perf_msg *msg);

/* Ends the run early: every worker drains. Any thread, and signal handlers. */
void perf_stop(void);

bool perf_stopping(void);

/* The loop of one thread, and what it owns: loop.c. */
struct perf_worker {
	const struct perf_opts *opts;
	struct perf_qpair **live; /* queue pairs that still have something to do */
	unsigned int nr_live;
	unsigned int phase;
	uint64_t deadline; /* of the phase */
} __attribute__((aligned(CACHE_LINE)));

void perf_loop(struct perf_worker *worker);

#endif
