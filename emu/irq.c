/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SET_IRQS and the INTx line.
 *
 * It owns each eventfd it keeps. What the kernel's vfio-pci does for its user happens here as well:
 * the first eventfd of a vector enables MSI-X and unmasks the vector, as clients do not go through
 * the table that they do not own; INTx is masked when it was sent, until the client unmasks it.
 *
 * A level that falls before the client has read its eventfd takes the signal back. A hypervisor
 * whose guest has seen the completion by then would interrupt it for nothing, and under software
 * emulation for ever: only an access to a register ends an interrupt there, and a guest that finds
 * nothing makes none.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "irq.h"

static const struct emu_line no_line = { -1, -1, -1, false };

int nvio_emu_irq_init(struct emu_irqs *irqs, struct emu_pci *pci)
{
	unsigned int i;

	memset(irqs, 0, sizeof(*irqs));
	irqs->pci = pci;
	irqs->nr_vectors = pci->layout.nr_vectors;
	irqs->pba_offset = pci->layout.pba_offset;
	irqs->intx = irqs->err = irqs->req = no_line;
	nvio_emu_signals_init(&irqs->signals);
	irqs->vectors = calloc(irqs->nr_vectors, sizeof(*irqs->vectors));
	irqs->table = calloc(irqs->nr_vectors, EMU_MSIX_ENTRY);
	if (!irqs->vectors || !irqs->table) {
		free(irqs->vectors);
		free(irqs->table);
		return -ENOMEM;
	}
	for (i = 0; i < irqs->nr_vectors; i++)
		irqs->vectors[i] = no_line;
	nvio_emu_msix_reset(irqs);
	return 0;
}

void nvio_emu_irq_fini(struct emu_irqs *irqs)
{
	nvio_emu_irq_disconnect(irqs);
	free(irqs->vectors);
	free(irqs->table);
}

void nvio_emu_irq_clear(struct emu_irqs *irqs)
{
	unsigned int i;

	for (i = 0; i < irqs->nr_vectors; i++)
		irqs->vectors[i].pending = false;
	irqs->level = false;
	irqs->automasked = false;
	irqs->told = false;
	nvio_emu_pci_set_intx(irqs->pci, false);
}

void nvio_emu_irq_reset(struct emu_irqs *irqs)
{
	nvio_emu_irq_clear(irqs);
	nvio_emu_msix_reset(irqs);
}

static void drop_event(int *event)
{
	if (*event >= 0)
		close(*event);
	*event = -1;
}

static void drop_line(struct emu_line *line)
{
	drop_event(&line->trigger);
	drop_event(&line->mask);
	drop_event(&line->unmask);
	line->pending = false;
}

void nvio_emu_irq_disconnect(struct emu_irqs *irqs)
{
	unsigned int i;

	for (i = 0; i < irqs->nr_vectors; i++)
		drop_line(&irqs->vectors[i]);
	drop_line(&irqs->intx);
	drop_line(&irqs->err);
	drop_line(&irqs->req);
	nvio_emu_signals_fini(&irqs->signals);
	nvio_emu_irq_reset(irqs);
}

static void update_intx(struct emu_irqs *irqs)
{
	nvio_emu_pci_set_intx(irqs->pci, irqs->level);
	if (!irqs->level || irqs->automasked || irqs->intx.trigger < 0)
		return;
	if (!nvio_emu_pci_powered(irqs->pci) || nvio_emu_pci_intx_disabled(irqs->pci) ||
	    nvio_emu_pci_msix_enabled(irqs->pci))
		return;
	irqs->automasked = true;
	irqs->told = true;
	nvio_emu_signal(&irqs->signals, irqs->intx.trigger);
}

void nvio_emu_irq_raise(struct emu_irqs *irqs, unsigned int vector)
{
	if (nvio_emu_pci_msix_enabled(irqs->pci)) {
		nvio_emu_msix_raise(irqs, vector);
	} else if (!vector) {
		irqs->level = true;
		update_intx(irqs);
	}
}

void nvio_emu_irq_report(struct emu_irqs *irqs)
{
	nvio_emu_signal(&irqs->signals, irqs->err.trigger);
}

void nvio_emu_irq_lower(struct emu_irqs *irqs)
{
	if (!irqs->level)
		return;
	irqs->level = false;
	nvio_emu_pci_set_intx(irqs->pci, false);
	if (irqs->told && nvio_emu_eventfd_take(irqs->intx.trigger))
		irqs->automasked = false;
	irqs->told = false;
}

void nvio_emu_irq_update(struct emu_irqs *irqs)
{
	update_intx(irqs);
	nvio_emu_msix_update(irqs);
}

int nvio_emu_irq_info(const struct emu_irqs *irqs, uint32_t index, uint32_t *flags, uint32_t *count)
{
	*count = 1;
	*flags = VFIO_IRQ_INFO_EVENTFD;
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		*flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
		return 0;
	case VFIO_PCI_MSI_IRQ_INDEX:
		*count = 0;
		return 0;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		*count = irqs->nr_vectors;
		*flags |= VFIO_IRQ_INFO_MASKABLE;
		return 0;
	case VFIO_PCI_ERR_IRQ_INDEX:
	case VFIO_PCI_REQ_IRQ_INDEX:
		return 0;
	default:
		return -EINVAL;
	}
}

static struct emu_line *line_at(struct emu_irqs *irqs, uint32_t index, uint32_t nr)
{
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		return &irqs->intx;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return &irqs->vectors[nr];
	case VFIO_PCI_ERR_IRQ_INDEX:
		return &irqs->err;
	default:
		return &irqs->req;
	}
}

