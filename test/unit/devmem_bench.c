/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller with memory of its own; see devmem_bench.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "devmem_bench.h"
#include "tap.h"

static struct devmem_bench *the_bench;

static ssize_t fake_read(struct nvio_device *device, uint32_t idx, uint64_t offset, void *buf,
			 size_t len)
{
	struct devmem_bench *b = the_bench;

	(void)device;
	if (idx != NVIO_REGION_CONFIG && b->read)
		b->read(b, offset);
	memcpy(buf, (char *)(idx == NVIO_REGION_CONFIG ? b->config : b->regs) + offset, len);
	return (ssize_t)len;
}

static ssize_t fake_write(struct nvio_device *device, uint32_t idx, uint64_t offset,
			  const void *buf, size_t len)
{
	struct devmem_bench *b = the_bench;

	(void)device;
	if (idx == NVIO_REGION_CONFIG)
		return -EIO;
	memcpy((char *)b->regs + offset, buf, len);
	if (b->written)
		b->written(b, offset);
	return (ssize_t)len;
}

static void *fake_map(struct nvio_device *device, uint32_t idx, uint64_t offset, size_t len)
{
	(void)device;
	CU_ASSERT((idx == 2 || idx == 4) && offset + len <= DEVMEM_BAR_LEN);
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static const struct nvio_device_ops fake_device = { .map = fake_map,
						    .read = fake_read,
						    .write = fake_write };

void devmem_new(struct devmem_bench *b, uint64_t cap)
{
	memset(b, 0, sizeof(*b));
	the_bench = b;
	b->device.ops = &fake_device;
	b->device.nr_regions = 9;
	b->device.regions[NVIO_REGION_BAR0].info.len = 16384;
	b->device.regions[NVIO_REGION_CONFIG].info.len = sizeof(b->config);
	for (unsigned int bar = 2; bar <= 4; bar += 2) {
		struct nvio_region_info *info = &b->device.regions[bar].info;

		info->len = DEVMEM_BAR_LEN;
		info->nr_areas = 1;
		info->areas[0].len = DEVMEM_BAR_LEN;
	}
	pthread_mutex_init(&b->ctrl.lock, NULL);
	b->ctrl.device = &b->device;
	b->ctrl.iommu = fake_iommu_new(&b->fake);
	b->ctrl.cap = cap;
	b->ctrl.info.name = "fake";
	b->ctrl.info.page_len = 4096;
}

void devmem_free(struct devmem_bench *b)
{
	nvio_iommu_close(b->ctrl.iommu);
	pthread_mutex_destroy(&b->ctrl.lock);
}
