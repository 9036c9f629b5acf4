/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a platform and a kernel do to a PCI function before its driver uses it: addresses for the
 * BARs, accesses to memory space on, and for interrupts MSI-X on and its vectors unmasked.
 *
 * The kernel's vfio-pci does this for its users. Behind a socket there is nobody else: a server
 * that emulates a whole machine has no registers and sends no interrupts before it was done. Others
 * keep neither addresses nor a table, so what a server refuses here it does not need.
 */
#include <endian.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/user.h"

#define NR_BARS 6u
/* Each capability has 4 bytes, and they lie behind the header. */
#define CAPS_MAX ((256u - 64u) / 4u)

/* Where no memory of ours is: see the ranges of a server's domain. A BAR of 64 bits goes above
 * them, one of 32 bits between them. */
#define HIGH_START (1ull << 39)
#define LOW_START  0xfee00000ull
#define LOW_END    0xfef00000ull

static uint32_t get32(const uint8_t *header, uint32_t offset)
{
	uint32_t value;

	memcpy(&value, header + offset, sizeof(value));
	return le32toh(value);
}

static void write_config32(struct nvio_device *device, uint32_t offset, uint32_t value)
{
	value = htole32(value);
	nvio_device_region_write(device, NVIO_REGION_CONFIG, offset, &value, sizeof(value));
}

/* Takes @len addresses, aligned to the power of two above, from @next on. */
static uint64_t take(uint64_t *next, uint64_t len)
{
	uint64_t align = 4096;
	uint64_t at;

	while (align < len)
		align *= 2;
	at = align_up(*next, align);
	*next = at + align;
	return at;
}

static void assign_bars(struct nvio_device *device, const uint8_t *header)
{
	uint64_t high = HIGH_START, low = LOW_START, at;

	for (uint32_t i = 0; i < NR_BARS && i < device->nr_regions; i++) {
		uint32_t offset = PCI_BASE_ADDRESS_0 + 4 * i;
		uint32_t bar = get32(header, offset);
		uint64_t len = device->regions[i].info.len;
		bool wide = (bar & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;

		if (!len || len > HIGH_START || bar & PCI_BASE_ADDRESS_SPACE_IO)
			continue;
		wide = wide && i + 1 < NR_BARS;
		if (bar & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK ||
		    (wide && get32(header, offset + 4)))
			continue;
		at = take(wide ? &high : &low, len);
		if (!wide && low > LOW_END)
			continue;
		write_config32(device, offset, (uint32_t)at);
		if (wide)
			write_config32(device, offset + 4, (uint32_t)(at >> 32));
	}
}

/* The MSI-X capability, or 0. */
static uint32_t find_msix(struct nvio_device *device, const uint8_t *header)
{
	uint8_t at = header[PCI_CAPABILITY_LIST] & ~3u;

	if (!(get32(header, PCI_COMMAND) >> 16 & PCI_STATUS_CAP_LIST))
		return 0;
	for (unsigned int i = 0; i < CAPS_MAX && at >= PCI_STD_HEADER_SIZEOF; i++) {
		uint8_t cap[2];

		if (nvio_device_region_read(device, NVIO_REGION_CONFIG, at, cap, sizeof(cap)))
			return 0;
		if (cap[0] == PCI_CAP_ID_MSIX)
			return at;
		at = cap[1] & ~3u;
	}
	return 0;
}

int nvio_user_pci_start(struct nvio_device *device)
{
	struct nvio_user *u = device->way;
	uint8_t header[PCI_STD_HEADER_SIZEOF];
	int err = nvio_device_region_read(device, NVIO_REGION_CONFIG, 0, header, sizeof(header));

	if (err)
		return err;
	if (get32(header, PCI_VENDOR_ID) == UINT32_MAX)
		return nvio_device_gone(device);
	device->pci.vendor = (uint16_t)get32(header, PCI_VENDOR_ID);
	device->pci.device = (uint16_t)(get32(header, PCI_VENDOR_ID) >> 16);
	device->pci.class_code = get32(header, PCI_CLASS_REVISION) >> 8;
	u->msix = find_msix(device, header);
	assign_bars(device, header);
	return nvio_device_memory(device, true);
}

static void set_msix(struct nvio_device *device, bool on)
{
	struct nvio_user *u = device->way;
	uint16_t control, wanted;

	if (nvio_device_region_read(device, NVIO_REGION_CONFIG, u->msix + PCI_MSIX_FLAGS, &control,
				    sizeof(control)))
		return;
	wanted = le16toh(control) & (uint16_t) ~(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	wanted = htole16((uint16_t)(wanted | (on ? PCI_MSIX_FLAGS_ENABLE : 0)));
	if (wanted != control)
		nvio_device_region_write(device, NVIO_REGION_CONFIG, u->msix + PCI_MSIX_FLAGS,
					 &wanted, sizeof(wanted));
}

void nvio_user_msix_on(struct nvio_device *device, uint32_t vector)
{
	struct nvio_user *u = device->way;
	uint32_t table, bar, control;
	uint64_t offset;

	if (!u->msix)
		return;
	set_msix(device, true);
	if (nvio_device_region_read(device, NVIO_REGION_CONFIG, u->msix + PCI_MSIX_TABLE, &table,
				    sizeof(table)))
		return;
	table = le32toh(table);
	bar = table & PCI_MSIX_TABLE_BIR;
	offset = (table & PCI_MSIX_TABLE_OFFSET) + (uint64_t)vector * PCI_MSIX_ENTRY_SIZE +
		 PCI_MSIX_ENTRY_VECTOR_CTRL;
	if (nvio_device_region_read(device, bar, offset, &control, sizeof(control)) ||
	    !(le32toh(control) & PCI_MSIX_ENTRY_CTRL_MASKBIT))
		return;
	control &= htole32(~(uint32_t)PCI_MSIX_ENTRY_CTRL_MASKBIT);
	nvio_device_region_write(device, bar, offset, &control, sizeof(control));
}

void nvio_user_msix_off(struct nvio_device *device)
{
	struct nvio_user *u = device->way;

	if (u->msix)
		set_msix(device, false);
}
