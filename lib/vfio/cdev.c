/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Character devices of VFIO: opened, or taken from somebody else, bound to an iommufd, attached to
 * its address space, and detached again, which is the certain end of all DMA.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "vfio/explain.h"
#include "vfio/feature.h"
#include "vfio/iommufd.h"
#include "vfio/ranges.h"
#include "vfio/sys.h"
#include "vfio/sysfs.h"
#include "vfio/uapi.h"

/* A device, or one of its group, that is being reset refuses to be attached: for a second at most
 * in practice. */
#define ATTACH_PATIENCE_NS (3000 * NVIO_NS_PER_MS)

/* Below it are all 32-bit BARs; so much around a BAR is taken for its neighbours'. */
#define WINDOW_LEN (1ull << 32)

static int open_file(const struct nvio_pci *pci)
{
	char path[NVIO_PATH_LEN], why[NVIO_PATH_LEN];
	int fd;

	snprintf(path, sizeof(path), "%s/vfio/devices/%s", nvio_roots.dev, pci->cdev);
	fd = nvio_sys_open(path);
	if (fd >= 0)
		return fd;
	switch (-fd) {
	case EACCES:
	case EPERM:
		nvio_explain_mode(path, why, sizeof(why));
		return nvio_error(EACCES,
				  "%s: no permission on %s (%s): give this user access with `chown "
				  "%u %s`, or run as root",
				  pci->name, path, why, (unsigned int)geteuid(), path);
	case EBUSY:
		nvio_explain_user(pci, why, sizeof(why));
		return nvio_error(EBUSY, "%s: %s is in use: %s", pci->name, path, why);
	default:
		return nvio_error(-fd, "%s: cannot open %s: %s", pci->name, path, strerror(-fd));
	}
}

static int unsafe_interrupts(const struct nvio_device *device)
{
	return nvio_error(EPERM,
			  "%s: the IOMMU does not isolate interrupts (no interrupt remapping): "
			  "enable it in the firmware, or accept the risk with "
			  "allow_unsafe_interrupts=1 of iommufd",
			  device->name);
}

static int bind_error(int err, const struct nvio_device *device, const char *token)
{
	char why[NVIO_PATH_LEN] = "";
	int refused = nvio_token_refused(device->name, token, err);

	if (refused)
		return refused;
	switch (err) {
	case EPERM:
		return unsafe_interrupts(device);
	case EBUSY:
		nvio_explain_group(device->pci.group, why, sizeof(why));
		return nvio_error(
			err,
			"%s: IOMMU group %d is used by another driver or process: every "
			"device in it must be bound to vfio-pci or to no driver; it holds "
			"%s",
			device->name, device->pci.group, why);
	case ENOTTY:
	case EBADF:
	case EBADFD:
		return nvio_error(
			EINVAL, "%s: file %d is no device of VFIO that can be bound to an iommufd",
			device->name, device->fd);
	default:
		return nvio_error(err, "%s cannot be bound to the iommufd: %s%s", device->name,
				  strerror(err),
				  err == EINVAL ? " (it may be bound already, or the other file is "
						  "no iommufd)"
						: "");
	}
}

static int bind(struct nvio_device *device, const struct nvio_iommufd *space, const char *token)
{
	uint8_t uuid[NVIO_UUID_LEN];
	struct nvio_uapi_bind request = { .argsz = NVIO_UAPI_BIND_OLD, .iommufd = space->fd };
	int err;

	if (token) {
		err = nvio_uuid_parse(token, uuid);
		if (err)
			return err;
		request.argsz = sizeof(request);
		request.flags = NVIO_VFIO_BIND_TOKEN;
		request.token = (uintptr_t)uuid;
	}
	err = nvio_sys_ioctl(device->fd, NVIO_VFIO_BIND_IOMMUFD, &request);
	if (err)
		return bind_error(-err, device, token);
	device->devid = request.devid;
	return 0;
}

int nvio_cdev_attach(const struct nvio_device *device, const struct nvio_uapi_attach *wanted)
{
	struct nvio_uapi_attach request;
	struct nvio_backoff backoff;
	int err;

	nvio_backoff_start(&backoff, ATTACH_PATIENCE_NS);
	do {
		request = *wanted;
		err = nvio_sys_ioctl(device->fd, NVIO_VFIO_ATTACH_PT, &request);
	} while (err == -EBUSY && nvio_backoff_wait(&backoff));
	return err;
}

