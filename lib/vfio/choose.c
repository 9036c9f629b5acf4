/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which way to a device of the kernel's VFIO: what has to be true of it, what the kernel has, what
 * was asked for; and taking one whose files somebody else has opened.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "vfio/device.h"
#include "vfio/eeh.h"
#include "vfio/explain.h"
#include "vfio/handover.h"
#include "vfio/iommu.h"
#include "vfio/iommufd.h"
#include "vfio/noiommu.h"
#include "vfio/spapr.h"
#include "vfio/sys.h"
#include "vfio/sysfs.h"
#include "vfio/type1.h"

static int check_driver(const struct nvio_pci *pci)
{
	char use[NVIO_PATH_LEN];

	if (!strcmp(pci->driver, "vfio-pci"))
		return 0;
	nvio_explain_block_use(pci->name, use, sizeof(use));
	if (use[0])
		return nvio_error(EBUSY,
				  "%s is bound to %s and %s: stop using it first, then bind it to "
				  "vfio-pci",
				  pci->name, pci->driver, use);
	if (pci->driver[0])
		return nvio_error(
			EBUSY,
			"%s is bound to %s, not to vfio-pci: `modprobe vfio-pci; echo vfio-pci > "
			"/sys/bus/pci/devices/%s/driver_override; echo %s > "
			"/sys/bus/pci/devices/%s/driver/unbind; echo %s > "
			"/sys/bus/pci/drivers_probe`",
			pci->name, pci->driver, pci->name, pci->name, pci->name, pci->name);
	return nvio_error(EBUSY,
			  "%s is bound to no driver: `modprobe vfio-pci; echo vfio-pci > "
			  "/sys/bus/pci/devices/%s/driver_override; echo %s > "
			  "/sys/bus/pci/drivers_probe`",
			  pci->name, pci->name, pci->name);
}

static int check_ready(const struct nvio_device *device, const struct nvio_device_opts *opts,
		       enum nvio_way way)
{
	const struct nvio_pci *pci = &device->pci;
	int err = nvio_device_check_class(device, opts);

	if (err)
		return err;
	if ((pci->group < 0 || pci->noiommu) && way != NVIO_WAY_NOIOMMU)
		return nvio_error(ENOTSUP,
				  "%s has no IOMMU: enable VT-d or AMD-Vi in the firmware and boot "
				  "with intel_iommu=on (Intel) or without amd_iommu=off (AMD)",
				  device->name);
	err = check_driver(pci);
	if (err || way != NVIO_WAY_NOIOMMU || pci->noiommu)
		return err;
	if (pci->group >= 0)
		return nvio_error(EINVAL, "%s has an IOMMU: there is no way around it",
				  device->name);
	return nvio_error(ENOTSUP,
			  "%s has no group: write Y to /sys/module/vfio/parameters/"
			  "enable_unsafe_noiommu_mode, then bind it again",
			  device->name);
}

/* What was asked for; the way without an IOMMU counts as asked for where it is allowed and there is
 * no other. */
static enum nvio_way asked(const struct nvio_iommu *iommu, const struct nvio_pci *pci)
{
	if (iommu->way == NVIO_WAY_AUTO && iommu->allow_noiommu && (pci->group < 0 || pci->noiommu))
		return NVIO_WAY_NOIOMMU;
	return iommu->way;
}

/* Sets the reason, too. */
static enum nvio_way choose(const struct nvio_iommu *iommu, struct nvio_device *device,
			    const struct nvio_device_opts *opts)
{
	enum nvio_way way = asked(iommu, &device->pci);

	device->why = "it was asked for";
	if (way != iommu->way)
		device->why = "it has no IOMMU, and that was allowed";
	if (way != NVIO_WAY_AUTO)
		return way;
	if (!device->pci.cdev[0]) {
		device->why = "the kernel has no file for this device alone";
		return NVIO_WAY_GROUP;
	}
	if (!nvio_sysfs_exists("%s/iommu", nvio_roots.dev)) {
		device->why = "the kernel's iommufd is not loaded";
		return NVIO_WAY_GROUP;
	}
	/* By the other way only kernels since 6.17 do. */
	if (opts->vf_token) {
		device->why = "every kernel takes a token there";
		return NVIO_WAY_GROUP;
	}
	device->why = "the kernel has iommufd and a file for this device alone";
	return NVIO_WAY_CDEV;
}

static int open_group(struct nvio_iommu *iommu, struct nvio_device *device,
		      const struct nvio_device_opts *opts)
{
	bool power = nvio_spapr_type(iommu, -1) || iommu->way == NVIO_WAY_TCE_V1;

	device->fd = power ? -ENOTSUP : nvio_type1_open_device(iommu, &device->pci, opts->vf_token);
	/* A kernel has this or the other. */
	if (device->fd == -ENOTSUP)
		device->fd = nvio_spapr_open_device(iommu, &device->pci, opts->vf_token);
	if (device->fd < 0)
		return device->fd;
	device->type = nvio_spapr_type(iommu, device->pci.group);
	nvio_eeh_begin(device);
	return 0;
}

