/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Containers of TYPE1 and groups of the unit tests' kernel; see fake_kernel.h.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "fake_kernel.h"

int fake_map(const struct fake_mapping *map)
{
	for (uint32_t i = 0; i < fake_kernel.nr_maps; i++) {
		const struct fake_mapping *m = &fake_kernel.maps[i];

		if (m->space == map->space && m->iova < map->iova + map->len &&
		    map->iova < m->iova + m->len)
			return -EEXIST;
	}
	if (fake_kernel.nr_maps == FAKE_MAPPINGS)
		return -ENOMEM;
	fake_kernel.maps[fake_kernel.nr_maps++] = *map;
	return 0;
}

int64_t fake_unmap(uint32_t space, uint64_t iova, uint64_t len)
{
	uint64_t last = len > UINT64_MAX - iova ? UINT64_MAX : iova + len - 1;
	int64_t done = 0;

	for (uint32_t i = 0; i < fake_kernel.nr_maps; i++) {
		const struct fake_mapping *m = &fake_kernel.maps[i];

		if (m->space != space || m->iova > last || m->iova + m->len - 1 < iova)
			continue;
		/* Both TYPE1v2 and iommufd take whole maps only. */
		if (m->iova < iova || m->iova + m->len - 1 > last)
			return -EINVAL;
		done += (int64_t)m->len;
		fake_kernel.maps[i--] = fake_kernel.maps[--fake_kernel.nr_maps];
	}
	return done;
}

static bool has_group(int container)
{
	for (int i = 0; i < FAKE_DEVICES; i++) {
		if (fake_kernel.group_container[i] == container)
			return true;
	}
	return false;
}

/* Fixed part, ranges up to the interrupt window and behind it, how many maps are left. */
static int get_info(struct vfio_iommu_type1_info *info)
{
	struct {
		struct vfio_iommu_type1_info info;
		/* struct vfio_iommu_type1_info_cap_iova_range, which ends in an open array */
		struct {
			struct vfio_info_cap_header header;
			uint32_t nr_iovas, reserved;
		} head;
		struct vfio_iova_range ranges[2];
		struct vfio_iommu_type1_info_dma_avail avail;
	} answer = {
		.info = { .argsz = sizeof(answer),
			  .flags = VFIO_IOMMU_INFO_PGSIZES |
				   (fake_kernel.iova_caps ? VFIO_IOMMU_INFO_CAPS : 0),
			  .iova_pgsizes = fake_kernel.page_sizes },
		.head = { .header = { VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0 }, .nr_iovas = 2 },
		.ranges = { { 0, 0xfedfffff }, { 0xfef00000, (1ull << 39) - 1 } },
		.avail = { { VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 1, 0 },
			   fake_kernel.dma_avail - fake_kernel.nr_maps },
	};
	uint32_t room = info->argsz;

	answer.head.header.next = (uint32_t)((char *)&answer.avail - (char *)&answer);
	if (!fake_kernel.iova_caps)
		answer.info.argsz = sizeof(answer.info);
	else if (room >= sizeof(answer))
		answer.info.cap_offset = (uint32_t)((char *)&answer.head - (char *)&answer);
	memcpy(info, &answer, room < answer.info.argsz ? room : answer.info.argsz);
	return 0;
}

static int map_dma(int fd, const struct vfio_iommu_type1_dma_map *request)
{
	struct fake_mapping map = {
		request->iova, request->size, request->vaddr, request->flags, -1, (uint32_t)fd
	};

	if (request->argsz < sizeof(*request) || !request->size ||
	    (request->iova | request->size | request->vaddr) & 0xfff)
		return -EINVAL;
	if (request->flags == VFIO_DMA_MAP_FLAG_VADDR) {
		for (uint32_t i = 0; i < fake_kernel.nr_maps; i++) {
			struct fake_mapping *m = &fake_kernel.maps[i];

			if (m->iova != request->iova || m->len != request->size ||
			    !fake_kernel.vaddr_gone || m->vaddr)
				continue;
			m->vaddr = request->vaddr;
			return 0;
		}
		return -EINVAL;
	}
	if (request->flags & VFIO_DMA_MAP_FLAG_VADDR ||
	    !(request->flags & (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)))
		return -EINVAL;
	if (fake_kernel.nr_maps == fake_kernel.dma_avail)
		return -ENOSPC;
	return fake_map(&map);
}

