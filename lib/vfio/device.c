/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening and closing a device, whichever way it is reached, and what goes for all of them.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/device.h"
#include "vfio/feature.h"
#include "vfio/iommu.h"
#include "vfio/iommufd.h"
#include "vfio/user.h"
#include "vfio/user_conn.h"
#include "emu/embed.h"

int nvio_device_check_class(const struct nvio_device *device, const struct nvio_device_opts *opts)
{
	if (!opts || !opts->class_code || device->pci.class_code == opts->class_code)
		return 0;
	return nvio_error(EINVAL, "%s is of PCI class 0x%06x, not 0x%06x%s", device->name,
			  device->pci.class_code, opts->class_code,
			  opts->class_code == NVIO_PCI_CLASS_NVME ? " (NVMe)" : "");
}

/* Connects to a server, starting one of our own for "emu:". Returns the socket or -errno. */
static int connect_user(const char *name, struct nvio_device *device)
{
	struct emu_error error;
	int fd, err;

	if (!strncmp(name, NVIO_USER_PREFIX, strlen(NVIO_USER_PREFIX)))
		return nvio_user_connect(name + strlen(NVIO_USER_PREFIX));
	err = nvio_emu_start(name + strlen(NVIO_EMU_PREFIX), &device->emu, &fd, &error);
	return err ? nvio_error(-err, "%s", error.text) : fd;
}

static int open_user(struct nvio_iommu *iommu, const char *name,
		     const struct nvio_device_opts *opts, struct nvio_device *device)
{
	int fd, err;

	if (strlen(name) >= sizeof(device->name))
		return nvio_error(ENAMETOOLONG, "'%s' is too long for a device name", name);
	strcpy(device->name, name);
	fd = connect_user(name, device);
	if (fd < 0)
		return fd;
	err = nvio_user_open_device(iommu, fd, device);
	if (!err) {
		err = nvio_device_check_class(device, opts);
		if (err)
			device->ops->close(device);
	}
	if (err)
		nvio_emu_stop(device->emu);
	return err;
}

struct nvio_device *nvio_device_new(struct nvio_iommu *iommu)
{
	struct nvio_device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->iommu = iommu;
	device->error_fd = -1;
	pthread_mutex_init(&device->lock, NULL);
	pthread_mutex_init(&device->error_lock, NULL);
	return device;
}

void nvio_device_free(struct nvio_device *device)
{
	if (device->error_fd >= 0)
		close(device->error_fd);
	pthread_mutex_destroy(&device->error_lock);
	pthread_mutex_destroy(&device->lock);
	free(device->notes);
	free(device);
}

int nvio_device_open(struct nvio_iommu *iommu, const char *name,
		     const struct nvio_device_opts *given, struct nvio_device **out)
{
	struct nvio_device_opts opts = NVIO_DEVICE_OPTS;
	struct nvio_device *device;
	uint8_t uuid[NVIO_UUID_LEN];
	int err = nvio_take_opts(&opts, sizeof(opts), given, "nvio_device_open");

	if (!err && opts.vf_token)
		err = nvio_uuid_parse(opts.vf_token, uuid);
	if (err)
		return err;
	device = nvio_device_new(iommu);
	if (!device)
		return nvio_error(ENOMEM, "no memory for a device");
	if (nvio_user_name(name))
		err = open_user(iommu, name, &opts, device);
	else
		err = nvio_device_open_kernel(iommu, name, &opts, device);
	if (err) {
		nvio_device_free(device);
		return err;
	}
	nvio_iommu_get(iommu);
	*out = device;
	return 0;
}

void nvio_device_close(struct nvio_device *device)
{
	if (!device)
		return;
	nvio_device_unwatch(device);
	nvio_device_unmap_regions(device);
	device->ops->close(device);
	nvio_emu_stop(device->emu);
	nvio_pasids_forget(device);
	nvio_iommu_put(device->iommu);
	nvio_device_free(device);
}

int nvio_device_get_info(struct nvio_device *device, struct nvio_device_info *out, size_t size)
{
	struct nvio_device_info info = {
		.name = device->name,
		.flags = device->flags,
		.nr_regions = device->nr_regions,
		.nr_irqs = device->nr_irqs,
		.class_code = device->pci.class_code,
		.vendor = device->pci.vendor,
		.device = device->pci.device,
		.numa_node = device->pci.numa_node,
		.can_reset = device->flags & VFIO_DEVICE_FLAGS_RESET,
		.way = device->type,
		.why = device->why,
		.group = device->pci.group,
	};

	return nvio_give_info(out, size, &info, sizeof(info));
}

int nvio_device_reset(struct nvio_device *device)
{
	if (!(device->flags & VFIO_DEVICE_FLAGS_RESET))
		return nvio_error(ENOTSUP, "%s cannot be reset alone", device->name);
	nvio_device_forget_vectors(device);
	return device->ops->reset(device);
}

int nvio_device_ask(struct nvio_device *device, unsigned long request, void *arg)
{
	return device->ops->ask ? device->ops->ask(device, request, arg) : -ENOTTY;
}

bool nvio_device_alive(struct nvio_device *device)
{
	return !nvio_device_was_revoked(device) &&
	       (!device->ops->alive || device->ops->alive(device));
}

int nvio_device_hangup_fd(struct nvio_device *device)
{
	return device->ops->hangup_fd ? device->ops->hangup_fd(device) : -1;
}
