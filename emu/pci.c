/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration space: bytes with a mask of the bits that may be written.
 *
 * It owns the register values; what they mean for the rest of the device is the server's. BAR
 * sizing needs no code: the writable bits of a BAR are those of its address, so all ones read back
 * as its size (PCI Local Bus 3.0, 6.2.5.1).
 */
#include <endian.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "ctrl.h"
#include "pci.h"

/* The class of an NVMe I/O controller (NVM Express over PCIe, "Class Code"). */
#define CLASS_NVME 0x010802u

/* With EMU_VENDOR those of QEMU's NVMe controller, which Linux takes for an emulation: it does not
 * trust that the identifiers of namespaces are unique, as those of two of ours are not, and sends
 * no Write Zeroes. */
#define DEVICE_ID    0x0010u
#define SUBSYSTEM_ID 0x1100u

/* Where the capabilities are, and the three registers beyond them that something depends on. */
enum {
	CAP_PM = 0x40,
	CAP_EXP = 0x50,
	CAP_MSIX = 0x90,
	PM_CTRL = CAP_PM + PCI_PM_CTRL,
	DEVICE_CTRL = CAP_EXP + PCI_EXP_DEVCTL,
	MSIX_CTRL = CAP_MSIX + PCI_MSIX_FLAGS,
};

static uint16_t get16(const struct emu_pci *pci, uint32_t offset)
{
	uint16_t value;

	memcpy(&value, &pci->bytes[offset], sizeof(value));
	return le16toh(value);
}

static void put16(uint8_t *bytes, uint32_t offset, uint16_t value)
{
	value = htole16(value);
	memcpy(bytes + offset, &value, sizeof(value));
}

static void put32(uint8_t *bytes, uint32_t offset, uint32_t value)
{
	value = htole32(value);
	memcpy(bytes + offset, &value, sizeof(value));
}

/* A 64-bit BAR, not prefetchable: its registers have side effects. */
static void init_bar(struct emu_pci *pci, unsigned int nr, uint64_t len)
{
	uint32_t offset = PCI_BASE_ADDRESS_0 + 4 * nr;
	uint64_t address_bits = ~(len - 1);

	put32(pci->bytes, offset, PCI_BASE_ADDRESS_MEM_TYPE_64);
	put32(pci->writable, offset, (uint32_t)address_bits);
	put32(pci->writable, offset + 4, (uint32_t)(address_bits >> 32));
}

static void init_header(struct emu_pci *pci)
{
	uint8_t *bytes = pci->bytes;

	put16(bytes, PCI_VENDOR_ID, EMU_VENDOR);
	put16(bytes, PCI_DEVICE_ID, DEVICE_ID);
	put16(bytes, PCI_SUBSYSTEM_VENDOR_ID, EMU_VENDOR);
	put16(bytes, PCI_SUBSYSTEM_ID, SUBSYSTEM_ID);
	put32(bytes, PCI_CLASS_REVISION, CLASS_NVME << 8 | 1);
	put16(bytes, PCI_STATUS, PCI_STATUS_CAP_LIST);
	put16(pci->w1c, PCI_STATUS,
	      PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT | PCI_STATUS_REC_TARGET_ABORT |
		      PCI_STATUS_REC_MASTER_ABORT | PCI_STATUS_SIG_SYSTEM_ERROR |
		      PCI_STATUS_DETECTED_PARITY);
	put16(pci->writable, PCI_COMMAND,
	      PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
		      PCI_COMMAND_INTX_DISABLE);
	pci->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	pci->writable[PCI_INTERRUPT_LINE] = 0xff;
	bytes[PCI_INTERRUPT_PIN] = 1;
	bytes[PCI_CAPABILITY_LIST] = CAP_PM;
	init_bar(pci, 0, pci->layout.bar0_len);
	init_bar(pci, 4, pci->layout.bar4_len);
}

