/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O path in plain memory; see path_bench.h.
 */
#include <string.h>
#include <sys/mman.h>

#include "path_bench.h"

#define PSDT(flags)      ((flags) >> 6)
#define SGL_DATA         0x00u
#define SGL_BIT_BUCKET   0x10u
#define SGL_LAST_SEGMENT 0x30u

void path_setup(struct bench *b, const struct path *path)
{
	uint32_t block_len = path->block_len ? path->block_len : 512;
	const struct nvio_qpair_shape shape = {
		.depth = path->depth ? path->depth : 8,
		.page_len = path->page_len ? path->page_len : 4096,
		.max_transfer = path->max_transfer ? path->max_transfer : 1u << 20,
		.max_retries = path->max_retries,
		.timeout_ms = path->timeout_ms,
		.interrupts = path->interrupts,
	};

	setup_shape(b, &shape);
	b->ctrl.sgls = path->sgls;
	b->ctrl.oncs = 0xffff;
	b->ctrl.fuses = 1;
	b->ns.boundary = path->boundary;
	b->ns.info = (struct nvio_ns_info){
		.nsid = 7,
		.block_len = block_len,
		.metadata_len = path->metadata_len,
		.metadata_extended = path->extended,
		.protection = path->protection,
		.guard_bits = path->protection ? 16 : 0,
		.pi_len = path->protection ? 8 : 0,
		.pi_alone = path->protection && path->metadata_len == 8,
		.nr_blocks = PATH_BLOCKS,
		.max_blocks = shape.max_transfer /
			      (block_len + (path->extended ? path->metadata_len : 0)),
	};
	nvio_ns_prepare(&b->ns);
	nvio_qpair_watch_memory(&b->qpair);
}

void path_teardown(struct bench *b)
{
	nvio_mem_user_remove(nvio_memory_of(b->iommu), &b->qpair.user);
	teardown(b);
}

char *path_pages(size_t nr)
{
	return mmap(NULL, nr * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

uint64_t iova_of(const struct bench *b, const void *p)
{
	for (uint32_t i = 0; i < b->fake.nr_maps; i++) {
		const struct nvio_map *map = &b->fake.maps[i];
		size_t offset = (size_t)((const char *)p - (char *)map->addr);

		if (offset < map->len)
			return map->iova + offset;
	}
	return 0;
}

void *at_iova(const struct bench *b, uint64_t iova)
{
	for (uint32_t i = 0; i < b->fake.nr_maps; i++) {
		const struct nvio_map *map = &b->fake.maps[i];

		if (iova - map->iova < map->len)
			return (char *)map->addr + (iova - map->iova);
	}
	return NULL;
}

const struct nvio_sqe *next_command(struct bench *b)
{
	const struct nvio_sqe *sqe = fetch(b);

	CU_ASSERT_PTR_NOT_NULL_FATAL(sqe);
	return sqe;
}

uint64_t sqe_slba(const struct nvio_sqe *sqe)
{
	return sqe->cdw10 | (uint64_t)sqe->cdw11 << 32;
}

uint32_t sqe_nr(const struct nvio_sqe *sqe)
{
	return (sqe->cdw12 & 0xffff) + 1;
}

static void add_run(struct run *runs, unsigned int *nr, uint64_t iova, uint64_t len)
{
	struct run *last = *nr ? &runs[*nr - 1] : NULL;

	if (last && last->iova && iova == last->iova + last->len)
		last->len += len;
	else if (*nr < PATH_RUNS_MAX)
		runs[(*nr)++] = (struct run){ iova, len };
}

/* Section 4.1.1. */
static unsigned int read_prps(const struct bench *b, const struct nvio_sqe *sqe, uint64_t len,
			      struct run *runs)
{
	const uint64_t page = b->qpair.page_mask + 1;
	uint64_t left, at = sqe->prp2, n = min_u64(len, page - sqe->prp1 % page);
	unsigned int nr = 0;

	if (sqe->prp1 % 4 || !at_iova(b, sqe->prp1))
		return 0;
	add_run(runs, &nr, sqe->prp1, n);
	left = len - n;
	if (!left)
		return nr;
	if (left <= page) {
		add_run(runs, &nr, sqe->prp2, left);
		return sqe->prp2 % page ? 0 : nr;
	}
	for (; left; left -= n, at += 8) {
		const uint64_t *entry = at_iova(b, at);

		/* The last slot of a page of the list, with more to come than one page. */
		if (entry && at % page == page - 8 && left > page) {
			at = *entry;
			entry = at % page ? NULL : at_iova(b, at);
		}
		if (!entry || *entry % page || !at_iova(b, *entry))
			return 0;
		n = min_u64(left, page);
		add_run(runs, &nr, *entry, n);
	}
	return nr;
}

/* Section 4.1.2: one descriptor in the command, or one that is the last segment. */
static unsigned int read_sgl(const struct bench *b, const struct nvio_sqe *sqe, uint64_t len,
			     struct run *runs)
{
	const uint64_t one[2] = { sqe->prp1, sqe->prp2 }, *desc = one;
	uint64_t nr_descs = 1, total = 0;
	unsigned int nr = 0;

	if (sqe->prp2 >> 56 == SGL_LAST_SEGMENT) {
		desc = at_iova(b, sqe->prp1);
		nr_descs = (uint32_t)sqe->prp2 / 16;
		if (!desc || !nr_descs || sqe->prp1 % 8 || (uint32_t)sqe->prp2 % 16)
			return 0;
	}
	for (; nr_descs--; desc += 2) {
		uint64_t n = (uint32_t)desc[1], type = desc[1] >> 56;

		if ((type != SGL_DATA && type != SGL_BIT_BUCKET) || desc[1] >> 32 & 0xffffff)
			return 0;
		if (type == SGL_DATA ? !at_iova(b, desc[0]) : !!desc[0])
			return 0;
		add_run(runs, &nr, desc[0], n);
		total += n;
	}
	return total == len ? nr : 0;
}

unsigned int path_data(const struct bench *b, const struct nvio_sqe *sqe, uint64_t len,
		       struct run *runs)
{
	if (!PSDT(sqe->flags))
		return read_prps(b, sqe, len, runs);
	return PSDT(sqe->flags) == 1 ? read_sgl(b, sqe, len, runs) : 0;
}

bool is_at(const struct bench *b, const struct nvio_sqe *sqe, const void *p, uint64_t len)
{
	struct run runs[PATH_RUNS_MAX];

	return path_data(b, sqe, len, runs) == 1 && runs[0].iova == iova_of(b, p) &&
	       runs[0].len == len;
}

int path_finish(struct bench *b, uint64_t user_data)
{
	const struct nvio_sqe *sqe;
	struct nvio_completion done[8];
	int total = 0, n;

	nvio_submit(&b->qpair);
	while ((sqe = fetch(b))) {
		complete(b, sqe->cid, 0, 0);
		n = nvio_poll(&b->qpair, done, 8);
		for (int i = 0; i < n; i++) {
			if (done[i].user_data != user_data || done[i].status)
				return -1;
		}
		total += n;
	}
	return total;
}
