/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sets of usable IOVAs; see ranges.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vfio/ranges.h"
#include "vfio/sysfs.h"

/* A line of the file "resource": start, end and flags of <linux/ioport.h>. */
#define RESOURCE_MEM 0x200u

static void remove_range(struct nvio_ranges *ranges, uint32_t idx)
{
	ranges->nr--;
	memmove(&ranges->range[idx], &ranges->range[idx + 1],
		(ranges->nr - idx) * sizeof(ranges->range[0]));
}

/* What is left of range @idx is two pieces; the smaller one is given up when there is no room. */
static void split_range(struct nvio_ranges *ranges, uint32_t idx, uint64_t start, uint64_t last)
{
	struct nvio_iova_range *r = &ranges->range[idx];
	struct nvio_iova_range low = { r->start, start - 1 }, high = { last + 1, r->last };

	if (ranges->nr == NVIO_IOMMU_RANGES) {
		*r = low.last - low.start > high.last - high.start ? low : high;
		return;
	}
	memmove(r + 1, r, (ranges->nr - idx) * sizeof(*r));
	ranges->nr++;
	r[0] = low;
	r[1] = high;
}

void nvio_ranges_cut(struct nvio_ranges *ranges, uint64_t start, uint64_t last)
{
	for (uint32_t i = ranges->nr; i-- > 0;) {
		struct nvio_iova_range *r = &ranges->range[i];

		if (last < r->start || start > r->last)
			continue;
		if (start <= r->start && last >= r->last)
			remove_range(ranges, i);
		else if (start <= r->start)
			r->start = last + 1;
		else if (last >= r->last)
			r->last = start - 1;
		else
			split_range(ranges, i, start, last);
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
			nvio_ranges_cut(arg, start, last);
	}
	fclose(f);
	return false;
}

void nvio_ranges_cut_pci_windows(struct nvio_ranges *ranges)
{
	char dir[NVIO_PATH_LEN];

	snprintf(dir, sizeof(dir), "%s/bus/pci/devices", nvio_roots.sys);
	nvio_sysfs_each(dir, cut_device, ranges);
}

void nvio_ranges_intersect(struct nvio_ranges *ranges, const struct nvio_ranges *other)
{
	uint64_t next = 0;

	/* What lies between the other's ranges goes. */
	for (uint32_t i = 0; i < other->nr; i++) {
		if (other->range[i].start > next)
			nvio_ranges_cut(ranges, next, other->range[i].start - 1);
		if (other->range[i].last == UINT64_MAX)
			return;
		next = other->range[i].last + 1;
	}
	nvio_ranges_cut(ranges, next, UINT64_MAX);
}

bool nvio_ranges_hold(const struct nvio_ranges *ranges, uint64_t iova, uint64_t len)
{
	for (uint32_t i = 0; i < ranges->nr; i++) {
		const struct nvio_iova_range *r = &ranges->range[i];

		if (iova >= r->start && iova <= r->last && len - 1 <= r->last - iova)
			return true;
	}
	return false;
}
