/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cutting addresses out of an I/O address space's usable ranges; see windows.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vfio/sysfs.h"
#include "vfio/windows.h"

/* A line of the file "resource": start, end and flags of <linux/ioport.h>. */
#define RESOURCE_MEM 0x200u

static void remove_range(struct nvio_iommu *iommu, uint32_t idx)
{
	iommu->nr_ranges--;
	memmove(&iommu->ranges[idx], &iommu->ranges[idx + 1],
		(iommu->nr_ranges - idx) * sizeof(iommu->ranges[0]));
}

/* What is left of range @idx is two pieces; the smaller one is given up when there is no room. */
static void split_range(struct nvio_iommu *iommu, uint32_t idx, uint64_t start, uint64_t last)
{
	struct nvio_iova_range *r = &iommu->ranges[idx];
	struct nvio_iova_range low = { r->start, start - 1 }, high = { last + 1, r->last };

	if (iommu->nr_ranges == NVIO_IOMMU_RANGES) {
		*r = low.last - low.start > high.last - high.start ? low : high;
		return;
	}
	memmove(r + 1, r, (iommu->nr_ranges - idx) * sizeof(*r));
	iommu->nr_ranges++;
	r[0] = low;
	r[1] = high;
}

void nvio_iommu_cut(struct nvio_iommu *iommu, uint64_t start, uint64_t last)
{
	for (uint32_t i = iommu->nr_ranges; i-- > 0;) {
		struct nvio_iova_range *r = &iommu->ranges[i];

		if (last < r->start || start > r->last)
			continue;
		if (start <= r->start && last >= r->last)
			remove_range(iommu, i);
		else if (start <= r->start)
			r->start = last + 1;
		else if (last >= r->last)
			r->last = start - 1;
		else
			split_range(iommu, i, start, last);
	}
}

static bool cut_device(void *arg, const char *name)
{
	char path[NVIO_PATH_LEN];
	uint64_t start, last, flags;
	FILE *f;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/resource", nvio_roots.sys, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fscanf(f, "%" SCNx64 " %" SCNx64 " %" SCNx64, &start, &last, &flags) == 3) {
		if ((flags & RESOURCE_MEM) && last > start)
			nvio_iommu_cut(arg, start, last);
	}
	fclose(f);
	return false;
}

void nvio_iommu_cut_pci_windows(struct nvio_iommu *iommu)
{
	char dir[NVIO_PATH_LEN];

	snprintf(dir, sizeof(dir), "%s/bus/pci/devices", nvio_roots.sys);
	nvio_sysfs_each(dir, cut_device, iommu);
}
