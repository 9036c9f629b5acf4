/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Regions: what the device says of them, mapping them where that is allowed, reading and writing
 * them by call.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nvio/feature.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/caps.h"
#include "vfio/device.h"

static int take_sparse(struct nvio_region_info *info, const void *cap, size_t len)
{
	struct vfio_region_info_cap_sparse_mmap head;
	const char *areas = (const char *)cap + sizeof(head);

	if (len < sizeof(head))
		return nvio_error(EPROTO, "the sparse mmap capability is cut off");
	memcpy(&head, cap, sizeof(head));
	if (head.nr_areas > (len - sizeof(head)) / sizeof(struct vfio_region_sparse_mmap_area))
		return nvio_error(EPROTO,
				  "the sparse mmap capability promises %u areas and holds fewer",
				  head.nr_areas);
	info->nr_areas = 0;
	for (uint32_t i = 0; i < head.nr_areas && info->nr_areas < NVIO_REGION_AREAS; i++) {
		struct vfio_region_sparse_mmap_area area;

		memcpy(&area, areas + i * sizeof(area), sizeof(area));
		if (area.offset > info->len || area.size > info->len - area.offset)
			return nvio_error(EPROTO, "a mappable area lies outside its region");
		if (!area.size)
			continue;
		info->areas[info->nr_areas].offset = area.offset;
		info->areas[info->nr_areas++].len = area.size;
	}
	return 0;
}

static int take_cap(void *arg, uint16_t id, uint16_t version, const void *cap, size_t len)
{
	struct nvio_region_info *info = arg;
	struct vfio_region_info_cap_type type;

	(void)version;
	switch (id) {
	case VFIO_REGION_INFO_CAP_SPARSE_MMAP:
		return take_sparse(info, cap, len);
	case VFIO_REGION_INFO_CAP_MSIX_MAPPABLE:
		info->msix_mappable = true;
		return 0;
	case VFIO_REGION_INFO_CAP_TYPE:
		if (len < sizeof(type))
			return nvio_error(EPROTO, "the region type capability is cut off");
		memcpy(&type, cap, sizeof(type));
		info->type = type.type;
		info->subtype = type.subtype;
		return 0;
	default:
		return 0;
	}
}

int nvio_region_parse(const void *answer, size_t len, struct nvio_region *region)
{
	struct vfio_region_info head;
	struct nvio_region_info *info = &region->info;

	if (len < sizeof(head))
		return nvio_error(EPROTO, "the region information is cut off");
	memcpy(&head, answer, sizeof(head));
	memset(region, 0, sizeof(*region));
	info->len = head.size;
	info->flags = head.flags;
	region->fd_offset = head.offset;
	if (head.size > INT64_MAX || head.offset > INT64_MAX - head.size)
		return nvio_error(EPROTO, "region %u is larger than a file can be", head.index);
	if (head.size && (head.flags & VFIO_REGION_INFO_FLAG_MMAP)) {
		info->nr_areas = 1;
		info->areas[0].len = head.size;
	}
	if (!(head.flags & VFIO_REGION_INFO_FLAG_CAPS))
		return 0;
	return nvio_caps_walk(answer, len, sizeof(head), head.cap_offset, take_cap, info);
}

int nvio_device_read_regions(struct nvio_device *device)
{
	if (device->nr_regions > NVIO_REGIONS_MAX || device->nr_irqs > NVIO_IRQS_MAX)
		return nvio_error(EPROTO, "%s claims %u regions and %u kinds of interrupts",
				  device->name, device->nr_regions, device->nr_irqs);
	for (uint32_t i = 0; i < device->nr_regions; i++) {
		int err = device->ops->region(device, i, &device->regions[i]);

		if (err) {
			nvio_error_prefix("%s: region %u", device->name, i);
			return err;
		}
	}
	return 0;
}

static int check_region(struct nvio_device *device, uint32_t idx, uint64_t offset, size_t len)
{
	uint64_t region_len;

	if (idx >= device->nr_regions)
		return nvio_error(EINVAL, "%s has no region %u", device->name, idx);
	region_len = device->regions[idx].info.len;
	if (!len || offset > region_len || len > region_len - offset)
		return nvio_error(EINVAL,
				  "%s: offset 0x%" PRIx64
				  " + %zu lies outside region %u of %" PRIu64 " bytes",
				  device->name, offset, len, idx, region_len);
	return 0;
}

