/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queue pairs in plain memory; see plain.h.
 */
#include <stdlib.h>
#include <string.h>

#include "plain.h"
#include "nvme/ctrl.h"
#include "unit/fake_iommu.h"

#define UNTOUCHED UINT32_MAX

struct pair {
	struct nvio_qpair qpair;
	uint32_t sq_doorbell, cq_doorbell;
	uint32_t sq_seen;
	uint16_t fetched, posted, phase;
	uint64_t doorbells;
};

struct plain {
	struct fake_iommu fake;
	struct nvio_iommu *iommu;
	struct nvio_ctrl ctrl;
	struct nvio_ns ns;
	unsigned int nr;
	struct pair *pairs;
};

static int init_pair(struct plain *plain, struct pair *pair, uint16_t depth)
{
	const struct nvio_qpair_shape shape = {
		.depth = depth,
		.cq_lag = depth < 31 ? 31 : depth, /* as nvio_qpair_create() chooses it */
		.page_len = 4096,
		.max_transfer = 1u << 20,
		.timeout_ms = 30000,
		.max_retries = 4,
	};
	int err;

	memset(pair, 0, sizeof(*pair));
	err = nvio_qpair_init(&pair->qpair, plain->iommu, &shape);
	pair->qpair.ctrl = &plain->ctrl;
	pair->qpair.sq_doorbell = &pair->sq_doorbell;
	pair->qpair.cq_doorbell = &pair->cq_doorbell;
	pair->sq_doorbell = pair->cq_doorbell = UNTOUCHED;
	pair->phase = 1;
	return err;
}

struct plain *plain_new(unsigned int nr, uint16_t depth, uint32_t block_len, uint32_t metadata_len)
{
	struct plain *plain = calloc(1, sizeof(*plain));
	struct nvio_heap_opts opts = NVIO_HEAP_OPTS;

	plain->iommu = fake_iommu_new(&plain->fake);
	opts.page_len = NVIO_HEAP_NO_HUGE;
	if (nvio_heap_open(plain->iommu, &opts))
		return NULL;
	plain->ctrl.iommu = plain->iommu;
	plain->ctrl.info.name = "plain";
	plain->ns.ctrl = &plain->ctrl;
	plain->ns.info = (struct nvio_ns_info){
		.nsid = 1,
		.block_len = block_len,
		.metadata_len = metadata_len,
		.nr_blocks = 1u << 30,
		.max_blocks = (1u << 20) / block_len,
	};
	nvio_ns_prepare(&plain->ns);
	plain->pairs = aligned_alloc(CACHE_LINE, nr * align_up(sizeof(struct pair), CACHE_LINE));
	for (; plain->nr < nr; plain->nr++) {
		if (init_pair(plain, &plain->pairs[plain->nr], depth))
			return NULL;
	}
	return plain;
}

void plain_free(struct plain *plain)
{
	for (unsigned int i = 0; i < plain->nr; i++)
		nvio_qpair_fini(&plain->pairs[i].qpair, plain->iommu);
	nvio_iommu_close(plain->iommu);
	free(plain->pairs);
	free(plain);
}

struct nvio_qpair *plain_qpair(struct plain *plain, unsigned int idx)
{
	return &plain->pairs[idx].qpair;
}

struct nvio_ns *plain_ns(struct plain *plain)
{
	return &plain->ns;
}

struct nvio_iommu *plain_iommu(struct plain *plain)
{
	return plain->iommu;
}

uint64_t plain_doorbells(const struct plain *plain, unsigned int idx)
{
	return plain->pairs[idx].doorbells;
}

unsigned int plain_serve(struct plain *plain, unsigned int idx)
{
	struct pair *pair = &plain->pairs[idx];
	unsigned int n = 0;

	if (pair->sq_doorbell != UNTOUCHED && pair->sq_doorbell != pair->sq_seen)
		pair->doorbells++;
	if (pair->sq_doorbell != UNTOUCHED)
		pair->sq_seen = pair->sq_doorbell;
	if (pair->cq_doorbell != UNTOUCHED)
		pair->doorbells++;
	pair->cq_doorbell = UNTOUCHED;
	for (; pair->fetched != pair->sq_seen; n++) {
		struct nvio_cqe *cqe = &pair->qpair.cq[pair->posted];

		cqe->cid = pair->qpair.sq[pair->fetched].cid;
		cqe->status = pair->phase;
		if (++pair->fetched == pair->qpair.sq_entries)
			pair->fetched = 0;
		if (++pair->posted == pair->qpair.cq_entries) {
			pair->posted = 0;
			pair->phase ^= 1;
		}
	}
	return n;
}
