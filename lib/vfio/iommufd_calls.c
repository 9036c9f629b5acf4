/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What only iommufd offers; see <nvio/iommu.h>.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <nvio/iommu.h>

#include "base/error.h"
#include "vfio/device.h"
#include "vfio/iommufd.h"
#include "vfio/sys.h"
#include "vfio/uapi.h"

int nvio_iommu_copy(struct nvio_iommu *iommu, uint64_t iova, size_t len, struct nvio_iommu *to,
		    uint64_t to_iova, unsigned int rights)
{
	const struct nvio_map *found;
	struct nvio_iommufd *space;
	struct nvio_map map;

	space = nvio_iommufd_lock(iommu);
	if (!space)
		return -ENOTSUP;
	found = nvio_iommu_find_map(iommu, iova, len);
	if (found)
		map = *found;
	map.from_ioas = space->ioas;
	pthread_mutex_unlock(&iommu->lock);
	if (!found)
		return nvio_error(EINVAL, "IOVA 0x%" PRIx64 " + %zu is no whole mapping", iova,
				  len);
	if (to->beside != iommu)
		return nvio_error(EINVAL, "the address space to copy to was not opened beside the "
					  "one to copy from");
	map.from_iova = iova;
	map.iova = to_iova;
	map.rights = rights;
	return nvio_iommu_map_fd(to, &map);
}

int nvio_iommu_allow(struct nvio_iommu *iommu, const struct nvio_iova_range *ranges, uint32_t nr)
{
	struct nvio_uapi_allow_iovas request = { .size = sizeof(request),
						 .nr = nr,
						 .ranges = (uintptr_t)ranges };
	struct nvio_iommufd *space = nvio_iommufd_lock(iommu);
	int err;

	static_assert(sizeof(*ranges) == sizeof(struct nvio_uapi_iova_range),
		      "the kernel's layout");
	if (!space)
		return -ENOTSUP;
	request.ioas = space->ioas;
	err = nvio_sys_ioctl(space->fd, NVIO_IOMMU_ALLOW_IOVAS, &request);
	pthread_mutex_unlock(&iommu->lock);
	return err ? nvio_error(-err, "%u ranges of IOVAs cannot be kept usable: %s", nr,
				strerror(-err))
		   : 0;
}

int nvio_iommu_option(struct nvio_iommu *iommu, enum nvio_iommu_option option, bool set,
		      bool *value)
{
	struct nvio_uapi_option request = { .size = sizeof(request),
					    .option = (uint32_t)option,
					    .op = set ? NVIO_IOMMU_OPTION_SET
						      : NVIO_IOMMU_OPTION_GET,
					    .value = set && *value };
	struct nvio_iommufd *space = nvio_iommufd_lock(iommu);
	int err;

	if (!space)
		return -ENOTSUP;
	if (option == NVIO_IOMMU_LARGE_PAGES)
		request.object = space->ioas;
	err = nvio_sys_ioctl(space->fd, NVIO_IOMMU_OPTION, &request);
	pthread_mutex_unlock(&iommu->lock);
	if (err)
		return nvio_error(-err, "option %d of iommufd: %s", option, strerror(-err));
	if (!set)
		*value = request.value;
	return 0;
}

int nvio_device_iommu_hw(struct nvio_device *device, struct nvio_iommu_hw *out, size_t size)
{
	struct nvio_uapi_hw_info request = { .size = sizeof(request), .devid = device->devid };
	struct nvio_iommufd *space = nvio_iommufd_lock(device->iommu);
	struct nvio_iommu_hw hw;
	int err;

	if (!space)
		return -ENOTSUP;
	err = device->devid ? nvio_sys_ioctl(space->fd, NVIO_IOMMU_GET_HW_INFO, &request)
			    : -EOPNOTSUPP;
	pthread_mutex_unlock(&device->iommu->lock);
	if (err)
		return nvio_error(err == -ENOTTY ? ENOTSUP : -err,
				  "%s: the kernel does not tell of its IOMMU: %s", device->name,
				  strerror(-err));
	hw = (struct nvio_iommu_hw){ request.type, request.capabilities & 1,
				     request.max_pasid_log2 };
	return nvio_give_info(out, size, &hw, sizeof(hw));
}

int nvio_device_detach(struct nvio_device *device)
{
	if (!device->attached)
		return nvio_error(ENOTSUP, "%s is attached to no address space of iommufd",
				  device->name);
	nvio_cdev_detach(device);
	return 0;
}
