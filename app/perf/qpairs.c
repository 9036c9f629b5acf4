/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes the queue pairs: who gets which namespace and core, where it begins, its DMA memory. All
 * divisions of the benchmark are here; none is left for the I/O path.
 */
#include <stdlib.h>
#include <string.h>
#include "perf/qpairs.h"

/* From one buffer to the next: no buffer crosses more memory pages than it must. */
static size_t buffer_stride(size_t io_len)
{
	size_t stride = 64;

	if (io_len > NVIO_MEM_PAGE)
		return (io_len + NVIO_MEM_PAGE - 1) & ~(size_t)(NVIO_MEM_PAGE - 1);
	while (stride < io_len)
		stride <<= 1;
	return stride;
}

static void fill_random(void *buf, size_t len, struct rng *rng)
{
	uint64_t *words = buf;
	size_t i;

	for (i = 0; i < len / sizeof(*words); i++)
		words[i] = rng_next(rng);
}

/* With protection the controller makes and checks it; where it is all of the metadata, none of it
 * is transferred. */
static bool is_stripped(const struct nvio_ns_info *info)
{
	return info->protection && info->pi_alone;
}

/* Bytes that the blocks of an I/O have in memory. */
static size_t data_per_io(const struct perf_qpair *q)
{
	const struct nvio_ns_info *info = &q->ns->info;
	bool extended = info->metadata_extended && !is_stripped(info);

	return (size_t)q->io_blocks * (info->block_len + (extended ? info->metadata_len : 0));
}

static void set_format(struct perf_qpair *q)
{
	const struct nvio_ns_info *info = &q->ns->info;

	q->flags = info->protection ? NVIO_IO_PRACT : 0;
	if (info->metadata_len && !info->metadata_extended && !is_stripped(info))
		q->metadata_len = q->io_blocks * info->metadata_len;
}

/* One area of DMA memory for all slots. */
static int open_buffers(const struct perf_opts *opts, struct nvio_iommu *iommu,
			struct perf_qpair *q, struct perf_msg *msg)
{
	size_t data_len = buffer_stride(data_per_io(q)), stride = data_len + q->metadata_len;
	size_t len = stride * q->depth;
	unsigned int i;

	q->slots = cache_alloc(q->depth * sizeof(*q->slots));
	q->idle = cache_alloc(q->depth * sizeof(*q->idle));
	if (!q->slots || !q->idle)
		return perf_fail(msg, "out of memory");
	q->buf = nvio_alloc(iommu, len, NVIO_MEM_PAGE);
	if (!q->buf)
		return perf_fail(msg, "%s", nvio_last_error());
	for (i = 0; i < q->depth; i++) {
		q->slots[i].buf = (char *)q->buf + i * data_len;
		if (q->metadata_len)
			q->slots[i].metadata =
				(char *)q->buf + q->depth * data_len + (size_t)i * q->metadata_len;
	}
	/* Drives that compress or recognise zeros would look faster than they are. */
	if (opts->read_percent < 100)
		fill_random(q->buf, len, &q->rng);
	return 0;
}

/* What it is to do is set already. */
static int open_qpair(const struct perf_opts *opts, struct nvio_iommu *iommu, struct perf_qpair *q,
		      struct perf_msg *msg)
{
	struct nvio_qpair_opts qpair_opts = NVIO_QPAIR_OPTS;
	int err;

	qpair_opts.depth = (uint16_t)q->depth;
	qpair_opts.priority = (uint8_t)opts->priority.value;
	err = nvio_qpair_create(q->ns->ctrl->handle, &qpair_opts, &q->handle);
	if (err) {
		perf_fail(msg, "%s", nvio_last_error());
		return err;
	}
	q->number = nvio_qpair_id(q->handle);
	if (opts->latency) {
		q->hist = cache_alloc(sizeof(*q->hist));
		if (!q->hist)
			return perf_fail(msg, "out of memory");
	}
	return open_buffers(opts, iommu, q, msg);
}

