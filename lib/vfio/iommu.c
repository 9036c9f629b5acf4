/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O address space; see iommu.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/iommu.h"

int nvio_iommu_open(const struct nvio_iommu_opts *opts, struct nvio_iommu **out)
{
	struct nvio_iommu *iommu;

	(void)opts;
	iommu = calloc(1, sizeof(*iommu));
	if (!iommu)
		return nvio_error(ENOMEM, "no memory for an I/O address space");
	pthread_mutex_init(&iommu->lock, NULL);
	iommu->refs = 1;
	iommu->max_maps = UINT32_MAX;
	iommu->numa_node = -1;
	*out = iommu;
	return 0;
}

void nvio_iommu_get(struct nvio_iommu *iommu)
{
	pthread_mutex_lock(&iommu->lock);
	iommu->refs++;
	pthread_mutex_unlock(&iommu->lock);
}

void nvio_iommu_put(struct nvio_iommu *iommu)
{
	unsigned int left;

	pthread_mutex_lock(&iommu->lock);
	left = --iommu->refs;
	pthread_mutex_unlock(&iommu->lock);
	if (left)
		return;
	if (iommu->owner)
		iommu->owner_free(iommu->owner);
	if (iommu->ops)
		iommu->ops->close(iommu);
	pthread_mutex_destroy(&iommu->lock);
	free(iommu);
}

void nvio_iommu_close(struct nvio_iommu *iommu)
{
	if (iommu)
		nvio_iommu_put(iommu);
}

int nvio_iommu_get_info(struct nvio_iommu *iommu, struct nvio_iommu_info *info)
{
	memset(info, 0, sizeof(*info));
	pthread_mutex_lock(&iommu->lock);
	info->type = iommu->ops ? iommu->ops->type(iommu) : "none";
	info->page_sizes = iommu->page_sizes;
	info->nr_ranges = iommu->nr_ranges;
	info->nr_maps = iommu->nr_maps;
	info->maps_left =
		iommu->max_maps == UINT32_MAX ? UINT32_MAX : iommu->max_maps - iommu->nr_maps;
	info->mapped_len = iommu->mapped_len;
	info->numa_node = iommu->numa_node;
	pthread_mutex_unlock(&iommu->lock);
	return 0;
}

int nvio_iommu_range(struct nvio_iommu *iommu, uint32_t idx, struct nvio_iova_range *range)
{
	if (idx >= iommu->nr_ranges)
		return nvio_error(EINVAL, "the address space has %u ranges, there is no range %u",
				  iommu->nr_ranges, idx);
	*range = iommu->ranges[idx];
	return 0;
}

uint64_t nvio_iommu_page_len(const struct nvio_iommu *iommu)
{
	return iommu->page_sizes & -iommu->page_sizes;
}

static bool in_a_range(const struct nvio_iommu *iommu, uint64_t iova, size_t len)
{
	for (uint32_t i = 0; i < iommu->nr_ranges; i++) {
		const struct nvio_iova_range *r = &iommu->ranges[i];

		if (iova >= r->start && iova <= r->last && len - 1 <= r->last - iova)
			return true;
	}
	return false;
}

static int check_map(const struct nvio_iommu *iommu, const struct nvio_map *map)
{
	uint64_t page = nvio_iommu_page_len(iommu);

	if (!iommu->ops)
		return nvio_error(ENODEV, "the address space has no device yet: open one first");
	if (!map->len || !is_aligned((uintptr_t)map->addr | map->len | map->iova, page))
		return nvio_error(EINVAL,
				  "memory %p + %zu at IOVA 0x%" PRIx64
				  " is not aligned to the IOMMU's page of %" PRIu64 " bytes",
				  map->addr, map->len, map->iova, page);
	if (!map->rights || (map->rights & ~(unsigned int)NVIO_DMA_RW))
		return nvio_error(EINVAL, "0x%x are no DMA rights", map->rights);
	if (!in_a_range(iommu, map->iova, map->len))
		return nvio_error(EINVAL,
				  "IOVA 0x%" PRIx64 " + %zu lies outside the address space's "
				  "usable ranges",
				  map->iova, map->len);
	return 0;
}

int nvio_iommu_map_fd(struct nvio_iommu *iommu, const struct nvio_map *map)
{
	int err;

	pthread_mutex_lock(&iommu->lock);
	err = check_map(iommu, map);
	if (!err && iommu->nr_maps >= iommu->max_maps)
		err = nvio_error(
			ENOSPC,
			"all %u DMA mappings that the kernel allows are in use: map fewer, "
			"larger regions or raise dma_entry_limit of vfio_iommu_type1",
			iommu->max_maps);
	if (!err)
		err = iommu->ops->map(iommu, map);
	if (!err) {
		iommu->nr_maps++;
		iommu->mapped_len += map->len;
	}
	pthread_mutex_unlock(&iommu->lock);
	return err;
}

int nvio_iommu_map(struct nvio_iommu *iommu, void *addr, size_t len, uint64_t iova,
		   unsigned int rights)
{
	struct nvio_map map = {
		.addr = addr, .len = len, .iova = iova, .rights = rights, .fd = -1
	};

	return nvio_iommu_map_fd(iommu, &map);
}

int nvio_iommu_unmap(struct nvio_iommu *iommu, uint64_t iova, size_t len)
{
	int err;

	pthread_mutex_lock(&iommu->lock);
	if (!iommu->ops)
		err = nvio_error(ENODEV, "the address space has no device yet: nothing is mapped");
	else
		err = iommu->ops->unmap(iommu, iova, len);
	if (!err) {
		iommu->nr_maps--;
		iommu->mapped_len -= len;
	}
	pthread_mutex_unlock(&iommu->lock);
	return err;
}
