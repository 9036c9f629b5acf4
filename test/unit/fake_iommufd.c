/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Address spaces of iommufd of the unit tests' kernel; see fake_kernel.h. Requests are kept to the
 * bit: sizes, reserved fields, identifiers.
 */
#include <errno.h>
#include <string.h>

#include "fake_kernel.h"
#include "vfio/uapi.h"

static bool is_ioas(uint32_t ioas)
{
	return ioas >= 100 && ioas < fake_kernel.next_ioas;
}

static int alloc(int fd, struct nvio_uapi_ioas_alloc *request)
{
	if (request->size != sizeof(*request) || request->flags)
		return -EINVAL;
	request->ioas = fake_kernel.next_ioas++;
	fake_kernel.files[fd].space = request->ioas;
	fake_kernel.nr_ioas++;
	return 0;
}

static int destroy(const struct nvio_uapi_destroy *request)
{
	if (!is_ioas(request->id))
		return -ENOENT;
	for (int i = 0; i < FAKE_DEVICES; i++) {
		if (fake_kernel.devices[i].attached == request->id ||
		    fake_kernel.devices[i].pasid_ioas == request->id)
			return -EBUSY;
	}
	fake_unmap(request->id, 0, UINT64_MAX);
	fake_kernel.nr_ioas--;
	return 0;
}

/* Before a device is attached everything is allowed. */
static int iova_ranges(struct nvio_uapi_iova_ranges *request)
{
	static const struct nvio_uapi_iova_range narrow[] = { { 0, 0xfedfffff },
							      { 0xfef00000, (1ull << 39) - 1 } };
	static const struct nvio_uapi_iova_range wide[] = { { 0, UINT64_MAX } };
	const struct nvio_uapi_iova_range *ranges = wide;
	uint32_t room = request->nr, nr = 1;

	if (request->size != sizeof(*request) || request->reserved || !is_ioas(request->ioas))
		return -EINVAL;
	for (int i = 0; i < FAKE_DEVICES; i++) {
		if (fake_kernel.devices[i].attached == request->ioas ||
		    fake_kernel.devices[i].pasid_ioas == request->ioas) {
			ranges = narrow;
			nr = 2;
		}
	}
	request->nr = nr;
	request->alignment = 4096;
	memcpy((void *)(uintptr_t)request->ranges, ranges,
	       (room < nr ? room : nr) * sizeof(*ranges));
	return room < nr ? -EMSGSIZE : 0;
}

static int map(const struct nvio_uapi_map *request)
{
	struct fake_mapping m = { request->iova,  request->len, request->addr,
				  request->flags, -1,           request->ioas };

	if (request->size != sizeof(*request) || request->reserved ||
	    !(request->flags & NVIO_IOMMU_MAP_FIXED) || !request->len ||
	    (request->iova | request->len) & 0xfff)
		return -EINVAL;
	return is_ioas(request->ioas) ? fake_map(&m) : -ENOENT;
}

static int map_file(const struct nvio_uapi_map_file *request)
{
	struct fake_mapping m = { request->iova,  request->len, request->start,
				  request->flags, request->fd,  request->ioas };

	if (!fake_kernel.map_file)
		return -ENOTTY;
	if (request->size != sizeof(*request) || !(request->flags & NVIO_IOMMU_MAP_FIXED) ||
	    request->fd < 0)
		return -EINVAL;
	return is_ioas(request->ioas) ? fake_map(&m) : -ENOENT;
}

static int copy(const struct nvio_uapi_copy *request)
{
	if (request->size != sizeof(*request) || !is_ioas(request->dst_ioas))
		return -EINVAL;
	for (uint32_t i = 0; i < fake_kernel.nr_maps; i++) {
		struct fake_mapping m = fake_kernel.maps[i];

		if (m.space != request->src_ioas || m.iova != request->src_iova ||
		    m.len != request->len)
			continue;
		m.space = request->dst_ioas;
		m.iova = request->dst_iova;
		m.flags = request->flags;
		return fake_map(&m);
	}
	return -ENOENT;
}

static int unmap(struct nvio_uapi_unmap *request)
{
	int64_t done;

	if (request->size != sizeof(*request) || !is_ioas(request->ioas))
		return -EINVAL;
	done = fake_unmap(request->ioas, request->iova, request->len);
	/* Unlike TYPE1: nothing there is an error. */
	if (!done)
		return -ENOENT;
	request->len = (uint64_t)done;
	return done < 0 ? (int)done : 0;
}

static int option(struct nvio_uapi_option *request)
{
	bool huge = request->option == NVIO_IOMMU_HUGE_PAGES;
	uint64_t *value = huge ? &fake_kernel.huge_pages : &fake_kernel.rlimit_mode;

	if (request->size != sizeof(*request) || request->reserved || request->option > 1 ||
	    (huge ? !is_ioas(request->object) : request->object))
		return -EINVAL;
	if (request->op == NVIO_IOMMU_OPTION_SET)
		*value = request->value;
	else
		request->value = *value;
	return 0;
}

static int hw_info(struct nvio_uapi_hw_info *request)
{
	for (int i = 0; i < FAKE_DEVICES; i++) {
		if (fake_kernel.devices[i].fd < 0 || fake_kernel.devices[i].bound != request->devid)
			continue;
		request->type = 1;
		request->capabilities = 1;
		request->max_pasid_log2 = 20;
		return 0;
	}
	return -ENOENT;
}

/* Memory of files only. */
static int change_process(const struct nvio_uapi_change_process *request)
{
	if (request->size != sizeof(*request) || request->reserved)
		return -EINVAL;
	for (uint32_t i = 0; i < fake_kernel.nr_maps; i++) {
		if (fake_kernel.maps[i].fd < 0)
			return -EINVAL;
	}
	fake_kernel.process_changes++;
	return 0;
}

int fake_iommufd_ioctl(int fd, unsigned long request, void *arg)
{
	switch (request) {
	case NVIO_IOMMU_IOAS_ALLOC:
		return alloc(fd, arg);
	case NVIO_IOMMU_DESTROY:
		return destroy(arg);
	case NVIO_IOMMU_IOVA_RANGES:
		return iova_ranges(arg);
	case NVIO_IOMMU_ALLOW_IOVAS:
		return ((struct nvio_uapi_allow_iovas *)arg)->nr ? 0 : -EINVAL;
	case NVIO_IOMMU_MAP:
		return map(arg);
	case NVIO_IOMMU_MAP_FILE:
		return map_file(arg);
	case NVIO_IOMMU_COPY:
		return copy(arg);
	case NVIO_IOMMU_UNMAP:
		return unmap(arg);
	case NVIO_IOMMU_OPTION:
		return option(arg);
	case NVIO_IOMMU_GET_HW_INFO:
		return hw_info(arg);
	case NVIO_IOMMU_CHANGE_PROCESS:
		return change_process(arg);
	default:
		return -ENOTTY;
	}
}
