/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A function that sleeps while it is in use (low power of VFIO): whoever touches its mapped
 * registers then would get a SIGBUS, so that memory lies in their place.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <nvio/feature.h>

#include "base/error.h"
#include "vfio/device.h"
#include "vfio/uapi.h"

/* Puts a mapping of the region back where it was. */
static int unbury(struct nvio_device *device, struct nvio_mapping *m)
{
	void *addr = device->ops->map(device, m->region, m->offset, m->len);

	if (addr == MAP_FAILED)
		return nvio_error(errno, "%s: region %u cannot be mapped again: %s", device->name,
				  m->region, strerror(errno));
	madvise(addr, m->len, MADV_DONTFORK);
	if (mremap(addr, m->len, m->len, MREMAP_MAYMOVE | MREMAP_FIXED, m->addr) == MAP_FAILED) {
		munmap(addr, m->len);
		return nvio_error(errno, "%s: region %u is not where it was: %s", device->name,
				  m->region, strerror(errno));
	}
	return 0;
}

static int unbury_all(struct nvio_device *device)
{
	int err = 0;

	for (struct nvio_mapping *m = device->mappings; m && !err; m = m->next)
		err = unbury(device, m);
	return err;
}

static int enter(struct nvio_device *device, int wakeup_fd)
{
	struct nvio_uapi_low_power_wakeup wakeup = { .wakeup_eventfd = wakeup_fd };

	if (wakeup_fd < 0)
		return nvio_device_feature_set(device, NVIO_FEATURE_LOW_POWER, NULL, 0);
	return nvio_device_feature_set(device, NVIO_FEATURE_LOW_POWER_WAKEUP, &wakeup,
				       sizeof(wakeup));
}

int nvio_device_sleep(struct nvio_device *device, int wakeup_fd)
{
	int err = 0;

	pthread_mutex_lock(&device->lock);
	if (nvio_device_was_let_go(device))
		err = nvio_device_gone(device);
	for (struct nvio_mapping *m = device->mappings; m && !err; m = m->next)
		err = nvio_mapping_bury(m);
	if (!err)
		err = enter(device, wakeup_fd);
	if (!err)
		device->asleep = true;
	/* One that sleeps already goes on. */
	else if (!device->asleep && !nvio_device_was_let_go(device))
		unbury_all(device);
	pthread_mutex_unlock(&device->lock);
	return err;
}

int nvio_device_wake(struct nvio_device *device)
{
	int err;

	pthread_mutex_lock(&device->lock);
	err = nvio_device_was_let_go(device)
		      ? nvio_device_gone(device)
		      : nvio_device_feature_set(device, NVIO_FEATURE_LOW_POWER_EXIT, NULL, 0);
	if (!err) {
		device->asleep = false;
		err = unbury_all(device);
	}
	pthread_mutex_unlock(&device->lock);
	return err;
}
