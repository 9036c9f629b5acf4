/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The figures of a finished run, derived once for both the table and JSON, so that the two agree.
 *
 * Time is what passed from the first counted moment to the last completion, the drain included:
 * each I/O that was submitted is in the figures, the slow ones at the end too.
 */
#ifndef PERF_RESULT_H
#define PERF_RESULT_H

#include <stdbool.h>
#include "perf/hist.h"
#include "perf/opts.h"
#include "perf/qpairs.h"

/* Of one queue pair, or of all. Latencies in nanoseconds, 0 when nothing completed. */
struct perf_figures {
	double seconds;
	double iops; /* I/Os without an error */
	double mib_per_s;
	double latency_avg;
	uint64_t latency_min;
	uint64_t latency_max;
	uint64_t percentiles[HIST_NR_PERCENTILES]; /* with -L */
	uint64_t submitted;
	uint64_t completed;
	uint64_t errors;
};

void perf_figures_get(const struct perf_opts *opts, const struct perf_qpair *q,
		      struct perf_figures *figures);

/* Return: 0; -EINVAL with @msg when there is no memory for the histogram of all. */
int perf_figures_total(const struct perf_opts *opts, const struct perf_qpairs *qpairs,
		       struct perf_figures *figures, struct perf_msg *msg);

/* Whether something went wrong in the run that its exit status must tell. */
bool perf_result_failed(const struct perf_qpairs *qpairs);

#endif
