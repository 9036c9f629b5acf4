/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The report for programs. Its keys are documented in nvme_perf(1) and stay what they are.
 */
#include "common/json.h"
#include "perf/report.h"

static void put_options(struct json *json, const struct perf_report *report)
{
	const struct perf_opts *opts = report->opts;
	char cores[1024];
	size_t i;

	json_open(json, "options", '{');
	json_open(json, "devices", '[');
	for (i = 0; i < opts->nr_names; i++)
		json_str(json, NULL, opts->names[i]);
	json_close(json, ']');
	json_u64(json, "depth", opts->depth);
	json_u64(json, "io_size", opts->io_len);
	json_str(json, "workload", opts->workload);
	json_u64(json, "read_percent", opts->read_percent);
	json_u64(json, "time", opts->seconds);
	json_u64(json, "warmup", opts->warmup);
	json_u64(json, "number_ios", opts->nr_ios);
	json_u64(json, "qpairs", opts->nr_qpairs);
	cores_format(report->cores, cores, sizeof(cores));
	json_str(json, "cores", cores);
	json_bool(json, "latency", opts->latency);
	json_str(json, "hugepage", opts->hugepage);
	json_str(json, "shadow_doorbells", opts->shadow_doorbells.word);
	json_str(json, "priority", opts->priority.word);
	json_str(json, "host_memory", opts->host_memory);
	json_u64(json, "seed", opts->seed);
	json_u64(json, "quirks", opts->quirks);
	json_close(json, '}');
}

static void put_namespaces(struct json *json, const struct perf_target *target)
{
	size_t i;

	json_open(json, "namespaces", '[');
	for (i = 0; i < target->nr_nss; i++) {
		const struct perf_ns *ns = &target->nss[i];

		json_open(json, NULL, '{');
		json_str(json, "device", ns->ctrl->info.name);
		json_u64(json, "nsid", ns->info.nsid);
		json_str(json, "model", ns->ctrl->info.model);
		json_str(json, "serial", ns->ctrl->info.serial);
		json_str(json, "firmware", ns->ctrl->info.firmware);
		json_bool(json, "shadow_doorbells", ns->ctrl->info.shadow_doorbells);
		json_u64(json, "host_memory_bytes", ns->ctrl->info.host_memory_len);
		json_u64(json, "blocks", ns->info.nr_blocks);
		json_u64(json, "block_bytes", ns->info.block_len);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_figures(struct json *json, const struct perf_opts *opts,
			const struct perf_figures *figures)
{
	unsigned int i;

	json_double(json, "seconds", figures->seconds);
	json_double(json, "iops", figures->iops);
	json_double(json, "mib_per_s", figures->mib_per_s);
	json_open(json, "latency_ns", '{');
	json_double(json, "avg", figures->latency_avg);
	json_u64(json, "min", figures->latency_min);
	json_u64(json, "max", figures->latency_max);
	if (opts->latency) {
		json_open(json, "percentiles", '{');
		for (i = 0; i < HIST_NR_PERCENTILES; i++)
			json_u64(json, hist_percentiles[i].name, figures->percentiles[i]);
		json_close(json, '}');
	}
	json_close(json, '}');
	json_u64(json, "submitted", figures->submitted);
	json_u64(json, "completed", figures->completed);
	json_u64(json, "errors", figures->errors);
}

/* What the library counted, from the queue pair's creation on. */
static void put_driver(struct json *json, const struct nvio_qpair *qpair)
{
	struct nvio_qpair_stats stats;

	nvio_qpair_get_stats(qpair, &stats, sizeof(stats));
	json_open(json, "driver", '{');
	json_u64(json, "polls", stats.polls);
	json_u64(json, "idle_polls", stats.idle_polls);
	json_u64(json, "submitted", stats.submitted);
	json_u64(json, "completed", stats.completed);
	json_u64(json, "sq_doorbells", stats.sq_doorbells);
	json_u64(json, "cq_doorbells", stats.cq_doorbells);
	json_u64(json, "splits", stats.splits);
	json_u64(json, "retries", stats.retries);
	json_u64(json, "errors", stats.errors);
	json_u64(json, "doorbells_spared", stats.doorbells_spared);
	json_u64(json, "resent", stats.resent);
	json_u64(json, "abandoned", stats.abandoned);
	json_close(json, '}');
}

static void put_qpairs(struct json *json, const struct perf_report *report)
{
	struct perf_figures figures;
	size_t i;

	json_open(json, "queue_pairs", '[');
	for (i = 0; i < report->qpairs->nr; i++) {
		const struct perf_qpair *q = &report->qpairs->all[i];

		perf_figures_get(report->opts, q, &figures);
		json_open(json, NULL, '{');
		json_str(json, "device", q->ns->ctrl->info.name);
		json_u64(json, "nsid", q->ns->info.nsid);
		json_u64(json, "core", q->core);
		json_u64(json, "queue", q->number);
		put_figures(json, report->opts, &figures);
		put_driver(json, q->handle);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_dma(struct json *json, struct nvio_iommu *iommu)
{
	struct nvio_heap_info heap;

	nvio_heap_get_info(iommu, &heap, sizeof(heap));
	json_open(json, "dma", '{');
	json_str(json, "backing", heap.backing);
	json_u64(json, "page_bytes", heap.page_len);
	json_u64(json, "bytes", heap.len);
	json_u64(json, "used_bytes", heap.used_len);
	json_close(json, '}');
}

void perf_report_json(const struct perf_report *report, FILE *out)
{
	struct json json = { .out = out };

	json_open(&json, NULL, '{');
	json_str(&json, "version", nvio_version());
	put_options(&json, report);
	put_namespaces(&json, report->target);
	json_double(&json, "seconds", report->total.seconds);
	json_bool(&json, "interrupted", report->interrupted);
	put_qpairs(&json, report);
	json_open(&json, "total", '{');
	put_figures(&json, report->opts, &report->total);
	json_close(&json, '}');
	put_dma(&json, report->target->iommu);
	json_close(&json, '}');
}
