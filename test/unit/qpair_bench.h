/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue pair over plain memory, with the test as its controller: it fetches commands and
 * completes them when and how it likes.
 */
#ifndef NVIO_TEST_UNIT_QPAIR_BENCH_H
#define NVIO_TEST_UNIT_QPAIR_BENCH_H

#include "nvme/ctrl.h"
#include "fake_iommu.h"

struct bench {
	struct fake_iommu fake;
	struct nvio_iommu *iommu;
	struct nvio_qpair qpair;
	struct nvio_ctrl ctrl; /* zero but for what the I/O path reads: nothing of a device */
	struct nvio_ns ns;
	uint32_t sq_doorbell;
	uint32_t cq_doorbell;
	uint16_t fetched; /* the controller's place in either ring */
	uint16_t posted;
	uint16_t phase;
	char *buf;
};

#define DOORBELL_UNTOUCHED 0xdeadu

/* A namespace of 1,000 blocks of 4 KiB, 256 in a command; a buffer of 2 MiB. */
void setup_shape(struct bench *b, const struct nvio_qpair_shape *shape);

/* The same with commands of up to 1 MiB that are sent again up to twice. */
void setup_lagging(struct bench *b, uint16_t depth, uint16_t cq_lag);

/* The same with a completion doorbell that is rung at once. */
void setup(struct bench *b, uint16_t depth);
/* Another queue pair in the place of the one that is there; all else stays. */
void renew(struct bench *b, uint16_t depth, uint16_t cq_lag);
void teardown(struct bench *b);

/* The controller's side: the next command that the doorbell covers, NULL when there is none. */
const struct nvio_sqe *fetch(struct bench *b);

/* Posts a completion. */
void complete(struct bench *b, uint16_t cid, uint16_t status, uint32_t result);

#endif