static int unmap_dma(int fd, struct vfio_iommu_type1_dma_unmap *request)
{
	bool all = request->flags & VFIO_DMA_UNMAP_FLAG_ALL;
	int64_t done = 0;

	if (request->flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP) {
		struct vfio_bitmap bitmap;

		memcpy(&bitmap, request->data, sizeof(bitmap));
		if (!fake_kernel.dirty || all || request->argsz < sizeof(*request) + sizeof(bitmap))
			return -EINVAL;
		memset(bitmap.data, 0x55, bitmap.size);
	}
	if (all && (request->iova || request->size))
		return -EINVAL;
	if (request->flags & VFIO_DMA_UNMAP_FLAG_VADDR) {
		for (uint32_t i = 0; i < fake_kernel.nr_maps; i++) {
			fake_kernel.maps[i].vaddr = 0;
			done += (int64_t)fake_kernel.maps[i].len;
		}
		fake_kernel.vaddr_gone = true;
	} else {
		done = fake_unmap((uint32_t)fd, request->iova, all ? UINT64_MAX : request->size);
	}
	if (done >= 0)
		request->size = (uint64_t)done;
	return done < 0 ? (int)done : 0;
}

static int dirty_pages(struct vfio_iommu_type1_dirty_bitmap *request)
{
	struct vfio_iommu_type1_dirty_bitmap_get get;

	switch (request->flags) {
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
		fake_kernel.dirty = true;
		return 0;
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
		fake_kernel.dirty = false;
		return 0;
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP:
		memcpy(&get, request->data, sizeof(get));
		if (!fake_kernel.dirty || request->argsz < sizeof(*request) + sizeof(get) ||
		    get.bitmap.size < (get.size / get.bitmap.pgsize + 63) / 64 * 8)
			return -EINVAL;
		memset(get.bitmap.data, 0xaa, get.bitmap.size);
		return 0;
	default:
		return -EINVAL;
	}
}

static bool is_tce(uint32_t type)
{
	return type == VFIO_SPAPR_TCE_IOMMU || type == VFIO_SPAPR_TCE_v2_IOMMU;
}

int fake_container_ioctl(int fd, unsigned long request, void *arg)
{
	uint32_t *type = &fake_kernel.files[fd].space;

	switch (request) {
	case VFIO_GET_API_VERSION:
		return fake_kernel.api_version;
	case VFIO_CHECK_EXTENSION:
		return (uintptr_t)arg < 32 && fake_kernel.extensions >> (uintptr_t)arg & 1;
	case VFIO_SET_IOMMU:
		if (!has_group(fd) || *type)
			return -EINVAL;
		*type = fake_kernel.container_type = (uint32_t)(uintptr_t)arg;
		if (is_tce(*type))
			fake_tce_begin(fd, *type);
		return 0;
	}
	if (!*type || !has_group(fd) || *type == VFIO_NOIOMMU_IOMMU)
		return -EINVAL;
	if (is_tce(*type))
		return fake_tce_ioctl(fd, request, arg);
	switch (request) {
	case VFIO_IOMMU_GET_INFO:
		return get_info(arg);
	case VFIO_IOMMU_MAP_DMA:
		return map_dma(fd, arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap_dma(fd, arg);
	case VFIO_IOMMU_DIRTY_PAGES:
		return dirty_pages(arg);
	default:
		return -ENOTTY;
	}
}

/* "0000:01:00.0" and perhaps " vf_token=UUID" behind it. */
static int get_device(int group, const char *name)
{
	struct fake_device *device = &fake_kernel.devices[group];
	const char *token = strstr(name, " vf_token=");

	if (fake_kernel.group_container[group] < 0 ||
	    !fake_kernel.files[fake_kernel.group_container[group]].space)
		return -EINVAL;
	if (strncmp(name, device->name, strlen(device->name)))
		return -ENODEV;
	if (token && !device->token[0])
		return -EINVAL;
	if (strcmp(token ? token + strlen(" vf_token=") : "", device->token))
		return -EACCES;
	if (device->fd >= 0)
		return -EBUSY;
	device->fd = fake_kernel_file(FAKE_DEVICE, group);
	return device->fd;
}

int fake_group_ioctl(int fd, unsigned long request, void *arg)
{
	int group = fake_kernel.files[fd].idx, container;

	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)arg)->flags =
			(fake_kernel.viable ? VFIO_GROUP_FLAGS_VIABLE : 0u) |
			(fake_kernel.group_container[group] >= 0 ? VFIO_GROUP_FLAGS_CONTAINER_SET
								 : 0u);
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		memcpy(&container, arg, sizeof(container));
		if (fake_kernel.files[container].kind != FAKE_CONTAINER)
			return -EINVAL;
		fake_kernel.group_container[group] = container;
		return 0;
	case VFIO_GROUP_UNSET_CONTAINER:
		if (fake_kernel.devices[group].fd >= 0)
			return -EBUSY;
		fake_kernel.group_container[group] = -1;
		return 0;
	case VFIO_GROUP_GET_DEVICE_FD:
		return get_device(group, arg);
	default:
		return -ENOTTY;
	}
}