static int attach(struct nvio_device *device, const struct nvio_iommufd *space)
{
	const struct nvio_uapi_attach request = { .argsz = NVIO_UAPI_ATTACH_OLD,
						  .pt_id = space->ioas };
	int err = nvio_cdev_attach(device, &request);

	if (err == -EPERM)
		return unsafe_interrupts(device);
	if (err)
		return nvio_error(-err, "%s cannot be attached to the address space: %s",
				  device->name,
				  err == -EADDRINUSE ? "something is mapped where it cannot reach"
						     : strerror(-err));
	device->attached = true;
	return 0;
}

void nvio_cdev_detach(struct nvio_device *device)
{
	struct nvio_uapi_detach request = { .argsz = NVIO_UAPI_DETACH_OLD };

	if (device->attached && nvio_sys_ioctl(device->fd, NVIO_VFIO_DETACH_PT, &request))
		nvio_log(NVIO_LOG_WARN, "%s: not detached: %s", device->name, strerror(errno));
	device->attached = false;
}

/* Where no /sys may be asked for windows: what the device itself knows. */
static int guess_windows(struct nvio_ranges *ranges, struct nvio_device *device)
{
	int err = nvio_kernel_device_info(device);

	if (!err)
		err = nvio_device_read_regions(device);
	if (err)
		return err;
	nvio_ranges_cut(ranges, 0, WINDOW_LEN - 1);
	for (uint32_t i = 0; i < device->nr_regions && i < VFIO_PCI_ROM_REGION_INDEX; i++) {
		uint64_t address, len = device->regions[i].info.len;

		if (len && !nvio_device_bar_address(device, i, &address))
			nvio_ranges_cut(ranges, address & -WINDOW_LEN,
					(address + len - 1) | (WINDOW_LEN - 1));
	}
	return 0;
}

static int cut_windows(struct nvio_iommufd *space, struct nvio_device *device)
{
	if (!device->pci.name[0])
		return guess_windows(&space->domain.ranges, device);
	nvio_ranges_cut_pci_windows(&space->domain.ranges);
	return 0;
}

/* The device is bound; the caller locks. */
static int enter(struct nvio_iommu *iommu, struct nvio_iommufd *space, bool first,
		 struct nvio_device *device)
{
	int err = attach(device, space);

	if (!err)
		err = nvio_iommufd_read_ranges(space);
	if (!err)
		err = cut_windows(space, device);
	if (err)
		return err;
	if (!first) {
		nvio_iommu_narrow(iommu, &space->domain);
		return 0;
	}
	space->domain.numa_node = device->pci.numa_node;
	err = nvio_iommu_join(iommu, &space->domain);
	if (!err)
		nvio_log(NVIO_LOG_INFO,
			 "%s: in an address space of iommufd, %u IOVA ranges, up to 0x%" PRIx64,
			 device->name, space->domain.ranges.nr,
			 space->domain.ranges.range[space->domain.ranges.nr - 1].last);
	return err;
}

/* device->fd is open, and closed when this fails. */
static int join(struct nvio_iommu *iommu, struct nvio_device *device, int iommufd,
		const struct nvio_device_opts *opts)
{
	struct nvio_sentence sentence;
	struct nvio_iommufd *space;
	bool first;
	int err = 0;

	pthread_mutex_lock(&iommu->lock);
	space = nvio_iommufd_of(iommu);
	first = !space;
	if (first)
		err = nvio_iommufd_new(iommu, iommufd, &space);
	if (!err)
		err = bind(device, space, opts->vf_token);
	if (!err)
		err = enter(iommu, space, first, device);
	if (err) {
		nvio_error_save(&sentence);
		nvio_cdev_detach(device);
		nvio_sys_close(device->fd);
		if (first && space)
			space->domain.ops->close(&space->domain);
		nvio_error_restore(&sentence);
	}
	pthread_mutex_unlock(&iommu->lock);
	return err;
}

int nvio_cdev_open(struct nvio_iommu *iommu, struct nvio_device *device,
		   const struct nvio_device_opts *opts)
{
	device->ops = &nvio_kernel_ops;
	device->fd = open_file(&device->pci);
	return device->fd < 0 ? device->fd : join(iommu, device, -1, opts);
}

int nvio_cdev_take(struct nvio_iommu *iommu, struct nvio_device *device, int fd, int iommufd,
		   const struct nvio_device_opts *opts)
{
	device->ops = &nvio_kernel_ops;
	device->fd = nvio_sys->dup(fd);
	if (device->fd < 0)
		return nvio_error(errno, "file %d cannot be duplicated: %s", fd, strerror(errno));
	return join(iommu, device, iommufd, opts);
}