static int open_cdev(struct nvio_iommu *iommu, struct nvio_device *device,
		     const struct nvio_device_opts *opts)
{
	struct nvio_sentence sentence;
	int err;

	if (!device->pci.cdev[0])
		return nvio_error(
			ENOTSUP,
			"%s: this kernel has no file for a device alone (VFIO_DEVICE_CDEV)",
			device->name);
	err = nvio_cdev_open(iommu, device, opts);
	/* An administrator may have given a user the group and not these, or accepted for
	 * containers that interrupts are not isolated. */
	if ((err != -EACCES && err != -EPERM) || iommu->way != NVIO_WAY_AUTO)
		return err;
	nvio_log(NVIO_LOG_INFO, "%s; trying its group", nvio_last_error());
	nvio_error_save(&sentence);
	if (open_group(iommu, device, opts)) {
		nvio_error_restore(&sentence);
		return err;
	}
	device->why = err == -EPERM ? "iommufd refuses it"
				    : "this user may not open iommufd or the device's own file";
	return 0;
}

/* "fd:5,6" */
static int take_files(struct nvio_iommu *iommu, const char *name,
		      const struct nvio_device_opts *opts, struct nvio_device *device)
{
	char fd[10], iommufd[10]; /* so many digits fit an int */
	int end = 0;

	if (sscanf(name, NVIO_FD_PREFIX "%9[0-9],%9[0-9]%n", fd, iommufd, &end) != 2 || name[end] ||
	    (size_t)end >= sizeof(device->name))
		return nvio_error(EINVAL,
				  "'%s' is no device: expected the numbers of its file and an "
				  "iommufd, such as fd:5,6",
				  name);
	strcpy(device->name, name);
	device->pci.group = -1;
	device->pci.numa_node = -1;
	device->why = "its files were handed in";
	return nvio_cdev_take(iommu, device, atoi(fd), atoi(iommufd), opts);
}

/* Who it is, where no /sys was asked. */
static int read_identity(struct nvio_device *device)
{
	uint32_t id, class_code;
	int err = nvio_device_region_read(device, NVIO_REGION_CONFIG, 0, &id, sizeof(id));

	if (!err)
		err = nvio_device_region_read(device, NVIO_REGION_CONFIG, 8, &class_code,
					      sizeof(class_code));
	if (err)
		return err;
	device->pci.vendor = (uint16_t)id;
	device->pci.device = (uint16_t)(id >> 16);
	device->pci.class_code = class_code >> 8;
	return 0;
}

static int describe(struct nvio_device *device, const struct nvio_device_opts *opts)
{
	int err = nvio_kernel_device_info(device);

	if (!err)
		err = nvio_device_read_regions(device);
	if (!err && !device->pci.name[0])
		err = read_identity(device);
	return err ? err : nvio_device_check_class(device, opts);
}

/* One that was handed over: open as it is. Returns 1, 0 when there is none, -errno. */
static int reach_kept(struct nvio_iommu *iommu, const char *name, struct nvio_device *device)
{
	char full[NVIO_PCI_NAME_LEN];
	struct nvio_sentence sentence;
	int err = 0;

	if (!strncmp(name, NVIO_FD_PREFIX, strlen(NVIO_FD_PREFIX))) {
		device->pci.group = -1;
		device->pci.numa_node = -1;
		return nvio_kept_take(iommu, name, device);
	}
	if (nvio_pci_name(name, full) || !nvio_kept_take(iommu, full, device))
		return 0;
	err = nvio_pci_read(full, &device->pci);
	if (!err)
		return 1;
	nvio_error_save(&sentence);
	nvio_kernel_ops.close(device);
	nvio_error_restore(&sentence);
	return err;
}

static int reach(struct nvio_iommu *iommu, const char *name, const struct nvio_device_opts *opts,
		 struct nvio_device *device)
{
	int err = reach_kept(iommu, name, device);

	if (err)
		return err > 0 ? 0 : err;
	if (!strncmp(name, NVIO_FD_PREFIX, strlen(NVIO_FD_PREFIX)))
		return take_files(iommu, name, opts, device);
	err = nvio_pci_read(name, &device->pci);
	if (err)
		return err;
	strcpy(device->name, device->pci.name);
	err = check_ready(device, opts, asked(iommu, &device->pci));
	if (err)
		return err;
	switch (choose(iommu, device, opts)) {
	case NVIO_WAY_CDEV:
		return open_cdev(iommu, device, opts);
	case NVIO_WAY_NOIOMMU:
		device->type = "noiommu";
		device->fd = nvio_noiommu_open_device(iommu, &device->pci);
		return device->fd < 0 ? device->fd : 0;
	default:
		return open_group(iommu, device, opts);
	}
}

int nvio_device_open_kernel(struct nvio_iommu *iommu, const char *name,
			    const struct nvio_device_opts *opts, struct nvio_device *device)
{
	struct nvio_sentence sentence;
	int err = reach(iommu, name, opts, device);

	if (err)
		return err;
	device->ops = &nvio_kernel_ops;
	if (!device->type)
		device->type = device->devid ? "iommufd" : nvio_type1_type(iommu);
	nvio_log(NVIO_LOG_INFO, "%s is reached by %s: %s", device->name, device->type, device->why);
	err = describe(device, opts);
	if (err) {
		nvio_error_save(&sentence);
		device->ops->close(device);
		nvio_error_restore(&sentence);
	}
	return err;
}
