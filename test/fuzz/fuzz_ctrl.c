/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The library against a controller that says anything of itself: register values, Identify data,
 * log pages, lists of namespaces, statuses and identifiers of completions.
 *
 * The controller is registers in plain memory behind a device of the library, and works when a
 * doorbell is rung. Waiting takes no time (clock.c). The input changes what a sound one
 * would say. Where it is told to put data has to be memory that it was given; what the library
 * passes on has to make sense; and nothing of its memory stays taken.
 */
#include <endian.h>
#include <errno.h>
#include <nvme/types.h>
#include <stdlib.h>
#include <string.h>

#include "nvme/ctrl.h"
#include "vfio/device.h"
#include "fake_iommu.h"
#include "fuzz.h"
#include "use.h"

#define BAR_LEN    (4096u + (2 * QUEUES * 4u << 15)) /* doorbells as far apart as can be */
#define TIMEOUT_MS 20u
#define NAMESPACES FUZZ_NAMESPACES
#define QUEUES     4u /* that it knows */
#define PATCHES    8u

struct queue {
	uint64_t sq;
	uint64_t cq;
	uint32_t entries;
	uint32_t cq_entries;
	uint32_t head;
	uint32_t posted;
	uint16_t phase;
};

static struct {
	struct fuzz_input in;
	struct fake_iommu fake;
	struct nvio_iommu *iommu;
	size_t used_before; /* bytes of the heap */
	union {
		uint32_t words[NVIO_REG_DOORBELLS / 4];
		uint64_t cap;
	} regs;
	uint32_t command; /* of configuration space */
	struct queue queues[QUEUES];
	bool honest; /* every command got its answer so far */
	bool shadows; /* it offers shadow doorbells */
} f;

/* Memory that the library has given to the device. */
static void *dma(uint64_t iova, size_t len)
{
	for (uint32_t i = 0; i < f.fake.nr_maps; i++) {
		const struct nvio_map *map = &f.fake.maps[i];

		if (iova >= map->iova && iova - map->iova < map->len &&
		    len <= map->len - (iova - map->iova))
			return (char *)map->addr + (iova - map->iova);
	}
	fuzz_check(!"DMA to memory that was not given");
	return NULL;
}

/* Some bytes are others. */
static void patch(uint8_t *data, size_t len)
{
	for (unsigned int i = fuzz_below(&f.in, PATCHES); i; i--) {
		size_t at = fuzz_u16(&f.in) % len, nr = fuzz_u8(&f.in);

		fuzz_bytes(&f.in, data + at, nr < len - at ? nr : len - at);
	}
}

/* What a sound one says to Identify. */
static void identify(const struct nvio_sqe *sqe, uint8_t *data)
{
	struct nvme_id_ctrl *ctrl = (void *)data;
	struct nvme_id_ns *ns = (void *)data;
	uint32_t *list = (void *)data;

	memset(data, 0, NVIO_IDENTIFY_LEN);
	if (sqe->cdw10 == NVIO_CNS_CTRL) {
		ctrl->mdts = 5;
		ctrl->oacs = htole16(f.shadows ? NVIO_OACS_DOORBELL_BUFFERS : 0);
		memset(ctrl->mn, 'm', sizeof(ctrl->mn));
	} else if (sqe->cdw10 == NVIO_CNS_NS) {
		ns->nsze = ns->ncap = htole64(1000);
		ns->lbaf[0].ds = 9;
	} else {
		for (uint32_t i = 1; i <= NAMESPACES; i++)
			list[i - 1] = sqe->nsid < i ? htole32(i) : 0;
	}
	patch(data, NVIO_IDENTIFY_LEN);
}

/* A log page, or what a feature has for data. */
static void others(uint8_t *data, size_t len)
{
	memset(data, 0, len);
	patch(data, len);
}

/* How much data a command asks for; none that has more than Identify. */
static size_t data_len(const struct nvio_sqe *sqe)
{
	size_t len = ((sqe->cdw10 >> 16) + 1ul) * 4;

	if (sqe->opcode == NVIO_ADMIN_GET_LOG)
		return len < NVIO_IDENTIFY_LEN ? len : NVIO_IDENTIFY_LEN;
	return sqe->opcode == NVIO_ADMIN_IDENTIFY ? NVIO_IDENTIFY_LEN : 256;
}

/* Data of an admin command goes where its PRPs say; all of ours fit two pages. */
static void give_data(const struct nvio_sqe *sqe)
{
	static uint8_t data[NVIO_IDENTIFY_LEN];
	size_t len = data_len(sqe);
	uint32_t page_len = 4096u << (f.regs.words[NVIO_REG_CC / 4] >> CC_MPS_SHIFT & CC_MPS_MASK);
	size_t first = page_len - sqe->prp1 % page_len;

	if (sqe->opcode == NVIO_ADMIN_IDENTIFY)
		identify(sqe, data);
	else
		others(data, len);
	if (first > len)
		first = len;
	memcpy(dma(sqe->prp1, first), data, first);
	if (first < len)
		memcpy(dma(sqe->prp2, len - first), data + first, len - first);
}