/* D0 and D3hot, no PME; what the registers hold survives D3hot. */
static void init_power(struct emu_pci *pci)
{
	put16(pci->bytes, CAP_PM, PCI_CAP_ID_PM | CAP_EXP << 8);
	put16(pci->bytes, CAP_PM + PCI_PM_PMC, 3);
	put16(pci->bytes, PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
	put16(pci->writable, PM_CTRL, PCI_PM_CTRL_STATE_MASK);
}

/* A version 2 endpoint on a link of 16 GT/s and four lanes (PCI Express Base, 7.5.3). */
static void init_express(struct emu_pci *pci)
{
	uint8_t *cap = pci->bytes + CAP_EXP, *writable = pci->writable + CAP_EXP;

	put16(cap, 0, PCI_CAP_ID_EXP | CAP_MSIX << 8);
	put16(cap, PCI_EXP_FLAGS, 2 | PCI_EXP_TYPE_ENDPOINT << 4);
	put32(cap, PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_FLR);
	put16(cap, PCI_EXP_DEVCTL,
	      PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_READRQ_512B);
	put16(writable, PCI_EXP_DEVCTL, 0x7fff);
	put16(pci->w1c, CAP_EXP + PCI_EXP_DEVSTA, 0xf);
	put32(cap, PCI_EXP_LNKCAP, PCI_EXP_LNKCAP_SLS_16_0GB | 4 << 4);
	put16(writable, PCI_EXP_LNKCTL, PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_CCC);
	put16(cap, PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_CLS_16_0GB | PCI_EXP_LNKSTA_NLW_X4);
	put32(cap, PCI_EXP_DEVCAP2, PCI_EXP_DEVCAP2_COMP_TMOUT_DIS);
	put16(writable, PCI_EXP_DEVCTL2, PCI_EXP_DEVCTL2_COMP_TMOUT_DIS);
	put32(cap, PCI_EXP_LNKCAP2,
	      PCI_EXP_LNKCAP2_SLS_2_5GB | PCI_EXP_LNKCAP2_SLS_5_0GB | PCI_EXP_LNKCAP2_SLS_8_0GB |
		      PCI_EXP_LNKCAP2_SLS_16_0GB);
	put16(cap, PCI_EXP_LNKCTL2, PCI_EXP_LNKCTL2_TLS_16_0GT);
	put16(writable, PCI_EXP_LNKCTL2, PCI_EXP_LNKCTL2_TLS);
}

static void init_msix(struct emu_pci *pci)
{
	put16(pci->bytes, CAP_MSIX, PCI_CAP_ID_MSIX);
	put16(pci->bytes, MSIX_CTRL, (uint16_t)(pci->layout.nr_vectors - 1));
	put16(pci->writable, MSIX_CTRL, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	put32(pci->bytes, CAP_MSIX + PCI_MSIX_TABLE, 4);
	put32(pci->bytes, CAP_MSIX + PCI_MSIX_PBA, pci->layout.pba_offset | 4);
}

void nvio_emu_pci_reset(struct emu_pci *pci)
{
	memset(pci->bytes, 0, sizeof(pci->bytes));
	pci->memory_off = false;
	init_header(pci);
	init_power(pci);
	init_express(pci);
	init_msix(pci);
}

void nvio_emu_pci_init(struct emu_pci *pci, const struct emu_pci_layout *layout)
{
	memset(pci, 0, sizeof(*pci));
	pci->layout = *layout;
	nvio_emu_pci_reset(pci);
}

void nvio_emu_pci_read(const struct emu_pci *pci, uint32_t offset, void *data, size_t len)
{
	memcpy(data, &pci->bytes[offset], len);
}

bool nvio_emu_pci_powered(const struct emu_pci *pci)
{
	return !(get16(pci, PM_CTRL) & PCI_PM_CTRL_STATE_MASK);
}

bool nvio_emu_pci_memory(const struct emu_pci *pci)
{
	return !pci->memory_off;
}

bool nvio_emu_pci_bus_master(const struct emu_pci *pci)
{
	return get16(pci, PCI_COMMAND) & PCI_COMMAND_MASTER && nvio_emu_pci_powered(pci);
}

bool nvio_emu_pci_intx_disabled(const struct emu_pci *pci)
{
	return get16(pci, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE;
}

bool nvio_emu_pci_msix_enabled(const struct emu_pci *pci)
{
	return get16(pci, MSIX_CTRL) & PCI_MSIX_FLAGS_ENABLE;
}

bool nvio_emu_pci_msix_masked(const struct emu_pci *pci)
{
	return get16(pci, MSIX_CTRL) & PCI_MSIX_FLAGS_MASKALL;
}

static void write_byte(struct emu_pci *pci, uint32_t offset, uint8_t value)
{
	uint8_t writable = pci->writable[offset];

	pci->bytes[offset] = (uint8_t)((pci->bytes[offset] & ~writable) | (value & writable));
	pci->bytes[offset] &= (uint8_t) ~(value & pci->w1c[offset]);
}

/* D1 and D2 are not there: a write of theirs leaves the state as it was (PCI PM 1.2, 3.2.4). */
static uint8_t keep_power_state(const struct emu_pci *pci, uint8_t value)
{
	uint8_t state = value & PCI_PM_CTRL_STATE_MASK;

	return state == 1 || state == 2 ? pci->bytes[PM_CTRL] : value;
}

bool nvio_emu_pci_write(struct emu_pci *pci, uint32_t offset, const void *data, size_t len)
{
	const uint16_t before = get16(pci, PCI_COMMAND);
	const uint8_t *byte = data;
	bool flr = false;
	size_t i;

	for (i = 0; i < len; i++) {
		uint32_t at = offset + (uint32_t)i;
		uint8_t value = byte[i];

		if (at == PM_CTRL)
			value = keep_power_state(pci, value);
		/* The bit reads as zero always (PCI Express Base, 7.5.3.4). */
		if (at == DEVICE_CTRL + 1 && value & PCI_EXP_DEVCTL_BCR_FLR >> 8)
			flr = true;
		write_byte(pci, at, value);
	}
	if ((before ^ get16(pci, PCI_COMMAND)) & PCI_COMMAND_MEMORY)
		pci->memory_off = before & PCI_COMMAND_MEMORY;
	return flr;
}

void nvio_emu_pci_set_intx(struct emu_pci *pci, bool asserted)
{
	uint16_t status = get16(pci, PCI_STATUS) & (uint16_t)~PCI_STATUS_INTERRUPT;

	put16(pci->bytes, PCI_STATUS, status | (asserted ? PCI_STATUS_INTERRUPT : 0));
}

void nvio_emu_pci_set_msix(struct emu_pci *pci, bool enabled)
{
	uint16_t flags = get16(pci, MSIX_CTRL) & (uint16_t)~PCI_MSIX_FLAGS_ENABLE;

	put16(pci->bytes, MSIX_CTRL, flags | (enabled ? PCI_MSIX_FLAGS_ENABLE : 0));
}

void nvio_emu_pci_wake(struct emu_pci *pci)
{
	put16(pci->bytes, PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
}
