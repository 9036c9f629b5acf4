/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The MSI-X table and the pending bit array behind BAR 4 (PCI Local Bus 3.0, 6.8.2).
 *
 * It owns masking and pending of the vectors. Addresses and data in the table are kept for the
 * client to read back and mean nothing: a vector is sent through its eventfd.
 */
#include <linux/pci_regs.h>
#include <string.h>

#include "irq.h"

static uint8_t *control(const struct emu_irqs *irqs, unsigned int vector)
{
	return &irqs->table[vector * EMU_MSIX_ENTRY + PCI_MSIX_ENTRY_VECTOR_CTRL];
}

static bool is_masked(const struct emu_irqs *irqs, unsigned int vector)
{
	return *control(irqs, vector) & PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

/*
 * Masked, as the specification says, but for vectors with an eventfd: a hypervisor keeps the
 * guest's table to itself and would not know that there is something to unmask.
 */
void nvio_emu_msix_reset(struct emu_irqs *irqs)
{
	unsigned int i;

	memset(irqs->table, 0, (size_t)irqs->nr_vectors * EMU_MSIX_ENTRY);
	for (i = 0; i < irqs->nr_vectors; i++)
		if (irqs->vectors[i].trigger < 0)
			*control(irqs, i) = PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

static bool may_send(const struct emu_irqs *irqs)
{
	return nvio_emu_pci_powered(irqs->pci) && nvio_emu_pci_msix_enabled(irqs->pci) &&
	       !nvio_emu_pci_msix_masked(irqs->pci);
}

/* A vector without an eventfd stays pending, too, until it gets one. */
static void send_pending(struct emu_irqs *irqs, unsigned int vector)
{
	struct emu_line *line = &irqs->vectors[vector];

	if (!line->pending || line->trigger < 0 || is_masked(irqs, vector))
		return;
	line->pending = false;
	nvio_emu_signal(&irqs->signals, line->trigger);
}

void nvio_emu_msix_raise(struct emu_irqs *irqs, unsigned int vector)
{
	if (vector >= irqs->nr_vectors)
		return;
	irqs->vectors[vector].pending = true;
	if (may_send(irqs))
		send_pending(irqs, vector);
}

void nvio_emu_msix_update(struct emu_irqs *irqs)
{
	unsigned int i;

	if (!may_send(irqs))
		return;
	for (i = 0; i < irqs->nr_vectors; i++)
		send_pending(irqs, i);
}

/* The client is told of a change by the eventfds it gave for that ("DEVICE_SET_IRQS"). */
static void mask_changed(struct emu_irqs *irqs, unsigned int vector)
{
	const struct emu_line *line = &irqs->vectors[vector];

	nvio_emu_signal(&irqs->signals, is_masked(irqs, vector) ? line->mask : line->unmask);
	if (may_send(irqs))
		send_pending(irqs, vector);
}

void nvio_emu_msix_mask(struct emu_irqs *irqs, unsigned int vector, bool masked)
{
	if (is_masked(irqs, vector) == masked)
		return;
	*control(irqs, vector) ^= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	mask_changed(irqs, vector);
}

static uint8_t pending_byte(const struct emu_irqs *irqs, uint64_t at)
{
	uint8_t value = 0;
	unsigned int bit;

	for (bit = 0; bit < 8; bit++) {
		uint64_t vector = at * 8 + bit;

		if (vector < irqs->nr_vectors && irqs->vectors[vector].pending)
			value |= (uint8_t)(1u << bit);
	}
	return value;
}

void nvio_emu_msix_read(const struct emu_irqs *irqs, uint64_t offset, uint8_t *data, size_t len)
{
	size_t table_len = (size_t)irqs->nr_vectors * EMU_MSIX_ENTRY;
	size_t i;

	for (i = 0; i < len; i++) {
		uint64_t at = offset + i;

		if (at < table_len)
			data[i] = irqs->table[at];
		else if (at >= irqs->pba_offset)
			data[i] = pending_byte(irqs, at - irqs->pba_offset);
		else
			data[i] = 0;
	}
}

/* All but the mask bit of Vector Control is reserved, and pending bits are read-only. */
void nvio_emu_msix_write(struct emu_irqs *irqs, uint64_t offset, const uint8_t *data, size_t len)
{
	size_t table_len = (size_t)irqs->nr_vectors * EMU_MSIX_ENTRY;
	size_t i;

	for (i = 0; i < len && offset + i < table_len; i++) {
		size_t at = (size_t)offset + i;
		size_t in_entry = at % EMU_MSIX_ENTRY;

		if (in_entry < PCI_MSIX_ENTRY_VECTOR_CTRL)
			irqs->table[at] = data[i];
		else if (in_entry == PCI_MSIX_ENTRY_VECTOR_CTRL)
			nvio_emu_msix_mask(irqs, (unsigned int)(at / EMU_MSIX_ENTRY),
					   data[i] & PCI_MSIX_ENTRY_CTRL_MASKBIT);
	}
}
