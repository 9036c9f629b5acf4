/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What nvme_perf tells about a run: what it is going to do, a table for people, JSON for programs.
 *
 * Reads queue pairs that no worker uses; computes nothing itself (see result.h).
 */
#ifndef PERF_REPORT_H
#define PERF_REPORT_H

#include <stdio.h>
#include "perf/cores.h"
#include "perf/opts.h"
#include "perf/qpairs.h"
#include "perf/result.h"
#include "perf/target.h"

struct perf_report {
	const struct perf_opts *opts;
	const struct cores *cores;
	const struct perf_target *target;
	const struct perf_qpairs *qpairs;
	struct perf_figures total;
	bool interrupted;
};

/* Before the run: namespaces, workload, DMA memory. */
void perf_report_plan(const struct perf_report *report, FILE *out);

/* After it: a row for each queue pair, and the total. */
void perf_report_table(const struct perf_report *report, FILE *out);

/* The same figures, one JSON object. */
void perf_report_json(const struct perf_report *report, FILE *out);

#endif
