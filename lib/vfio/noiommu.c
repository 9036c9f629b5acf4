/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The container of devices without an IOMMU; see noiommu.h. What is mapped is checked: memory is
 * where it is, and nowhere else.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/group.h"
#include "vfio/noiommu.h"
#include "vfio/physical.h"
#include "vfio/ranges.h"
#include "vfio/sys.h"
#include "vfio/type1.h"

struct noiommu {
	struct nvio_domain domain;
	int fd;
	struct nvio_group *groups;
};

static const char *noiommu_type(const struct nvio_domain *domain)
{
	(void)domain;
	return "noiommu";
}

static int noiommu_map(struct nvio_domain *domain, const struct nvio_map *map)
{
	size_t page = (size_t)getpagesize(), nr = map->len / page;
	uint64_t *physical = map->addr ? malloc(nr * sizeof(*physical)) : NULL;
	int err;

	(void)domain;
	if (!physical)
		return nvio_error(map->addr ? ENOMEM : ENOTSUP,
				  "no map of %zu bytes for a device without an IOMMU", map->len);
	err = nvio_physical_pages(map->addr, nr, physical);
	for (size_t i = 0; i < nr && !err; i++) {
		if (physical[i] != map->iova + i * page)
			err = nvio_error(ENOTSUP,
					 "without an IOMMU, memory %p + %zu cannot be at IOVA "
					 "0x%" PRIx64 ": page %zu of it is at 0x%" PRIx64,
					 map->addr, map->len, map->iova, i, physical[i]);
	}
	free(physical);
	return err;
}

static int noiommu_unmap(struct nvio_domain *domain, uint64_t iova, size_t len)
{
	(void)domain;
	(void)iova;
	(void)len;
	return 0;
}

static void noiommu_close(struct nvio_domain *domain)
{
	struct noiommu *n = (struct noiommu *)domain;

	nvio_groups_close(n->groups);
	nvio_sys_close(n->fd);
	free(n);
}

static const struct nvio_domain_ops noiommu_ops = {
	.type = noiommu_type,
	.map = noiommu_map,
	.unmap = noiommu_unmap,
	.close = noiommu_close,
};

static int enter(struct nvio_iommu *iommu, struct noiommu *n, const struct nvio_pci *pci)
{
	int err = nvio_group_join(&n->groups, n->fd, pci);

	if (err)
		return err;
	if (nvio_sys_ioctl_value(n->fd, VFIO_CHECK_EXTENSION, VFIO_NOIOMMU_IOMMU) <= 0)
		return nvio_error(ENOTSUP, "%s: the kernel has no way without an IOMMU", pci->name);
	err = nvio_sys_ioctl_value(n->fd, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
	if (err)
		return nvio_group_attach_error(-err, pci);
	if (iommu->domains)
		return nvio_error(EINVAL,
				  "%s has no IOMMU and cannot share an address space with devices "
				  "that have one",
				  pci->name);
	return nvio_iommu_join(iommu, &n->domain);
}

static int make_domain(struct nvio_iommu *iommu, const struct nvio_pci *pci, struct noiommu **out)
{
	struct noiommu *n = calloc(1, sizeof(*n));
	int err;

	if (!n)
		return nvio_error(ENOMEM, "no memory for a VFIO container");
	n->domain = (struct nvio_domain){ .ops = &noiommu_ops,
					  .page_sizes = ~((uint64_t)getpagesize() - 1),
					  .max_maps = UINT32_MAX,
					  .numa_node = pci->numa_node,
					  .physical = true,
					  .ranges = { 1, { { 0, UINT64_MAX } } } };
	/* No memory is where a BAR is. */
	nvio_ranges_cut_pci_windows(&n->domain.ranges);
	n->fd = nvio_container_open();
	err = n->fd < 0 ? n->fd : enter(iommu, n, pci);
	if (!err) {
		*out = n;
		return 0;
	}
	if (n->fd >= 0)
		noiommu_close(&n->domain);
	else
		free(n);
	return err;
}

int nvio_noiommu_open_device(struct nvio_iommu *iommu, const struct nvio_pci *pci)
{
	struct noiommu *n;
	int ret;

	nvio_log(NVIO_LOG_WARN,
		 "%s: NO IOMMU: nothing keeps this device from any memory of the machine, and "
		 "registered memory that the kernel moves while a command uses it is corrupted",
		 pci->name);
	pthread_mutex_lock(&iommu->lock);
	n = (struct noiommu *)nvio_iommu_domain(iommu, &noiommu_ops);
	ret = n ? nvio_group_join(&n->groups, n->fd, pci) : make_domain(iommu, pci, &n);
	if (!ret)
		ret = nvio_group_open_device(n->groups, pci, NULL);
	pthread_mutex_unlock(&iommu->lock);
	return ret;
}
