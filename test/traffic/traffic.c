/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs of random requests; see traffic.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "request.h"

#define PAGE        4096u
#define GUARD       64u
#define PIECE_PAGES 29u /* pages of a registration, at most */
#define PATIENCE_NS 60000000000ll
#define BATCH       16u
#define PATIENCE    50u /* times what was asked for */
#define KEYS_MIN    64u /* those of the ranges of a copy */
#define PAIR_BLOCKS 8u /* of a fused request, at most */

enum { HEAP, OWN };

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool no_memory(struct run *run)
{
	return run_failed(run, "no memory: %s", nvio_last_error());
}

/* What memory is registered in multiples of. */
static size_t page_len(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Registers memory of the application's own in pieces, every second one first, so that few
 * neighbours have neighbouring addresses for the device; or unregisters them. */
static void each_piece(struct run *run, char *p, size_t len,
		       int (*call)(struct nvio_iommu *iommu, void *addr, size_t len))
{
	struct nvio_iommu *iommu = nvio_ctrl_iommu(run->traffic->ctrl);

	for (unsigned int round = 0; round < 2; round++) {
		size_t piece, nr = 0;

		for (size_t at = 0; at < len; at += piece, nr++) {
			piece = (1 + nr * 7 % PIECE_PAGES) * page_len();
			if (piece > len - at)
				piece = len - at;
			if (nr % 2 == round && call(iommu, p + at, piece))
				run_failed(run, "memory: %s", nvio_last_error());
		}
	}
}

static int register_piece(struct nvio_iommu *iommu, void *addr, size_t len)
{
	return nvio_mem_register(iommu, addr, len, NVIO_DMA_RW);
}

/* Every second request has its data in the heap, the others where the application likes. */
static bool make_arenas(struct run *run)
{
	const size_t used = (run->nr_requests + 1) / 2 * run->memory_len;
	const size_t len = (used + page_len() - 1) / page_len() * page_len();

	run->arena_len = len;
	run->arenas[HEAP] = nvio_alloc(nvio_ctrl_iommu(run->traffic->ctrl), len, PAGE);
	if (run->traffic->heap_only)
		run->arenas[OWN] = nvio_alloc(nvio_ctrl_iommu(run->traffic->ctrl), len, PAGE);
	else
		run->arenas[OWN] = aligned_alloc(page_len(), len);
	if (!run->arenas[HEAP] || !run->arenas[OWN])
		return no_memory(run);
	memset(run->arenas[OWN], 0, len);
	if (!run->traffic->heap_only)
		each_piece(run, run->arenas[OWN], len, register_piece);
	return !run->traffic->failure[0];
}

static bool make_requests(struct run *run)
{
	const uint32_t nr_keys = run->max_blocks > KEYS_MIN ? run->max_blocks : KEYS_MIN;
	const size_t of_block = run->blocks.info.metadata_len;
	const size_t expected_at = (run->max_blocks * of_block + GUARD + 63) / 64 * 64;
	const size_t metadata_len = expected_at + (FUSED_MAX * of_block + 63) / 64 * 64;
	char *metadata = nvio_alloc(nvio_ctrl_iommu(run->traffic->ctrl),
				    run->nr_requests * metadata_len, PAGE);

	run->requests = calloc(run->nr_requests, sizeof(*run->requests));
	run->keys = calloc(run->nr_requests, nr_keys * sizeof(*run->keys));
	run->metadata = metadata;
	if (!run->requests || !run->keys || !metadata)
		return no_memory(run);
	for (unsigned int i = 0; i < run->nr_requests; i++) {
		run->requests[i].memory = run->arenas[i % 2] + i / 2 * run->memory_len;
		run->requests[i].metadata = (uint8_t *)metadata + i * metadata_len;
		run->requests[i].expected_metadata = run->requests[i].metadata + expected_at;
		run->requests[i].keys = run->keys + (size_t)i * nr_keys;
	}
	return true;
}

static bool setup(struct run *run)
{
	struct traffic *t = run->traffic;
	struct nvio_ns_info info;
	size_t block_len, room, pair;

	nvio_ns_get_info(t->ns, &info, sizeof(info));
	block_len = info.block_len + info.metadata_len;
	run->random.state = t->seed * 0x9e3779b97f4a7c15ull | 1;
	run->max_blocks = (uint32_t)(t->max_len / block_len);
	if (run->max_blocks > t->nr_blocks / 4)
		run->max_blocks = (uint32_t)(t->nr_blocks / 4);
	room = vector_room(run->max_blocks * block_len);
	pair = 2 * vector_room(PAIR_BLOCKS * block_len);
	run->memory_len = ((room > pair ? room : pair) + PAGE - 1) / PAGE * PAGE;
	run->stream = malloc(run->max_blocks * block_len + PAIR_BLOCKS * block_len);
	if (!blocks_init(&run->blocks, &info, t->first, t->nr_blocks, t->seed) || !run->stream)
		return no_memory(run);
	if (nvio_qpair_create(t->ctrl, &t->qpair_opts, &run->qpair))
		return run_failed(run, "%s", nvio_last_error());
	run->nr_requests = nvio_qpair_depth(run->qpair) + 2;
	return make_arenas(run) && make_requests(run);
}

static void cleanup(struct run *run)
{
	struct nvio_iommu *iommu = nvio_ctrl_iommu(run->traffic->ctrl);

	nvio_qpair_free(run->qpair);
	for (unsigned int i = 0; run->requests && i < run->nr_requests; i++)
		nvio_buffer_close(run->requests[i].buffer);
	if (run->arenas[OWN] && !run->traffic->heap_only) {
		each_piece(run, run->arenas[OWN], run->arena_len, nvio_mem_unregister);
		free(run->arenas[OWN]);
	} else {
		nvio_free(iommu, run->arenas[OWN]);
	}
	nvio_free(iommu, run->arenas[HEAP]);
	nvio_free(iommu, run->metadata);
	free(run->requests);
	free(run->keys);
	free(run->stream);
	blocks_fini(&run->blocks);
}

static struct request *free_request(struct run *run)
{
	for (unsigned int i = 0; i < run->nr_requests; i++) {
		if (!run->requests[i].busy)
			return &run->requests[i];
	}
	return NULL;
}

/* Queues some; false after a failure. */
static bool queue_some(struct run *run, uint64_t nr)
{
	while (nr--) {
		struct request *request = free_request(run);
		int ret;

		/* Queue pairs take as many as their depth, and there are more of these. */
		if (!request)
			return run_failed(run, "more requests outstanding than the depth");
		if (!request_choose(run, request))
			continue;
		ret = request_queue(run, request);
		if (ret == -EIO)
			return false;
		if (ret == -ENOTSUP)
			run->traffic->leave_out |= 1u << request->op;
		if (ret == -EAGAIN) {
			run->traffic->full++;
			return true;
		}
	}
	return true;
}

/* Takes completions, at least one. */
static bool reap(struct run *run)
{
	const int max = 1 + (int)random_below(&run->random, BATCH);
	struct nvio_completion done[BATCH];
	int n = nvio_wait(run->qpair, done, 1, max, PATIENCE_NS);

	if (n < 0)
		return run_failed(run, "waiting with %u requests outstanding: %d, %s", run->nr_busy,
				  n, nvio_last_error());
	for (int i = 0; i < n; i++) {
		if (!request_finish(run, (struct request *)(uintptr_t)done[i].user_data, &done[i]))
			return false;
	}
	return nvio_qpair_outstanding(run->qpair) == run->nr_busy ||
	       run_failed(run, "%u requests outstanding, not %u",
			  nvio_qpair_outstanding(run->qpair), run->nr_busy);
}

static bool drain(struct run *run)
{
	while (run->nr_busy) {
		if (!reap(run))
			return false;
	}
	return true;
}

/* One request after the other over the whole region. */
static bool sweep(struct run *run, enum traffic_op op)
{
	struct blocks *blocks = &run->blocks;
	struct request *request = &run->requests[0];
	uint32_t nr;

	for (uint64_t at = 0; at < blocks->nr; at += nr) {
		nr = run->max_blocks < blocks->nr - at ? run->max_blocks
						       : (uint32_t)(blocks->nr - at);
		request_fix(run, request, op, blocks->first + at, nr);
		if (request_queue(run, request) || !drain(run))
			return run_failed(run, "sweeping");
	}
	return true;
}

/* The queue pair's own figures. */
static bool check_stats(struct run *run)
{
	struct traffic *t = run->traffic;
	struct nvio_qpair_stats *stats = &t->stats;
	uint64_t done = 0;

	nvio_qpair_get_stats(run->qpair, stats, sizeof(*stats));
	for (int op = 0; op < TRAFFIC_OPS; op++)
		done += t->done[op];
	/* What a reset interrupted was submitted again; nothing else is without a completion. */
	if (done != run->nr_queued || stats->submitted - stats->completed > stats->resent ||
	    stats->errors != t->errors || stats->submitted < done || stats->retries)
		return run_failed(run,
				  "%llu requests queued and %llu done, %llu commands submitted and "
				  "%llu completed, %llu errors and %llu expected, %llu retries",
				  (unsigned long long)run->nr_queued, (unsigned long long)done,
				  (unsigned long long)stats->submitted,
				  (unsigned long long)stats->completed,
				  (unsigned long long)stats->errors, (unsigned long long)t->errors,
				  (unsigned long long)stats->retries);
	return true;
}

/* Whether there was everything that there can be. */
static bool is_covered(const struct run *run)
{
	const struct traffic *t = run->traffic;
	const struct nvio_ns_info *info = &run->blocks.info;
	const unsigned int shapes =
		t->no_sgl || t->qpair_opts.no_sgl ? VECTOR_BLOCKS + 1 : VECTOR_SHAPES;
	const unsigned int left_out = t->leave_out;
	bool covered = t->errors > 0 && t->largest >= run->max_blocks * (size_t)info->block_len;

	for (unsigned int op = 0; op < TRAFFIC_OPS; op++)
		covered = covered && (t->done[op] || left_out & 1u << op);
	for (unsigned int i = 0; i < shapes; i++)
		covered = covered && t->shapes[i];
	covered = covered && t->many && t->empties;
	if (request_is_plain(run))
		covered = covered && t->handles[0] && t->handles[1];
	return covered;
}

static bool goes_on(const struct run *run)
{
	const struct traffic *t = run->traffic;

	if (run->nr_queued < t->requests || now_ns() < t->until_ns)
		return true;
	return t->cover && !is_covered(run) && run->nr_queued < PATIENCE * t->requests;
}

static bool run_all(struct run *run)
{
	struct traffic *t = run->traffic;

	if (t->fill_first && !sweep(run, TRAFFIC_WRITE))
		return false;
	while (goes_on(run)) {
		if (!queue_some(run, 1 + random_below(&run->random, 2 * run->nr_requests)))
			return false;
		if (run->nr_busy && !reap(run))
			return false;
	}
	if (!drain(run))
		return false;
	t->covered = is_covered(run);
	return sweep(run, TRAFFIC_READ) && check_stats(run);
}

bool traffic_run(struct traffic *t)
{
	struct run run = { .traffic = t };
	bool well = setup(&run) && run_all(&run);

	cleanup(&run);
	return well && !t->failure[0];
}

void traffic_describe(const struct traffic *t, char *text, size_t len)
{
	uint64_t done = 0;

	for (int op = 0; op < TRAFFIC_OPS; op++)
		done += t->done[op];
	snprintf(
		text, len,
		"%llu requests, the largest of %zu bytes, %llu split, %llu with the error that they "
		"had to have, %llu refused as too many",
		(unsigned long long)done, t->largest, (unsigned long long)t->stats.splits,
		(unsigned long long)t->errors, (unsigned long long)t->full);
}
