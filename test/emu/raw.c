/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller without a driver; see raw.h.
 */
#include <stdio.h>
#include <unistd.h>

#include "raw.h"

#define ADMIN_LEN 16u

static uint64_t iova_of(struct raw *d, const volatile void *addr)
{
	uint64_t iova = 0;

	CU_ASSERT(nvio_mem_iova(d->iommu, (const void *)addr, 64, NVIO_DMA_RW, &iova) == 64);
	return iova;
}

uint64_t raw_get(struct nvio_device *device, uint64_t offset, size_t len)
{
	uint64_t value = 0;

	CU_ASSERT_EQUAL(nvio_device_region_read(device, 0, offset, &value, len), 0);
	return value;
}

void raw_put(struct nvio_device *device, uint64_t offset, uint64_t value, size_t len)
{
	CU_ASSERT_EQUAL(nvio_device_region_write(device, 0, offset, &value, len), 0);
}

static void queue_new(struct raw *d, struct raw_queue *q, uint16_t id, uint16_t len)
{
	*q = (struct raw_queue){ .id = id, .len = len, .phase = 1 };
	q->sq = nvio_alloc(d->iommu, 4096, 4096);
	q->cq = nvio_alloc(d->iommu, 4096, 4096);
	CU_ASSERT_FATAL(q->sq && q->cq);
	memset((void *)q->sq, 0, 4096);
	memset((void *)q->cq, 0, 4096);
	q->sq_iova = iova_of(d, q->sq);
	q->cq_iova = iova_of(d, q->cq);
}

/* Puts a command into the ring. */
void raw_add(struct raw_queue *q, struct nvio_sqe cmd, uint16_t cid)
{
	cmd.cid = cid;
	memcpy((void *)&q->sq[q->tail], &cmd, sizeof(cmd));
	q->tail = (uint16_t)((q->tail + 1) % q->len);
}

void raw_ring(struct raw *d, const struct raw_queue *q)
{
	__sync_synchronize();
	raw_put(d->device, RAW_DOORBELLS + 8ull * q->id, q->tail, 4);
}

/* The next completion, which has to come. */
struct raw_cqe raw_reap(struct raw *d, struct raw_queue *q)
{
	volatile struct raw_cqe *at = &q->cq[q->head];
	struct raw_cqe cqe;

	for (int i = 0; i < 20000 && (at->status & 1) != q->phase; i++)
		usleep(1000);
	__sync_synchronize();
	memcpy(&cqe, (void *)at, sizeof(cqe));
	CU_ASSERT_EQUAL_FATAL(cqe.status & 1, q->phase);
	if (++q->head == q->len) {
		q->head = 0;
		q->phase ^= 1;
	}
	raw_put(d->device, RAW_DOORBELLS + 8ull * q->id + 4, q->head, 4);
	return cqe;
}

bool raw_is_there(const struct raw_queue *q)
{
	return (q->cq[q->head].status & 1) == q->phase;
}

uint32_t raw_admin(struct raw *d, struct nvio_sqe cmd)
{
	struct raw_cqe cqe;

	raw_add(&d->admin, cmd, 77);
	raw_ring(d, &d->admin);
	cqe = raw_reap(d, &d->admin);
	CU_ASSERT_EQUAL(cqe.status >> 1, 0);
	CU_ASSERT_EQUAL(cqe.cid, 77);
	CU_ASSERT_EQUAL(cqe.sq_head, d->admin.tail);
	return cqe.result;
}

uint8_t *raw_buf(struct raw *d, unsigned int i)
{
	return d->bufs + (size_t)i * BLOCK;
}

/* Of one block, from or to the buffer of that number. */
void raw_add_io(struct raw *d, uint8_t opcode, unsigned int block)
{
	struct nvio_sqe cmd = { .opcode = opcode, .nsid = 1, .cdw10 = block };

	cmd.prp1 = iova_of(d, raw_buf(d, block));
	raw_add(&d->io, cmd, (uint16_t)(100 + block));
}

uint16_t raw_io(struct raw *d, uint8_t opcode, unsigned int block)
{
	struct raw_cqe cqe;

	raw_add_io(d, opcode, block);
	raw_ring(d, &d->io);
	cqe = raw_reap(d, &d->io);
	CU_ASSERT_EQUAL(cqe.cid, 100 + block);
	CU_ASSERT_EQUAL(cqe.sq_id, 1);
	return (uint16_t)(cqe.status >> 1 & 0x7ff);
}

void raw_check_read(struct raw *d, unsigned int block)
{
	memset(raw_buf(d, block), 0, BLOCK);
	CU_ASSERT_EQUAL(raw_io(d, NVIO_OP_READ, block), 0);
	CU_ASSERT_EQUAL(stack_differs(raw_buf(d, block), block), 0);
}

struct nvio_device *raw_open_device(struct raw *d, const char *name)
{
	struct nvio_device *device = NULL;

	if (nvio_device_open(d->iommu, name, NULL, &device))
		printf("# %s: %s\n", name, nvio_last_error());
	CU_ASSERT_PTR_NOT_NULL_FATAL(device);
	CU_ASSERT_EQUAL(nvio_device_bus_master(device, true), 0);
	return device;
}

/* Enabled, with one queue pair that interrupts by vector 1. */
static void start(struct raw *d)
{
	struct nvio_sqe cq = { .opcode = 0x05, .cdw10 = 1 | (RAW_QUEUE_LEN - 1) << 16 };
	struct nvio_sqe sq = { .opcode = 0x01, .cdw10 = 1 | (RAW_QUEUE_LEN - 1) << 16 };

	queue_new(d, &d->admin, 0, ADMIN_LEN);
	queue_new(d, &d->io, 1, RAW_QUEUE_LEN);
	raw_put(d->device, RAW_AQA, (ADMIN_LEN - 1) << 16 | (ADMIN_LEN - 1), 4);
	raw_put(d->device, RAW_ASQ, d->admin.sq_iova, 8);
	raw_put(d->device, RAW_ACQ, d->admin.cq_iova, 8);
	raw_put(d->device, RAW_CC, 6u << 16 | 4u << 20 | 1, 4);
	CU_ASSERT_EQUAL_FATAL(raw_get(d->device, RAW_CSTS, 4), 1);
	cq.prp1 = d->io.cq_iova;
	cq.cdw11 = 1u << 16 | 3;
	sq.prp1 = d->io.sq_iova;
	sq.cdw11 = 1u << 16 | 1;
	raw_admin(d, cq);
	raw_admin(d, sq);
}

void raw_open(struct raw *d, const char *name)
{
	memset(d, 0, sizeof(*d));
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_open(NULL, &d->iommu), 0);
	d->device = raw_open_device(d, name);
	d->bufs = nvio_alloc(d->iommu, (size_t)RAW_BUFS * BLOCK, BLOCK);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d->bufs);
	start(d);
}

void raw_close(struct raw *d, struct nvio_device *other)
{
	nvio_device_close(d->device);
	nvio_device_close(other);
	nvio_iommu_close(d->iommu);
}
