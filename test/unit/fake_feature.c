/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Features and hot resets of the unit tests' kernel; see fake_kernel.h.
 */
#include <errno.h>
#include <string.h>

#include "fake_kernel.h"
#include "vfio/uapi.h"

#define DEVID       1u
#define DEVID_OWNED 2u

static int log_start(struct fake_device *device,
		     const struct vfio_device_feature_dma_logging_control *control)
{
	const struct vfio_device_feature_dma_logging_range *ranges =
		(const void *)(uintptr_t)control->ranges;

	if (device->dma_log)
		return -EINVAL;
	device->dma_log = true;
	device->log_start = ranges[control->num_ranges - 1].iova;
	device->log_len = ranges[control->num_ranges - 1].length;
	return 0;
}

static int log_report(struct fake_device *device,
		      const struct vfio_device_feature_dma_logging_report *report)
{
	if (!device->dma_log)
		return -EINVAL;
	*(uint64_t *)(uintptr_t)report->bitmap |= 5;
	return 0;
}

static int set_power(struct fake_device *device, uint32_t feature, const void *data)
{
	bool exit = feature == VFIO_DEVICE_FEATURE_LOW_POWER_EXIT;

	if (!exit && device->low_power)
		return -EINVAL;
	device->low_power = !exit;
	device->wakeup_fd = -1;
	if (feature == VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP)
		memcpy(&device->wakeup_fd, data, sizeof(device->wakeup_fd));
	return 0;
}

static int get(struct fake_device *device, uint32_t feature, void *data)
{
	struct vfio_device_feature_mig_state *state = data;
	const struct nvio_uapi_dma_buf *buf = data;

	switch (feature) {
	case VFIO_DEVICE_FEATURE_MIGRATION:
		*(uint64_t *)data = 5;
		return 0;
	case VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE:
		state->device_state = device->mig.state;
		state->data_fd = -1;
		return 0;
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT:
		return log_report(device, data);
	case 9:
		*(uint64_t *)data = device->mig.len ? device->mig.len : FAKE_STATE_LEN;
		return 0;
	case 11:
		if (buf->nr_ranges != 1 ||
		    ((const struct nvio_uapi_dma_range *)(buf + 1))->offset != 4096)
			return -EINVAL;
		return fake_kernel_file(FAKE_OTHER, (int)buf->region);
	default:
		return -EINVAL;
	}
}

static int set(struct fake_device *device, uint32_t feature, void *data)
{
	switch (feature) {
	case VFIO_DEVICE_FEATURE_PCI_VF_TOKEN:
		memcpy(device->vf_token, data, sizeof(device->vf_token));
		return 0;
	case VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE:
		return fake_migration_set(device, data);
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
	case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
		return set_power(device, feature, data);
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_START:
		return log_start(device, data);
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP:
		device->dma_log = false;
		return 0;
	case 10:
		device->bus_master = *(const uint32_t *)data;
		return 0;
	case 12:
		device->mig.tells_renewal = true;
		return 0;
	default:
		return -EINVAL;
	}
}

/* What each feature's data takes. */
static const uint32_t lens[] = { 16, 8, 8, 0, 8, 0, 24, 0, 32, 8, 4, 32, 0 };

int fake_feature(struct fake_device *device, struct vfio_device_feature *request)
{
	uint32_t feature = request->flags & VFIO_DEVICE_FEATURE_MASK;

	if (feature >= 13 || !(device->features >> feature & 1))
		return -ENOTTY;
	if (request->flags & VFIO_DEVICE_FEATURE_PROBE)
		return 0;
	if (request->argsz < sizeof(*request) + lens[feature])
		return -EINVAL;
	return request->flags & VFIO_DEVICE_FEATURE_GET ? get(device, feature, request->data)
							: set(device, feature, request->data);
}

/* All devices share the bus, each in a group of its own. */
int fake_hot_reset_info(const struct fake_device *device, struct vfio_pci_hot_reset_info *info)
{
	bool cdev = device->bound;
	uint32_t room = (info->argsz - (uint32_t)sizeof(*info)) / sizeof(info->devices[0]);

	info->flags = cdev ? DEVID | DEVID_OWNED : 0;
	info->count = 0;
	for (uint32_t i = 0; i < FAKE_DEVICES; i++) {
		const struct fake_device *other = &fake_kernel.devices[i];

		if (!other->name)
			continue;
		if (info->count++ >= room)
			continue;
		info->devices[i] =
			(struct vfio_pci_dependent_device){ .group_id = (uint32_t)other->group,
							    .bus = (uint8_t)(i + 1) };
		if (cdev)
			info->devices[i].group_id = other->bound ? other->bound : UINT32_MAX;
		if (cdev && !other->bound)
			info->flags = DEVID;
	}
	return info->count > room ? -ENOSPC : 0;
}

int fake_hot_reset(struct fake_device *device, const struct vfio_pci_hot_reset *request)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < FAKE_DEVICES; i++)
		nr += fake_kernel.devices[i].name != NULL;
	if (request->argsz != sizeof(*request) + request->count * 4 ||
	    request->count != (device->bound ? 0 : nr))
		return -EINVAL;
	for (uint32_t i = 0; i < request->count; i++) {
		if (request->group_fds[i] < 0 ||
		    fake_kernel.files[request->group_fds[i]].kind != FAKE_GROUP)
			return -EPERM;
	}
	for (uint32_t i = 0; device->bound && i < FAKE_DEVICES; i++) {
		if (fake_kernel.devices[i].name && !fake_kernel.devices[i].bound)
			return -EPERM;
	}
	device->hot_resets++;
	return 0;
}