int nvio_device_region(struct nvio_device *device, uint32_t idx, struct nvio_region_info *out,
		       size_t size)
{
	if (idx >= device->nr_regions)
		return nvio_error(EINVAL, "%s has no region %u", device->name, idx);
	return nvio_give_info(out, size, &device->regions[idx].info,
			      sizeof(device->regions[idx].info));
}

static bool may_map(const struct nvio_region_info *info, uint64_t offset, size_t len)
{
	for (uint32_t i = 0; i < info->nr_areas; i++) {
		uint64_t start = info->areas[i].offset;

		if (offset >= start && len <= info->areas[i].len &&
		    offset - start <= info->areas[i].len - len)
			return true;
	}
	return false;
}

int nvio_device_region_map(struct nvio_device *device, uint32_t idx, uint64_t offset, size_t len,
			   void **addr)
{
	uint64_t page = (uint64_t)getpagesize(), start, end;
	struct nvio_mapping *mapping;
	int err = check_region(device, idx, offset, len);

	if (err)
		return err;
	if (!may_map(&device->regions[idx].info, offset, len))
		return nvio_error(ENOTSUP, "%s: region %u cannot be mapped at 0x%" PRIx64 " + %zu",
				  device->name, idx, offset, len);
	/* A mapping is of use only then. */
	if (device->asleep) {
		err = nvio_device_wake(device);
		if (err)
			return err;
	}
	mapping = calloc(1, sizeof(*mapping));
	if (!mapping)
		return nvio_error(ENOMEM, "no memory for a mapping");
	/* VFIO lets only whole pages be mapped, and owns the rest of the page where a BAR is
	 * smaller than one. */
	start = align_down(offset, page);
	end = align_up(offset + len, page);
	mapping->len = end - start;
	mapping->region = idx;
	mapping->offset = start;
	pthread_mutex_lock(&device->lock);
	mapping->addr = device->ops->map(device, idx, start, mapping->len);
	if (mapping->addr == MAP_FAILED) {
		err = nvio_error(errno, "%s: mapping region %u at 0x%" PRIx64 " + %zu failed: %s",
				 device->name, idx, offset, len, strerror(errno));
		pthread_mutex_unlock(&device->lock);
		free(mapping);
		return err;
	}
	/* A child of fork() must not reach the device's registers. */
	madvise(mapping->addr, mapping->len, MADV_DONTFORK);
	mapping->next = device->mappings;
	device->mappings = mapping;
	nvio_guard_add(device, mapping);
	pthread_mutex_unlock(&device->lock);
	*addr = (char *)mapping->addr + (offset - start);
	return 0;
}

void nvio_device_unmap_regions(struct nvio_device *device)
{
	while (device->mappings) {
		struct nvio_mapping *mapping = device->mappings;

		device->mappings = mapping->next;
		nvio_guard_remove(mapping);
		munmap(mapping->addr, mapping->len);
		free(mapping);
	}
}

/* The result of a read or write of @len bytes of which @n were done. */
static int transferred(struct nvio_device *device, const char *verb, uint32_t idx, uint64_t offset,
		       size_t len, ssize_t n)
{
	if (n >= 0 && (size_t)n == len)
		return 0;
	return nvio_error(n < 0 ? (int)-n : EIO,
			  "%s: %s of %zu bytes at 0x%" PRIx64 " of region %u failed: %s",
			  device->name, verb, len, offset, idx,
			  n < 0 ? strerror((int)-n) : "cut short");
}

int nvio_device_region_read(struct nvio_device *device, uint32_t idx, uint64_t offset, void *buf,
			    size_t len)
{
	int err = check_region(device, idx, offset, len);

	if (err)
		return err;
	return transferred(device, "reading", idx, offset, len,
			   device->ops->read(device, idx, offset, buf, len));
}

int nvio_device_region_write(struct nvio_device *device, uint32_t idx, uint64_t offset,
			     const void *buf, size_t len)
{
	int err = check_region(device, idx, offset, len);

	if (err)
		return err;
	return transferred(device, "writing", idx, offset, len,
			   device->ops->write(device, idx, offset, buf, len));
}