static void make_queue(const struct nvio_sqe *sqe)
{
	struct queue *q = &f.queues[(sqe->cdw10 & 0xffff) % QUEUES];

	if (sqe->opcode == NVIO_ADMIN_CREATE_CQ)
		*q = (struct queue){ .cq = sqe->prp1,
				     .cq_entries = (sqe->cdw10 >> 16) + 1,
				     .phase = 1 };
	q->sq = sqe->opcode == NVIO_ADMIN_CREATE_SQ ? sqe->prp1 : 0;
	q->entries = (sqe->cdw10 >> 16) + 1;
}

static void post(struct queue *q, struct nvio_cqe cqe)
{
	cqe.status = (uint16_t)((cqe.status & ~1u) | q->phase);
	memcpy(dma(q->cq + q->posted * sizeof(cqe), sizeof(cqe)), &cqe, sizeof(cqe));
	if (++q->posted == q->cq_entries) {
		q->posted = 0;
		q->phase ^= 1;
	}
}

static void answer(struct queue *q, const struct nvio_sqe *sqe)
{
	struct nvio_cqe cqe = { .cid = sqe->cid };
	uint8_t how = fuzz_u8(&f.in);

	if (q == f.queues) {
		if (sqe->opcode == NVIO_ADMIN_IDENTIFY || sqe->opcode == NVIO_ADMIN_GET_LOG ||
		    (sqe->opcode == NVIO_ADMIN_GET_FEATURES && sqe->prp1))
			give_data(sqe);
		else if (sqe->opcode == NVIO_ADMIN_CREATE_CQ || sqe->opcode == NVIO_ADMIN_CREATE_SQ)
			make_queue(sqe);
		else if (sqe->opcode == NVIO_ADMIN_SET_FEATURES)
			cqe.result = 0x00010001;
		else if (sqe->opcode == NVIO_ADMIN_DOORBELL_BUFFERS)
			fuzz_check(dma(sqe->prp1, 4096) && dma(sqe->prp2, 4096));
	}
	if ((how & 0xf0) == 0xf0)
		cqe.status = (uint16_t)(fuzz_u16(&f.in) << 1);
	if ((how & 0xf0) == 0xe0)
		cqe.result = fuzz_u32(&f.in);
	if ((how & 0xf0) == 0xd0)
		cqe.cid = fuzz_u16(&f.in);
	f.honest &= cqe.cid == sqe->cid && (how & 0xf0) != 0xc0;
	if ((how & 0xf0) != 0xc0)
		post(q, cqe);
}

static void ring(uint64_t offset, uint32_t value)
{
	uint32_t stride = 4u << (f.regs.cap >> CAP_DSTRD_SHIFT & CAP_DSTRD_MASK);
	uint64_t idx = (offset - NVIO_REG_DOORBELLS) / stride;
	struct queue *q = &f.queues[idx / 2 % QUEUES];

	fuzz_check((offset - NVIO_REG_DOORBELLS) % stride == 0);
	if (idx & 1 || !q->sq)
		return;
	fuzz_check(value < q->entries);
	while (q->head != value) {
		struct nvio_sqe sqe;

		memcpy(&sqe, dma(q->sq + q->head * sizeof(sqe), sizeof(sqe)), sizeof(sqe));
		q->head = (q->head + 1) % q->entries;
		answer(q, &sqe);
	}
}

/* What the controller does when CC is written. */
static void configure(uint32_t cc)
{
	uint32_t *csts = &f.regs.words[NVIO_REG_CSTS / 4];
	uint32_t aqa = f.regs.words[NVIO_REG_AQA / 4];

	*csts = cc & 1;
	if (cc >> CC_SHN_SHIFT & CC_SHN_MASK)
		*csts |= 2u << CSTS_SHST_SHIFT;
	if (!(cc & 1) || f.queues[0].sq)
		return;
	f.queues[0] = (struct queue){ .entries = (aqa & 0xfff) + 1,
				      .cq_entries = (aqa >> 16) + 1,
				      .phase = 1 };
	memcpy(&f.queues[0].sq, &f.regs.words[NVIO_REG_ASQ / 4], 8);
	memcpy(&f.queues[0].cq, &f.regs.words[NVIO_REG_ACQ / 4], 8);
}