static void set_mask(struct emu_irqs *irqs, uint32_t index, uint32_t nr, bool masked)
{
	if (index == VFIO_PCI_MSIX_IRQ_INDEX) {
		nvio_emu_msix_mask(irqs, nr, masked);
	} else {
		irqs->automasked = masked;
		irqs->told = false;
		update_intx(irqs);
	}
}

/* DATA_NONE and DATA_BOOL: now, to this one. A trigger of the client's own passes all masks. */
static void act(struct emu_irqs *irqs, const struct emu_irq_set *set, uint32_t nr)
{
	if (set->flags & VFIO_IRQ_SET_ACTION_TRIGGER)
		nvio_emu_signal(&irqs->signals, line_at(irqs, set->index, nr)->trigger);
	else
		set_mask(irqs, set->index, nr, set->flags & VFIO_IRQ_SET_ACTION_MASK);
}

static void disable_index(struct emu_irqs *irqs, uint32_t index, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (index == VFIO_PCI_MSIX_IRQ_INDEX)
			nvio_emu_msix_mask(irqs, i, true);
		drop_line(line_at(irqs, index, i));
	}
	if (index == VFIO_PCI_MSIX_IRQ_INDEX)
		nvio_emu_pci_set_msix(irqs->pci, false);
	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		irqs->automasked = false;
}

/* Anything else that can be written to could be made to block, or to be a file of value. */
static bool is_eventfd(int fd)
{
	static const char eventfd_name[] = "anon_inode:[eventfd]";
	char path[32], name[sizeof(eventfd_name)];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, name, sizeof(name));
	return len == (ssize_t)sizeof(eventfd_name) - 1 && !memcmp(name, eventfd_name, (size_t)len);
}

static void attach(struct emu_irqs *irqs, const struct emu_irq_set *set, uint32_t nr, int fd)
{
	struct emu_line *line = line_at(irqs, set->index, nr);
	int *event = set->flags & VFIO_IRQ_SET_ACTION_TRIGGER ? &line->trigger
		     : set->flags & VFIO_IRQ_SET_ACTION_MASK  ? &line->mask
							      : &line->unmask;

	drop_event(event);
	*event = fd;
	if (fd < 0 || event != &line->trigger)
		return;
	if (set->index == VFIO_PCI_MSIX_IRQ_INDEX) {
		nvio_emu_pci_set_msix(irqs->pci, true);
		nvio_emu_msix_mask(irqs, nr, false);
	}
	if (set->index == VFIO_PCI_INTX_IRQ_INDEX)
		irqs->automasked = false;
}

/* Without descriptors the range loses the ones it has. */
static int set_events(struct emu_irqs *irqs, const struct emu_irq_set *set, int *fds,
		      unsigned int nr_fds)
{
	uint32_t i;

	if (nr_fds && nr_fds != set->count)
		return -EINVAL;
	for (i = 0; i < nr_fds; i++)
		if (!is_eventfd(fds[i]))
			return -EINVAL;
	for (i = 0; i < set->count; i++) {
		attach(irqs, set, set->start + i, nr_fds ? fds[i] : -1);
		if (nr_fds)
			fds[i] = -1;
	}
	nvio_emu_irq_update(irqs);
	return 0;
}

static bool is_one_bit(uint32_t flags)
{
	return flags && !(flags & (flags - 1));
}

/* @nr: how many interrupts the index has, @maskable: whether it takes MASK and UNMASK. */
static bool is_sane(const struct emu_irq_set *set, uint32_t nr, bool maskable)
{
	uint32_t data = set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	uint32_t action = set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;

	if (set->flags & ~(data | action) || !is_one_bit(data) || !is_one_bit(action))
		return false;
	if (action != VFIO_IRQ_SET_ACTION_TRIGGER && !maskable)
		return false;
	if (!set->count)
		return !set->start && data == VFIO_IRQ_SET_DATA_NONE &&
		       action == VFIO_IRQ_SET_ACTION_TRIGGER;
	return set->start < nr && set->count <= nr - set->start;
}

int nvio_emu_irq_set(struct emu_irqs *irqs, const struct emu_irq_set *set, const uint8_t *data,
		     size_t data_len, int *fds, unsigned int nr_fds)
{
	bool is_bool = set->flags & VFIO_IRQ_SET_DATA_BOOL;
	uint32_t flags, nr, i;

	if (nvio_emu_irq_info(irqs, set->index, &flags, &nr) ||
	    !is_sane(set, nr, flags & VFIO_IRQ_INFO_MASKABLE))
		return -EINVAL;
	if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		return set_events(irqs, set, fds, nr_fds);
	if (nr_fds || (is_bool && data_len < set->count))
		return -EINVAL;
	if (!set->count)
		disable_index(irqs, set->index, nr);
	for (i = 0; i < set->count; i++)
		if (!is_bool || data[i])
			act(irqs, set, set->start + i);
	return 0;
}

/* A hypervisor hands these to its kernel, which signals them at the guest's end of interrupt. */
unsigned int nvio_emu_irq_poll_fds(const struct emu_irqs *irqs, struct pollfd *polls)
{
	unsigned int nr = 0;

	if (irqs->intx.mask >= 0)
		polls[nr++] = (struct pollfd){ .fd = irqs->intx.mask, .events = POLLIN };
	if (irqs->intx.unmask >= 0)
		polls[nr++] = (struct pollfd){ .fd = irqs->intx.unmask, .events = POLLIN };
	return nr;
}

void nvio_emu_irq_poll(struct emu_irqs *irqs)
{
	if (nvio_emu_eventfd_take(irqs->intx.mask))
		set_mask(irqs, VFIO_PCI_INTX_IRQ_INDEX, 0, true);
	if (nvio_emu_eventfd_take(irqs->intx.unmask))
		set_mask(irqs, VFIO_PCI_INTX_IRQ_INDEX, 0, false);
}
