/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI configuration space: the Command register (PCI 3.0, 6.2.2), and what a device that is gone
 * shows instead.
 */
#include <errno.h>

#include "base/error.h"
#include "vfio/device.h"

#define PCI_COMMAND          0x04
#define PCI_COMMAND_MEMORY   (1u << 1)
#define PCI_COMMAND_MASTER   (1u << 2)
#define PCI_COMMAND_INTX_OFF (1u << 10)
/* Of a device that is gone; its upper bits are zero in any other. */
#define PCI_COMMAND_GONE 0xffffu

int nvio_device_gone(const struct nvio_device *device)
{
	return nvio_error(ENODEV, "%s is gone: its configuration space reads as all ones",
			  device->name);
}

static int change_command(struct nvio_device *device, uint16_t bit, bool set)
{
	uint16_t command, wanted;
	int err = nvio_device_region_read(device, NVIO_REGION_CONFIG, PCI_COMMAND, &command,
					  sizeof(command));

	if (err)
		return err;
	if (command == PCI_COMMAND_GONE)
		return nvio_device_gone(device);
	wanted = (uint16_t)(set ? command | bit : command & ~bit);
	if (wanted == command)
		return 0;
	return nvio_device_region_write(device, NVIO_REGION_CONFIG, PCI_COMMAND, &wanted,
					sizeof(wanted));
}

int nvio_device_memory(struct nvio_device *device, bool on)
{
	return change_command(device, PCI_COMMAND_MEMORY, on);
}

int nvio_device_bus_master(struct nvio_device *device, bool on)
{
	return change_command(device, PCI_COMMAND_MASTER, on);
}

int nvio_device_intx(struct nvio_device *device, bool on)
{
	return change_command(device, PCI_COMMAND_INTX_OFF, !on);
}
