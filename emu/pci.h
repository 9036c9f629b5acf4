/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI configuration space of the controller: type 0 header, power management, PCI Express, MSI-X.
 */
#ifndef NVIO_EMU_PCI_H
#define NVIO_EMU_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMU_CONFIG_LEN 4096u

/* What the device is told from the outset. Lengths of BARs are powers of two. */
struct emu_pci_layout {
	uint64_t bar0_len;
	uint64_t bar4_len;
	uint32_t pba_offset; /* in BAR 4; the MSI-X table is at 0 */
	unsigned int nr_vectors;
};

struct emu_pci {
	struct emu_pci_layout layout;
	uint8_t bytes[EMU_CONFIG_LEN];
	uint8_t writable[EMU_CONFIG_LEN]; /* bits that a write changes */
	uint8_t w1c[EMU_CONFIG_LEN]; /* bits that a write of 1 clears */
	bool memory_off; /* decoding memory accesses was switched off */
};

void nvio_emu_pci_init(struct emu_pci *pci, const struct emu_pci_layout *layout);

/* As after power on. */
void nvio_emu_pci_reset(struct emu_pci *pci);

/* Any offset and length within EMU_CONFIG_LEN. A write returns whether it asks for a function-level
 * reset. */
void nvio_emu_pci_read(const struct emu_pci *pci, uint32_t offset, void *data, size_t len);
bool nvio_emu_pci_write(struct emu_pci *pci, uint32_t offset, const void *data, size_t len);

/* In D0: answers memory accesses, works on its queues and raises interrupts. */
bool nvio_emu_pci_powered(const struct emu_pci *pci);
/* Decodes memory accesses: unless a client has switched it off, as some never switch it on. */
bool nvio_emu_pci_memory(const struct emu_pci *pci);
bool nvio_emu_pci_bus_master(const struct emu_pci *pci);
bool nvio_emu_pci_intx_disabled(const struct emu_pci *pci);
bool nvio_emu_pci_msix_enabled(const struct emu_pci *pci);
bool nvio_emu_pci_msix_masked(const struct emu_pci *pci);

/* The state of the INTx line, as the status register shows it. */
void nvio_emu_pci_set_intx(struct emu_pci *pci, bool asserted);

/* What vfio's SET_IRQS does besides: MSI-X goes on with its first eventfd and off with the index.
 */
void nvio_emu_pci_set_msix(struct emu_pci *pci, bool enabled);

/* Back to D0, as a reset by the client leaves it. */
void nvio_emu_pci_wake(struct emu_pci *pci);

#endif
