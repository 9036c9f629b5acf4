/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Address spaces of a device besides its own, one for each PASID; see <nvio/iommu.h>.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nvio/iommu.h>

#include "base/error.h"
#include "vfio/device.h"
#include "vfio/iommufd.h"
#include "vfio/ranges.h"
#include "vfio/sys.h"
#include "vfio/uapi.h"

#define PASID_LAST ((1u << 20) - 1)

struct nvio_pasid {
	struct nvio_pasid *next;
	struct nvio_iommu *iommu; /* referenced */
	uint32_t pasid;
};

static struct nvio_pasid **find(struct nvio_device *device, uint32_t pasid)
{
	struct nvio_pasid **at = &device->pasids;

	while (*at && (*at)->pasid != pasid)
		at = &(*at)->next;
	return at;
}

static int check(struct nvio_device *device, uint32_t pasid, const struct nvio_iommu *iommu)
{
	if (!device->attached)
		return nvio_error(ENOTSUP, "%s is attached to no address space of iommufd",
				  device->name);
	if (!pasid || pasid > PASID_LAST)
		return nvio_error(EINVAL, "%u is no PASID: 1 to %u are", pasid, PASID_LAST);
	if (iommu->beside != device->iommu)
		return nvio_error(EINVAL,
				  "the address space for PASID %u was not opened beside that of %s",
				  pasid, device->name);
	if (*find(device, pasid))
		return nvio_error(EEXIST, "%s: PASID %u is attached already", device->name, pasid);
	return 0;
}

/* The lock of @iommu is held. */
static int attach(struct nvio_device *device, uint32_t pasid, struct nvio_iommufd *space)
{
	const struct nvio_uapi_attach request = { .argsz = sizeof(request),
						  .flags = NVIO_VFIO_PT_PASID,
						  .pt_id = space->ioas,
						  .pasid = pasid };
	int err = nvio_cdev_attach(device, &request);

	/* What is longer than a kernel knows is refused like a PASID that is none to the device. */
	if (err == -ENOTTY || err == -EINVAL || err == -E2BIG || err == -EOPNOTSUPP)
		return nvio_error(ENOTSUP,
				  "%s: PASID %u cannot be attached: the device, or the IOMMU above "
				  "it, has no PASIDs, or the kernel is older than 6.15 (%s)",
				  device->name, pasid, strerror(-err));
	return err ? nvio_error(-err, "%s: PASID %u cannot be attached: %s", device->name, pasid,
				strerror(-err))
		   : 0;
}

static int detach(const struct nvio_device *device, uint32_t pasid)
{
	struct nvio_uapi_detach request = { .argsz = sizeof(request),
					    .flags = NVIO_VFIO_PT_PASID,
					    .pasid = pasid };
	int err = nvio_sys_ioctl(device->fd, NVIO_VFIO_DETACH_PT, &request);

	return err ? nvio_error(-err, "%s: PASID %u stays attached: %s", device->name, pasid,
				strerror(-err))
		   : 0;
}

/* What the address space may use is known once something is attached to it. */
static int enter(struct nvio_iommu *iommu, struct nvio_iommufd *space, bool first)
{
	int err = nvio_iommufd_read_ranges(space);

	if (err)
		return err;
	nvio_ranges_intersect(&space->domain.ranges, &iommu->beside->ranges);
	if (first)
		return nvio_iommu_join(iommu, &space->domain);
	nvio_iommu_narrow(iommu, &space->domain);
	return 0;
}

/* The lock of @iommu is held. */
static int join(struct nvio_device *device, uint32_t pasid, struct nvio_iommu *iommu)
{
	struct nvio_iommufd *space = iommu->domains ? nvio_iommufd_of(iommu) : NULL;
	struct nvio_sentence sentence;
	bool first = !iommu->domains;
	int err = 0;

	if (!first && !space)
		return -ENOTSUP;
	if (first)
		err = nvio_iommufd_new(iommu, -1, &space);
	if (err)
		return err;
	err = attach(device, pasid, space);
	if (!err) {
		err = enter(iommu, space, first);
		if (!err)
			return 0;
		nvio_error_save(&sentence);
		detach(device, pasid);
	} else {
		nvio_error_save(&sentence);
	}
	if (first)
		space->domain.ops->close(&space->domain);
	nvio_error_restore(&sentence);
	return err;
}

int nvio_device_attach_pasid(struct nvio_device *device, uint32_t number, struct nvio_iommu *iommu)
{
	int err = check(device, number, iommu);
	struct nvio_pasid *pasid;

	if (err)
		return err;
	pasid = calloc(1, sizeof(*pasid));
	if (!pasid)
		return nvio_error(ENOMEM, "no memory for a PASID");
	pthread_mutex_lock(&iommu->lock);
	err = join(device, number, iommu);
	pthread_mutex_unlock(&iommu->lock);
	if (err) {
		free(pasid);
		return err;
	}
	nvio_iommu_get(iommu);
	*pasid = (struct nvio_pasid){ device->pasids, iommu, number };
	device->pasids = pasid;
	return 0;
}

int nvio_device_detach_pasid(struct nvio_device *device, uint32_t number)
{
	struct nvio_pasid **at = find(device, number), *pasid = *at;
	int err;

	if (!pasid)
		return nvio_error(ENOENT, "%s: PASID %u is not attached", device->name, number);
	err = detach(device, number);
	if (err)
		return err;
	*at = pasid->next;
	nvio_iommu_put(pasid->iommu);
	free(pasid);
	return 0;
}

void nvio_pasids_forget(struct nvio_device *device)
{
	while (device->pasids) {
		struct nvio_pasid *pasid = device->pasids;

		device->pasids = pasid->next;
		nvio_iommu_put(pasid->iommu);
		free(pasid);
	}
}
