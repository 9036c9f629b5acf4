/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EEH, by requests to the container of a device's group; see <nvio/spapr.h>.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "vfio/device.h"
#include "vfio/eeh.h"
#include "vfio/spapr.h"
#include "vfio/sys.h"
#include "vfio/sysfs.h"

/* As long as the kernel's own recovery holds a reset, and no longer than it waits afterwards. */
#define HOLD_NS     (250 * NVIO_NS_PER_MS)
#define PATIENCE_NS (2000 * NVIO_NS_PER_MS)

#define PCI_CLASS_BRIDGE 0x06

static int container_of(struct nvio_device *device)
{
	const struct nvio_spapr *s;
	int fd;

	pthread_mutex_lock(&device->iommu->lock);
	s = nvio_spapr_of(device->iommu, device->pci.group);
	fd = s ? s->fd : -1;
	pthread_mutex_unlock(&device->iommu->lock);
	return fd;
}

static const char *op_name(uint32_t op)
{
	static const char *const names[] = {
		"disabling it",       "enabling it",         "letting registers pass",
		"letting DMA pass",   "its state",           "the end of a reset",
		"a hot reset",        "a fundamental reset", "configuring",
		"injecting an error",
	};

	return names[op];
}

/* Returns what the kernel does, or -errno. */
static int ask(struct nvio_device *device, uint32_t op, const struct nvio_eeh_error *error)
{
	struct vfio_eeh_pe_op request = { .argsz = sizeof(request), .op = op };
	int fd = container_of(device), ret;

	if (fd < 0)
		return nvio_error(ENOTSUP, "%s: only containers of sPAPR TCE have EEH",
				  device->name);
	if (nvio_device_was_let_go(device))
		return nvio_error(ENODEV, "%s was let go", device->name);
	if (error) {
		request.err.type = error->type;
		request.err.func = error->func;
		request.err.addr = error->addr;
		request.err.mask = error->mask;
	}
	ret = nvio_sys_ioctl(fd, VFIO_EEH_PE_OP, &request);
	if (ret == -ENOTTY)
		return nvio_error(ENOTSUP, "%s: the kernel has no EEH", device->name);
	return ret < 0 ? nvio_error(-ret, "%s: EEH, %s: %s", device->name, op_name(op),
				    strerror(-ret))
		       : ret;
}

/* Of an operation that has no answer. */
static int order(struct nvio_device *device, uint32_t op, const struct nvio_eeh_error *error)
{
	int ret = ask(device, op, error);

	return ret > 0 ? nvio_error(EIO, "%s: EEH, %s: the kernel answers %d", device->name,
				    op_name(op), ret)
		       : ret;
}

bool nvio_eeh_exists(struct nvio_device *device)
{
	int fd = container_of(device);

	return fd >= 0 && nvio_sys_ioctl_value(fd, VFIO_CHECK_EXTENSION, VFIO_EEH) > 0;
}

int nvio_eeh_enable(struct nvio_device *device)
{
	int err = order(device, VFIO_EEH_PE_ENABLE, NULL);

	device->eeh = !err;
	return err;
}

int nvio_eeh_disable(struct nvio_device *device)
{
	int err = order(device, VFIO_EEH_PE_DISABLE, NULL);

	if (!err)
		device->eeh = false;
	return err;
}

int nvio_eeh_state(struct nvio_device *device)
{
	return ask(device, VFIO_EEH_PE_GET_STATE, NULL);
}

int nvio_eeh_unfreeze(struct nvio_device *device, enum nvio_eeh_traffic traffic)
{
	if (traffic != NVIO_EEH_IO && traffic != NVIO_EEH_DMA)
		return nvio_error(EINVAL, "EEH knows no traffic %d", traffic);
	return order(device, (uint32_t)traffic, NULL);
}

int nvio_eeh_reset(struct nvio_device *device, enum nvio_eeh_reset reset)
{
	if (reset < NVIO_EEH_DEACTIVATE || reset > NVIO_EEH_FUNDAMENTAL)
		return nvio_error(EINVAL, "EEH knows no reset %d", reset);
	return order(device, (uint32_t)reset, NULL);
}

int nvio_eeh_configure(struct nvio_device *device)
{
	return order(device, VFIO_EEH_PE_CONFIGURE, NULL);
}

int nvio_eeh_inject(struct nvio_device *device, const struct nvio_eeh_error *error)
{
	return order(device, VFIO_EEH_PE_INJECT_ERR, error);
}

static void pass_time(uint64_t ns)
{
	struct nvio_backoff backoff;

	nvio_backoff_start(&backoff, ns);
	while (nvio_backoff_wait(&backoff))
		;
}

/* What the kernel still believes to be set up is not. */
static void disable_interrupts(struct nvio_device *device)
{
	for (int irq = NVIO_IRQ_INTX; irq <= NVIO_IRQ_MSIX; irq++) {
		if (device->vectors[irq] && nvio_device_irq_disable(device, (enum nvio_irq)irq))
			nvio_log(NVIO_LOG_WARN, "%s", nvio_last_error());
		nvio_device_set_vectors(device, (enum nvio_irq)irq, 0);
	}
}

/* Its configuration space reads as all ones before it does. */
static int wait_for(struct nvio_device *device)
{
	struct nvio_backoff backoff;
	bool in_time;
	uint32_t id;

	nvio_backoff_start(&backoff, PATIENCE_NS);
	do {
		in_time = nvio_backoff_wait(&backoff);
		if (!nvio_device_region_read(device, NVIO_REGION_CONFIG, 0, &id, sizeof(id)) &&
		    id != UINT32_MAX)
			return 0;
	} while (in_time);
	return nvio_error(ENODEV, "%s does not come back within two seconds of a reset by EEH",
			  device->name);
}

int nvio_eeh_recover(struct nvio_device *device, enum nvio_eeh_reset reset)
{
	int err;

	if (reset == NVIO_EEH_DEACTIVATE)
		return nvio_error(EINVAL, "the end of a reset is no reset");
	/* Its configuration space is out of reach while it is asserted. */
	if (nvio_eeh_exists(device))
		disable_interrupts(device);
	err = nvio_eeh_reset(device, reset);
	if (err)
		return err;
	pass_time(HOLD_NS);
	err = nvio_eeh_reset(device, NVIO_EEH_DEACTIVATE);
	if (!err)
		err = nvio_eeh_configure(device);
	return err ? err : wait_for(device);
}

void nvio_eeh_begin(struct nvio_device *device)
{
	if (nvio_eeh_exists(device) && nvio_eeh_enable(device))
		nvio_log(NVIO_LOG_WARN, "%s", nvio_last_error());
}

/* Not the bridges. */
static bool count_function(void *arg, const char *name)
{
	long class = nvio_sysfs_number(0, "%s/bus/pci/devices/%s/class", nvio_roots.sys, name);

	*(unsigned int *)arg += class >> 16 != PCI_CLASS_BRIDGE;
	return false;
}

bool nvio_eeh_is_alone(struct nvio_device *device)
{
	unsigned int nr_functions = 0;
	char dir[NVIO_PATH_LEN];

	if (!device->eeh)
		return false;
	snprintf(dir, sizeof(dir), "%s/kernel/iommu_groups/%d/devices", nvio_roots.sys,
		 device->pci.group);
	nvio_sysfs_each(dir, count_function, &nr_functions);
	return nr_functions == 1;
}

bool nvio_eeh_is_frozen(struct nvio_device *device)
{
	int state = device->eeh ? nvio_eeh_state(device) : NVIO_EEH_NORMAL;

	return state == NVIO_EEH_STOPPED || state == NVIO_EEH_STOPPED_DMA;
}
