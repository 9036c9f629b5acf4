/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An address space with no device; see fake_iommu.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_iommu.h"

static const char *fake_type(struct nvio_iommu *iommu)
{
	(void)iommu;
	return "fake";
}

static int fake_map(struct nvio_iommu *iommu, const struct nvio_map *map)
{
	struct fake_iommu *fake = iommu->backend;

	if (fake->map_error)
		return fake->map_error;
	if (fake->nr_maps == FAKE_MAPS)
		return -ENOSPC;
	fake->maps[fake->nr_maps++] = *map;
	return 0;
}

static int fake_unmap(struct nvio_iommu *iommu, uint64_t iova, size_t len)
{
	struct fake_iommu *fake = iommu->backend;

	for (uint32_t i = 0; i < fake->nr_maps; i++) {
		if (fake->maps[i].iova == iova && fake->maps[i].len == len) {
			fake->maps[i] = fake->maps[--fake->nr_maps];
			return 0;
		}
	}
	return -EINVAL;
}

static void fake_close(struct nvio_iommu *iommu)
{
	(void)iommu;
}

static const struct nvio_iommu_ops fake_ops = {
	.type = fake_type,
	.map = fake_map,
	.unmap = fake_unmap,
	.close = fake_close,
};

struct nvio_iommu *fake_iommu_new(struct fake_iommu *fake)
{
	struct nvio_iommu *iommu;

	memset(fake, 0, sizeof(*fake));
	if (nvio_iommu_open(NULL, &iommu))
		abort();
	iommu->ops = &fake_ops;
	iommu->backend = fake;
	iommu->page_sizes = 1u << 12;
	iommu->nr_ranges = 2;
	iommu->ranges[0] = (struct nvio_iova_range){ 0, 0xfedfffff };
	iommu->ranges[1] = (struct nvio_iova_range){ 0xfef00000, (1ull << 39) - 1 };
	return iommu;
}