/* -q is for all queue pairs of a unit: they share it as evenly as it goes. */
static unsigned int share_of_depth(const struct perf_opts *opts, uint64_t idx)
{
	uint64_t nr = opts->nr_qpairs;

	return (unsigned int)(opts->depth / nr + (idx % nr < opts->depth % nr));
}

/* The namespace's share of the work: where queue pair @idx of @nr begins, and what it draws from.
 */
static void set_workload(const struct perf_opts *opts, struct perf_qpair *q, uint64_t idx,
			 uint64_t nr)
{
	q->depth = share_of_depth(opts, idx);
	q->io_blocks = (uint32_t)(opts->io_len / q->ns->info.block_len);
	q->nr_places = q->ns->info.nr_blocks / q->io_blocks;
	set_format(q);
	q->random = opts->random;
	q->mixed = opts->read_percent > 0 && opts->read_percent < 100;
	q->read_threshold = (opts->read_percent << 32) / 100;
	/* At equal distances, so that sequential queue pairs do not run in step. */
	q->next_place = q->nr_places / nr * idx;
	q->stats.latency_min = UINT64_MAX;
}

/* Which unit queue pair @i belongs to, and with it which namespace and core. */
static void assign(const struct perf_opts *opts, const struct cores *cores,
		   struct perf_target *target, const struct perf_qpairs *qpairs, size_t i)
{
	struct perf_qpair *q = &qpairs->all[i];
	unsigned int unit = (unsigned int)(i / opts->nr_qpairs);
	unsigned int worker = unit % cores_count(cores);
	size_t ns_idx = unit % target->nr_nss;
	uint64_t nr_rounds = (qpairs->nr_units - ns_idx + target->nr_nss - 1) / target->nr_nss;

	q->unit = unit;
	q->ns = &target->nss[ns_idx];
	q->ns_handle = q->ns->handle;
	q->core = cores_next(cores, 0);
	while (worker--)
		q->core = cores_next(cores, q->core + 1);
	rng_seed(&q->rng, opts->seed, i);
	set_workload(opts, q, unit / target->nr_nss * opts->nr_qpairs + i % opts->nr_qpairs,
		     nr_rounds * opts->nr_qpairs);
}

int perf_qpairs_open(const struct perf_opts *opts, const struct cores *cores,
		     struct perf_target *target, struct perf_qpairs *qpairs, struct perf_msg *msg)
{
	unsigned int nr_workers = cores_count(cores);
	size_t nr, i;
	int err = 0;

	memset(qpairs, 0, sizeof(*qpairs));
	qpairs->nr_units = nr_workers > target->nr_nss ? nr_workers : (unsigned int)target->nr_nss;
	nr = qpairs->nr_units * opts->nr_qpairs;
	qpairs->all = cache_alloc(nr * sizeof(*qpairs->all));
	if (!qpairs->all)
		return perf_fail(msg, "out of memory");
	for (i = 0; i < nr && !err; i++) {
		qpairs->nr = i + 1;
		assign(opts, cores, target, qpairs, i);
		err = open_qpair(opts, target->iommu, &qpairs->all[i], msg);
	}
	if (err)
		perf_qpairs_close(target, qpairs);
	return err;
}

void perf_qpairs_close(struct perf_target *target, struct perf_qpairs *qpairs)
{
	size_t i;

	/* The queue pair first: only then does no device write to the buffers any more. */
	for (i = 0; i < qpairs->nr; i++) {
		nvio_qpair_free(qpairs->all[i].handle);
		nvio_free(target->iommu, qpairs->all[i].buf);
		free(qpairs->all[i].slots);
		free(qpairs->all[i].idle);
		free(qpairs->all[i].hist);
	}
	free(qpairs->all);
	memset(qpairs, 0, sizeof(*qpairs));
}
