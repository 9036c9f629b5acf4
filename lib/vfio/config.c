/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI configuration space: the Command register and the BARs (PCI 3.0, 6.2.2 and 6.2.5), and what a
 * device that is gone shows instead.
 */
#include <errno.h>

#include "base/error.h"
#include "vfio/device.h"

#define PCI_COMMAND          0x04
#define PCI_COMMAND_MEMORY   (1u << 1)
#define PCI_COMMAND_MASTER   (1u << 2)
#define PCI_COMMAND_INTX_OFF (1u << 10)
#define PCI_BAR(idx)         (0x10 + 4 * (idx))
#define PCI_BAR_FLAGS        0xfu
#define PCI_BAR_IO           1u
#define PCI_BAR_TYPE         7u
#define PCI_BAR_64           4u
/* Of a device that is gone; its upper bits are zero in any other. */
#define PCI_COMMAND_GONE 0xffffu

int nvio_device_gone(const struct nvio_device *device)
{
	return nvio_error(ENODEV, "%s is gone: its configuration space reads as all ones",
			  device->name);
}

static int read_command(struct nvio_device *device, uint16_t *command)
{
	int err = nvio_device_region_read(device, NVIO_REGION_CONFIG, PCI_COMMAND, command,
					  sizeof(*command));

	if (err)
		return err;
	return *command == PCI_COMMAND_GONE ? nvio_device_gone(device) : 0;
}

static int change_command(struct nvio_device *device, uint16_t bit, bool set)
{
	uint16_t command, wanted;
	int err = read_command(device, &command);

	if (err)
		return err;
	wanted = (uint16_t)(set ? command | bit : command & ~bit);
	if (wanted == command)
		return 0;
	return nvio_device_region_write(device, NVIO_REGION_CONFIG, PCI_COMMAND, &wanted,
					sizeof(wanted));
}

bool nvio_device_answers(struct nvio_device *device)
{
	uint16_t command;

	return nvio_device_alive(device) && !read_command(device, &command);
}

int nvio_device_memory(struct nvio_device *device, bool on)
{
	return change_command(device, PCI_COMMAND_MEMORY, on);
}

int nvio_device_decodes(struct nvio_device *device)
{
	uint16_t command;
	int err = read_command(device, &command);

	return err ? err : !!(command & PCI_COMMAND_MEMORY);
}

int nvio_device_bar_address(struct nvio_device *device, uint32_t idx, uint64_t *address)
{
	uint32_t low, high = 0;
	int err = nvio_device_region_read(device, NVIO_REGION_CONFIG, PCI_BAR(idx), &low,
					  sizeof(low));

	if (!err && (low & PCI_BAR_TYPE) == PCI_BAR_64)
		err = nvio_device_region_read(device, NVIO_REGION_CONFIG, PCI_BAR(idx + 1), &high,
					      sizeof(high));
	if (err)
		return err;
	*address = (uint64_t)high << 32 | (low & ~PCI_BAR_FLAGS);
	if (low & PCI_BAR_IO || !*address)
		return nvio_error(EPROTO, "%s: BAR %u has no address in memory (0x%x)",
				  device->name, idx, low);
	return 0;
}

int nvio_device_bus_master(struct nvio_device *device, bool on)
{
	return change_command(device, PCI_COMMAND_MASTER, on);
}

int nvio_device_intx(struct nvio_device *device, bool on)
{
	return change_command(device, PCI_COMMAND_INTX_OFF, !on);
}
