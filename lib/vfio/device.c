/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening and closing a device: finds it by name, checks what has to be true of it, and picks the
 * way to it.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "vfio/device.h"
#include "vfio/explain.h"
#include "vfio/iommu.h"
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
		return nvio_error(EBUSY,
				  "%s is bound to %s, not to vfio-pci: `echo vfio-pci > "
				  "/sys/bus/pci/devices/%s/driver_override; echo %s > "
				  "/sys/bus/pci/devices/%s/driver/unbind; echo %s > "
				  "/sys/bus/pci/drivers_probe`",
				  pci->name, pci->driver, pci->name, pci->name, pci->name,
				  pci->name);
	return nvio_error(EBUSY,
			  "%s is bound to no driver: `modprobe vfio-pci; echo vfio-pci > "
			  "/sys/bus/pci/devices/%s/driver_override; echo %s > "
			  "/sys/bus/pci/drivers_probe`",
			  pci->name, pci->name, pci->name);
}

static int check_pci(const struct nvio_pci *pci, const struct nvio_device_opts *opts)
{
	if (opts && opts->class_code && pci->class_code != opts->class_code)
		return nvio_error(EINVAL, "%s is of PCI class 0x%06x, not 0x%06x%s", pci->name,
				  pci->class_code, opts->class_code,
				  opts->class_code == NVIO_PCI_CLASS_NVME ? " (NVMe)" : "");
	if (pci->group < 0)
		return nvio_error(ENOTSUP,
				  "%s has no IOMMU: enable VT-d or AMD-Vi in the firmware and boot "
				  "with intel_iommu=on (Intel) or without amd_iommu=off (AMD)",
				  pci->name);
	return check_driver(pci);
}

int nvio_device_open(struct nvio_iommu *iommu, const char *name,
		     const struct nvio_device_opts *opts, struct nvio_device **out)
{
	struct nvio_device *device = calloc(1, sizeof(*device));
	int err;

	if (!device)
		return nvio_error(ENOMEM, "no memory for a device");
	err = nvio_pci_read(name, &device->pci);
	if (!err)
		err = check_pci(&device->pci, opts);
	if (err)
		goto free_device;
	device->fd = nvio_type1_open_device(iommu, &device->pci);
	if (device->fd < 0) {
		err = device->fd;
		goto free_device;
	}
	device->ops = &nvio_kernel_ops;
	err = nvio_kernel_device_info(device);
	if (!err)
		err = nvio_device_read_regions(device);
	if (err)
		goto close_fd;
	nvio_iommu_get(iommu);
	device->iommu = iommu;
	*out = device;
	return 0;

close_fd:
	close(device->fd);
free_device:
	free(device);
	return err;
}

void nvio_device_close(struct nvio_device *device)
{
	if (!device)
		return;
	nvio_device_unmap_regions(device);
	device->ops->close(device);
	nvio_iommu_put(device->iommu);
	free(device);
}

int nvio_device_get_info(struct nvio_device *device, struct nvio_device_info *info)
{
	*info = (struct nvio_device_info){
		.name = device->pci.name,
		.flags = device->flags,
		.nr_regions = device->nr_regions,
		.nr_irqs = device->nr_irqs,
		.class_code = device->pci.class_code,
		.vendor = device->pci.vendor,
		.device = device->pci.device,
		.numa_node = device->pci.numa_node,
		.can_reset = device->flags & VFIO_DEVICE_FLAGS_RESET,
	};
	return 0;
}

int nvio_device_reset(struct nvio_device *device)
{
	if (!(device->flags & VFIO_DEVICE_FLAGS_RESET))
		return nvio_error(ENOTSUP, "%s cannot be reset alone", device->pci.name);
	return device->ops->reset(device);
}
