/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device behind an fd of the kernel's VFIO: system calls and the explanation of their errors, no
 * state of its own.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "vfio/caps.h"
#include "vfio/device.h"
#include "vfio/iommufd.h"
#include "vfio/sys.h"

/* Every request of a device: one that was let go meanwhile says so. */
static int ask(struct nvio_device *device, unsigned long request, void *arg)
{
	int ret = nvio_sys_ioctl(device->fd, request, arg);

	return nvio_device_was_let_go(device) ? -ENODEV : ret;
}

int nvio_kernel_device_info(struct nvio_device *device)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	int err = ask(device, VFIO_DEVICE_GET_INFO, &info);

	if (err)
		return nvio_error(-err, "%s does not tell what it is: %s", device->name,
				  strerror(-err));
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI))
		return nvio_error(ENOTSUP, "%s is no PCI device to VFIO", device->name);
	device->flags = info.flags;
	device->nr_regions = info.num_regions;
	device->nr_irqs = info.num_irqs;
	return 0;
}

static int kernel_region(struct nvio_device *device, uint32_t idx, struct nvio_region *region)
{
	struct vfio_region_info request = { .index = idx };
	size_t len;
	void *answer;
	int err;

	answer = nvio_caps_ioctl(device->fd, VFIO_DEVICE_GET_REGION_INFO, &request, sizeof(request),
				 &len, &err);
	/* An index that the function does not have, such as VGA. */
	if (!answer && err == -EINVAL)
		return 0;
	if (!answer)
		return nvio_error(-err, "%s does not tell what region %u is: %s", device->name, idx,
				  strerror(-err));
	err = nvio_region_parse(answer, len, region);
	free(answer);
	return err;
}

static void *kernel_map(struct nvio_device *device, uint32_t idx, uint64_t offset, size_t len)
{
	if (nvio_device_was_let_go(device)) {
		errno = ENODEV;
		return MAP_FAILED;
	}
	return nvio_sys->mmap(len, device->fd, (off_t)(device->regions[idx].fd_offset + offset));
}

static ssize_t kernel_read(struct nvio_device *device, uint32_t idx, uint64_t offset, void *buf,
			   size_t len)
{
	ssize_t n = nvio_sys->pread(device->fd, buf, len,
				    (off_t)(device->regions[idx].fd_offset + offset));
	int err = errno;

	/* As hardware that is gone reads. */
	if (nvio_device_was_let_go(device)) {
		memset(buf, 0xff, len);
		return (ssize_t)len;
	}
	return n < 0 ? -err : n;
}

static ssize_t kernel_write(struct nvio_device *device, uint32_t idx, uint64_t offset,
			    const void *buf, size_t len)
{
	ssize_t n = nvio_sys->pwrite(device->fd, buf, len,
				     (off_t)(device->regions[idx].fd_offset + offset));
	int err = errno;

	if (nvio_device_was_let_go(device))
		return -ENODEV;
	return n < 0 ? -err : n;
}

static int kernel_irq(struct nvio_device *device, uint32_t irq, struct nvio_irq_info *info)
{
	struct vfio_irq_info request = { .argsz = sizeof(request), .index = irq };

	int err = ask(device, VFIO_DEVICE_GET_IRQ_INFO, &request);

	/* ERR and REQ are missing on some functions. */
	if (err == -EINVAL)
		return 0;
	if (err)
		return nvio_error(-err, "%s does not tell its interrupts: %s", device->name,
				  strerror(-err));
	info->flags = request.flags;
	info->nr_vectors = request.count;
	return 0;
}

static int kernel_irq_set(struct nvio_device *device, uint32_t irq, uint32_t flags, uint32_t start,
			  uint32_t count, const int *fds)
{
	size_t fds_len = fds ? count * sizeof(*fds) : 0;
	struct vfio_irq_set *request = calloc(1, sizeof(*request) + fds_len);
	int err = 0;

	if (!request)
		return nvio_error(ENOMEM, "no memory for %u interrupt vectors", count);
	request->argsz = (uint32_t)(sizeof(*request) + fds_len);
	request->flags = flags;
	request->index = irq;
	request->start = start;
	request->count = count;
	if (fds)
		memcpy(request->data, fds, fds_len);
	err = ask(device, VFIO_DEVICE_SET_IRQS, request);
	if (err > 0)
		err = nvio_error(ENOSPC,
				 "%s: the host has %d interrupt vectors left for index %u, not %u",
				 device->name, err, irq, count);
	else if (err)
		err = nvio_error(-err, "%s: interrupt index %u, vectors %u + %u: %s", device->name,
				 irq, start, count, strerror(-err));
	free(request);
	return err;
}

static int kernel_reset(struct nvio_device *device)
{
	int err = ask(device, VFIO_DEVICE_RESET, NULL);

	return err ? nvio_error(-err, "%s: reset failed: %s", device->name, strerror(-err)) : 0;
}

static int kernel_ask(struct nvio_device *device, unsigned long request, void *arg)
{
	return ask(device, request, arg);
}

static bool kernel_alive(struct nvio_device *device)
{
	return !nvio_device_was_let_go(device);
}

static int kernel_let_go(struct nvio_device *device)
{
	nvio_cdev_detach(device);
	if (nvio_sys->replace(device->fd) < 0)
		return nvio_error(errno, "the file of %s stays open: %s", device->name,
				  strerror(errno));
	return 0;
}

static void kernel_close(struct nvio_device *device)
{
	nvio_cdev_detach(device);
	nvio_sys_close(device->fd);
}

const struct nvio_device_ops nvio_kernel_ops = {
	.region = kernel_region,
	.map = kernel_map,
	.read = kernel_read,
	.write = kernel_write,
	.irq = kernel_irq,
	.irq_set = kernel_irq_set,
	.reset = kernel_reset,
	.ask = kernel_ask,
	.alive = kernel_alive,
	.let_go = kernel_let_go,
	.close = kernel_close,
};
