/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue pair over plain memory; see qpair_bench.h.
 */
#include <string.h>

#include "qpair_bench.h"
#include "tap.h"

static void new_qpair(struct bench *b, const struct nvio_qpair_shape *shape)
{
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_init(&b->qpair, b->iommu, shape), 0);
	b->qpair.sq_doorbell = &b->sq_doorbell;
	b->qpair.cq_doorbell = &b->cq_doorbell;
	b->qpair.ctrl = &b->ctrl;
	b->sq_doorbell = b->cq_doorbell = 0;
	b->fetched = b->posted = 0;
	b->phase = 1;
}

void setup_shape(struct bench *b, const struct nvio_qpair_shape *shape)
{
	struct nvio_heap_opts opts = NVIO_HEAP_OPTS;

	memset(b, 0, sizeof(*b));
	b->iommu = fake_iommu_new(&b->fake);
	opts.page_len = NVIO_HEAP_NO_HUGE;
	CU_ASSERT_EQUAL_FATAL(nvio_heap_open(b->iommu, &opts), 0);
	new_qpair(b, shape);
	b->ctrl.iommu = b->iommu;
	b->ctrl.info.name = "bench";
	b->ctrl.info.max_transfer = shape->max_transfer;
	b->ns = (struct nvio_ns){
		.ctrl = &b->ctrl,
		.info = { .nsid = 7, .block_len = 4096, .nr_blocks = 1000, .max_blocks = 256 },
	};
	nvio_ns_prepare(&b->ns);
	b->buf = nvio_alloc(b->iommu, 2u << 20, 4096);
}

static struct nvio_qpair_shape lagging(uint16_t depth, uint16_t cq_lag)
{
	return (struct nvio_qpair_shape){
		.depth = depth,
		.cq_lag = cq_lag,
		.page_len = 4096,
		.max_transfer = 1u << 20,
		.max_retries = 2,
	};
}

void setup_lagging(struct bench *b, uint16_t depth, uint16_t cq_lag)
{
	const struct nvio_qpair_shape shape = lagging(depth, cq_lag);

	setup_shape(b, &shape);
}

void renew(struct bench *b, uint16_t depth, uint16_t cq_lag)
{
	const struct nvio_qpair_shape shape = lagging(depth, cq_lag);

	nvio_qpair_fini(&b->qpair, b->iommu);
	new_qpair(b, &shape);
}

void setup(struct bench *b, uint16_t depth)
{
	setup_lagging(b, depth, 0);
}

void teardown(struct bench *b)
{
	nvio_qpair_fini(&b->qpair, b->iommu);
	nvio_iommu_close(b->iommu);
}

const struct nvio_sqe *fetch(struct bench *b)
{
	const struct nvio_sqe *sqe = &b->qpair.sq[b->fetched];

	if (b->fetched == b->sq_doorbell)
		return NULL;
	b->fetched = (uint16_t)((b->fetched + 1) % b->qpair.sq_entries);
	return sqe;
}

void complete(struct bench *b, uint16_t cid, uint16_t status, uint32_t result)
{
	struct nvio_cqe *cqe = &b->qpair.cq[b->posted];

	cqe->cid = cid;
	cqe->sq_head = b->fetched;
	cqe->result = result;
	cqe->status = (uint16_t)(status << 1 | b->phase);
	if (++b->posted == b->qpair.cq_entries) {
		b->posted = 0;
		b->phase ^= 1;
	}
}