/* A register that reads as something else now and then; but shutting down always ends. */
static ssize_t read_device(struct nvio_device *device, uint32_t idx, uint64_t offset, void *buf,
			   size_t len)
{
	bool ending = f.regs.words[NVIO_REG_CC / 4] >> CC_SHN_SHIFT & CC_SHN_MASK;

	(void)device;
	memset(buf, 0, len);
	if (idx == NVIO_REGION_CONFIG) {
		memcpy(buf, &f.command, len < 4 ? len : 4);
		return (ssize_t)len;
	}
	fuzz_check(idx == NVIO_REGION_BAR0 && offset + len <= BAR_LEN);
	if (offset + len <= NVIO_REG_DOORBELLS)
		memcpy(buf, (char *)&f.regs + offset, len);
	if (!ending && (fuzz_u8(&f.in) & 0xf0) == 0xf0)
		fuzz_bytes(&f.in, buf, len);
	/* The library goes by what it has read. */
	if (offset == NVIO_REG_CAP || offset == NVIO_REG_CAP + 4)
		memcpy((char *)&f.regs + offset, buf, len);
	return (ssize_t)len;
}

static ssize_t write_device(struct nvio_device *device, uint32_t idx, uint64_t offset,
			    const void *buf, size_t len)
{
	uint32_t value = 0;

	(void)device;
	memcpy(&value, buf, len < 4 ? len : 4);
	if (idx == NVIO_REGION_CONFIG) {
		f.command = value;
		return (ssize_t)len;
	}
	fuzz_check(idx == NVIO_REGION_BAR0 && offset + len <= BAR_LEN && len == 4);
	if (offset >= NVIO_REG_DOORBELLS)
		ring(offset, value);
	else
		f.regs.words[offset / 4] = value;
	if (offset == NVIO_REG_CC)
		configure(value);
	return (ssize_t)len;
}

static void close_device(struct nvio_device *device)
{
	(void)device;
}

static const struct nvio_device_ops ops = {
	.read = read_device,
	.write = write_device,
	.close = close_device,
};

int __wrap_nvio_device_open(struct nvio_iommu *iommu, const char *name,
			    const struct nvio_device_opts *opts, struct nvio_device **device);

/* Opens the controller above, whatever the name. */
int __wrap_nvio_device_open(struct nvio_iommu *iommu, const char *name,
			    const struct nvio_device_opts *opts, struct nvio_device **out)
{
	struct nvio_device *device = nvio_device_new(iommu);

	(void)name;
	(void)opts;
	fuzz_check(device);
	device->ops = &ops;
	device->nr_regions = 9;
	device->regions[NVIO_REGION_BAR0].info.len = BAR_LEN;
	device->regions[NVIO_REGION_CONFIG].info.len = 256;
	nvio_iommu_get(iommu);
	*out = device;
	return 0;
}

static size_t heap_used(void)
{
	struct nvio_heap_info info;

	nvio_heap_get_info(f.iommu, &info, sizeof(info));
	return info.used_len;
}

/* An address space serves many inputs; a device that did not answer has cost some of its memory. */
static void begin(void)
{
	struct nvio_heap_opts opts = NVIO_HEAP_OPTS;

	if (f.iommu && heap_used() == f.used_before)
		return;
	nvio_iommu_close(f.iommu);
	f.iommu = fake_iommu_new(&f.fake);
	opts.page_len = NVIO_HEAP_NO_HUGE;
	fuzz_check(!nvio_heap_open(f.iommu, &opts));
	f.used_before = heap_used();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nvio_ctrl_opts opts = NVIO_CTRL_OPTS;
	struct nvio_ctrl *ctrl;
	uint8_t kind;

	begin();
	f.in = (struct fuzz_input){ data, len };
	f.honest = true;
	f.command = 0;
	memset(f.queues, 0, sizeof(f.queues));
	memset(&f.regs, 0, sizeof(f.regs));
	f.regs.cap = 63 | 2ull << CAP_TO_SHIFT | (uint64_t)CAP_CSS_NVM << CAP_CSS_SHIFT;
	f.regs.words[NVIO_REG_VS / 4] = 0x00010400;
	kind = fuzz_u8(&f.in);
	f.shadows = kind & 2;
	if (kind & 4) /* both ready modes */
		f.regs.cap |= 3ull << CAP_CRMS_SHIFT;
	f.regs.cap |= (uint64_t)(kind >> 4) << CAP_DSTRD_SHIFT;
	f.regs.words[NVIO_REG_CC / 4] = kind & 1;
	f.regs.words[NVIO_REG_CSTS / 4] = f.regs.words[NVIO_REG_CC / 4];
	opts.iommu = f.iommu;
	opts.nr_qpairs = QUEUES - 1;
	opts.admin_timeout_ms = TIMEOUT_MS;
	opts.ready_timeout_ms = TIMEOUT_MS;
	/* A thread would not know which input it is of. */
	opts.no_recovery = true;
	opts.keep_alive_ms = NVIO_NO_KEEP_ALIVE;
	if (!nvio_ctrl_open("fuzz", &opts, &ctrl))
		fuzz_use_ctrl(ctrl);
	fuzz_check(!f.honest || heap_used() == f.used_before);
	return 0;
}
