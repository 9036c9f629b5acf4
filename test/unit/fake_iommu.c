/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An address space with no device; see fake_iommu.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_iommu.h"

static const char *fake_type(const struct nvio_domain *domain)
{
	(void)domain;
	return "fake";
}

static int fake_map(struct nvio_domain *domain, const struct nvio_map *map)
{
	struct fake_iommu *fake = (struct fake_iommu *)domain;

	if (fake->map_error)
		return fake->map_error;
	if (fake->nr_maps == FAKE_MAPS)
		return -ENOSPC;
	fake->maps[fake->nr_maps++] = *map;
	return 0;
}

static int fake_unmap(struct nvio_domain *domain, uint64_t iova, size_t len)
{
	struct fake_iommu *fake = (struct fake_iommu *)domain;

	for (uint32_t i = 0; i < fake->nr_maps; i++) {
		if (fake->maps[i].iova == iova && fake->maps[i].len == len) {
			fake->maps[i] = fake->maps[--fake->nr_maps];
			return 0;
		}
	}
	return -EINVAL;
}

static void fake_close(struct nvio_domain *domain)
{
	(void)domain;
}

static const struct nvio_domain_ops fake_ops = {
	.type = fake_type,
	.map = fake_map,
	.unmap = fake_unmap,
	.close = fake_close,
};

void fake_domain_init(struct fake_iommu *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->domain = (struct nvio_domain){
		.ops = &fake_ops,
		.page_sizes = 1u << 12,
		.max_maps = UINT32_MAX,
		.numa_node = -1,
		.ranges = { 2, { { 0, 0xfedfffff }, { 0xfef00000, (1ull << 39) - 1 } } },
	};
}

struct nvio_iommu *fake_iommu_new(struct fake_iommu *fake)
{
	struct nvio_iommu *iommu;

	fake_domain_init(fake);
	if (nvio_iommu_open(NULL, &iommu) || nvio_iommu_join(iommu, &fake->domain))
		abort();
	return iommu;
}
