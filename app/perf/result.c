/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From counters to figures. Nothing is counted before the warm-up is over: a queue pair that never
 * got there has figures of zero.
 */
#include <stdlib.h>
#include <string.h>
#include "perf/result.h"

static void derive(const struct perf_opts *opts, const struct perf_stats *stats,
		   const struct hist *hist, uint64_t ns, struct perf_figures *figures)
{
	uint64_t good = stats->completed - stats->errors;
	unsigned int i;

	memset(figures, 0, sizeof(*figures));
	figures->seconds = (double)ns / 1e9;
	figures->submitted = stats->submitted;
	figures->completed = stats->completed;
	figures->errors = stats->errors;
	if (!good || !ns)
		return;
	figures->iops = (double)good / figures->seconds;
	figures->mib_per_s = figures->iops * (double)opts->io_len / (1 << 20);
	figures->latency_avg = (double)stats->latency_sum / (double)good;
	figures->latency_min = stats->latency_min;
	figures->latency_max = stats->latency_max;
	for (i = 0; hist && i < HIST_NR_PERCENTILES; i++) {
		uint64_t value = hist_value_at(hist, hist_percentiles[i].share);

		/* The end of a bucket may lie beyond all that was measured. */
		figures->percentiles[i] = value < stats->latency_max ? value : stats->latency_max;
	}
}

void perf_figures_get(const struct perf_opts *opts, const struct perf_qpair *q,
		      struct perf_figures *figures)
{
	if (q->counting)
		derive(opts, &q->stats, q->hist, q->last_ns - q->start_ns, figures);
	else
		memset(figures, 0, sizeof(*figures));
}

static void add_stats(struct perf_stats *to, const struct perf_stats *from)
{
	to->submitted += from->submitted;
	to->completed += from->completed;
	to->errors += from->errors;
	to->latency_sum += from->latency_sum;
	if (from->latency_min < to->latency_min)
		to->latency_min = from->latency_min;
	if (from->latency_max > to->latency_max)
		to->latency_max = from->latency_max;
}

int perf_figures_total(const struct perf_opts *opts, const struct perf_qpairs *qpairs,
		       struct perf_figures *figures, struct perf_msg *msg)
{
	struct perf_stats stats = { .latency_min = UINT64_MAX };
	struct hist *hist = calloc(1, sizeof(*hist));
	uint64_t first = UINT64_MAX, last = 0;
	size_t i;

	if (!hist)
		return perf_fail(msg, "out of memory");
	for (i = 0; i < qpairs->nr; i++) {
		const struct perf_qpair *q = &qpairs->all[i];

		if (!q->counting)
			continue;
		add_stats(&stats, &q->stats);
		if (q->hist)
			hist_merge(hist, q->hist);
		first = q->start_ns < first ? q->start_ns : first;
		last = q->last_ns > last ? q->last_ns : last;
	}
	derive(opts, &stats, opts->latency ? hist : NULL, last > first ? last - first : 0, figures);
	free(hist);
	return 0;
}

bool perf_result_failed(const struct perf_qpairs *qpairs)
{
	size_t i;

	for (i = 0; i < qpairs->nr; i++)
		if (qpairs->all[i].failed)
			return true;
	return false;
}
