/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The report for people: lines and columns. JSON is in report_json.c.
 */
#include <inttypes.h>
#include <string.h>
#include "perf/report.h"

/* "4 KiB", "1.5 GiB", "512 bytes". */
static const char *size_text(uint64_t bytes, char text[32])
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double size = (double)bytes;
	unsigned int i = 0;

	for (; size >= 1024 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
		size /= 1024;
	snprintf(text, 32, size == (double)(uint64_t)size ? "%.0f %s" : "%.1f %s", size, units[i]);
	return text;
}

static const char *plural(uint64_t nr)
{
	return nr == 1 ? "" : "s";
}

static void print_namespaces(const struct perf_target *target, FILE *out)
{
	char size[32];
	size_t i;

	for (i = 0; i < target->nr_nss; i++) {
		const struct perf_ns *ns = &target->nss[i];

		fprintf(out, "%s: %s, %s in %" PRIu64 " blocks of %u bytes\n", ns->name,
			ns->ctrl->info.model,
			size_text(ns->info.nr_blocks * ns->info.block_len, size),
			ns->info.nr_blocks, ns->info.block_len);
	}
}

static void print_workload(const struct perf_report *report, FILE *out)
{
	const struct perf_opts *opts = report->opts;
	char size[32], cores[256];

	fprintf(out, "%s", opts->workload);
	if (opts->read_percent > 0 && opts->read_percent < 100)
		fprintf(out, " (%" PRIu64 " %% reads)", opts->read_percent);
	cores_format(report->cores, cores, sizeof(cores));
	fprintf(out, ", %s, depth %" PRIu64 ", %zu queue pair%s on core%s %s, %" PRIu64 " s",
		size_text(opts->io_len, size), opts->depth, report->qpairs->nr,
		plural(report->qpairs->nr), plural(cores_count(report->cores)), cores,
		opts->seconds);
	if (opts->nr_ios)
		fprintf(out, " or %" PRIu64 " I/O%s each", opts->nr_ios, plural(opts->nr_ios));
	if (opts->warmup)
		fprintf(out, " after %" PRIu64 " s of warm-up", opts->warmup);
	fputc('\n', out);
}

void perf_report_plan(const struct perf_report *report, FILE *out)
{
	struct nvio_heap_info heap;
	char len[32], page_len[32];

	print_namespaces(report->target, out);
	print_workload(report, out);
	nvio_heap_get_info(report->target->iommu, &heap, sizeof(heap));
	fprintf(out, "DMA memory: %s in pages of %s (%s)\n\n", size_text(heap.len, len),
		size_text(heap.page_len, page_len), heap.backing);
	fflush(out);
}

static int name_width(const struct perf_target *target)
{
	size_t width = strlen("device/nsid"), i;

	for (i = 0; i < target->nr_nss; i++)
		if (strlen(target->nss[i].name) > width)
			width = strlen(target->nss[i].name);
	return (int)width;
}

/* What stands in front of each row: which queue pair it is; the total has no @q. */
static void print_lead(const struct perf_qpair *q, int width, FILE *out)
{
	if (q)
		fprintf(out, "%-*s %5u %6u", width, q->ns->name, q->core, q->number);
	else
		fprintf(out, "%-*s %5s %6s", width, "total", "", "");
}

static void print_rates(const struct perf_figures *figures, FILE *out)
{
	fprintf(out, " %12.1f %10.2f %11.2f %11.2f %11.2f\n", figures->iops, figures->mib_per_s,
		figures->latency_avg / 1e3, (double)figures->latency_min / 1e3,
		(double)figures->latency_max / 1e3);
}

static void print_percentiles(const struct perf_figures *figures, FILE *out)
{
	unsigned int i;

	for (i = 0; i < HIST_NR_PERCENTILES; i++)
		fprintf(out, " %10.2f", (double)figures->percentiles[i] / 1e3);
	fputc('\n', out);
}

static void print_rows(const struct perf_report *report, int width, FILE *out,
		       void (*print)(const struct perf_figures *figures, FILE *out))
{
	struct perf_figures figures;
	size_t i;

	for (i = 0; i < report->qpairs->nr; i++) {
		perf_figures_get(report->opts, &report->qpairs->all[i], &figures);
		print_lead(&report->qpairs->all[i], width, out);
		print(&figures, out);
	}
	print_lead(NULL, width, out);
	print(&report->total, out);
}

void perf_report_table(const struct perf_report *report, FILE *out)
{
	const struct perf_figures *total = &report->total;
	int width = name_width(report->target);
	unsigned int i;

	fprintf(out, "%-*s %5s %6s %12s %10s %11s %11s %11s\n", width, "device/nsid", "core",
		"queue", "IOPS", "MiB/s", "average us", "minimum us", "maximum us");
	print_rows(report, width, out, print_rates);
	if (report->opts->latency) {
		fprintf(out, "\n%-*s %5s %6s", width, "percentiles, us", "core", "queue");
		for (i = 0; i < HIST_NR_PERCENTILES; i++)
			fprintf(out, " %8s %%", hist_percentiles[i].name);
		fputc('\n', out);
		print_rows(report, width, out, print_percentiles);
	}
	fprintf(out,
		"\n%" PRIu64 " I/Os submitted, %" PRIu64 " completed, %" PRIu64
		" of them with an error, in %.6f s%s\n",
		total->submitted, total->completed, total->errors, total->seconds,
		!report->interrupted ? ""
		: total->seconds > 0 ? " (interrupted)"
				     : " (interrupted before anything was measured)");
	fflush(out);
}
