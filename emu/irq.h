/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts: eventfds of the client, the MSI-X table with its pending bits, and the INTx line.
 */
#ifndef NVIO_EMU_IRQ_H
#define NVIO_EMU_IRQ_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eventfd.h"
#include "pci.h"
#include "proto.h"

#define EMU_VECTORS_MAX  2048u
#define EMU_MSIX_ENTRY   16u
#define EMU_IRQ_POLL_FDS 2u

/* One interrupt: the eventfds that tell the client, and those of masking it. -1: none. */
struct emu_line {
	int trigger;
	int mask;
	int unmask;
	bool pending;
};

struct emu_irqs {
	struct emu_pci *pci;
	struct emu_line *vectors;
	uint8_t *table; /* EMU_MSIX_ENTRY bytes for each vector */
	unsigned int nr_vectors;
	uint32_t pba_offset;
	struct emu_line intx;
	struct emu_line err;
	struct emu_line req;
	struct emu_signals signals;
	bool level; /* the controller asserts INTx */
	bool automasked; /* and the client was told, but has not unmasked it since */
	bool told; /* by the eventfd, which it may not have read */
};

int nvio_emu_irq_init(struct emu_irqs *irqs, struct emu_pci *pci);
void nvio_emu_irq_fini(struct emu_irqs *irqs);

/* The device was reset: nothing is pending or asserted any more. Eventfds stay. */
void nvio_emu_irq_clear(struct emu_irqs *irqs);
/* And the MSI-X table is as after power on. */
void nvio_emu_irq_reset(struct emu_irqs *irqs);
/* The client left: its eventfds are closed. */
void nvio_emu_irq_disconnect(struct emu_irqs *irqs);

/* From the controller. */
void nvio_emu_irq_raise(struct emu_irqs *irqs, unsigned int vector);
void nvio_emu_irq_lower(struct emu_irqs *irqs);
/* The device failed: ERR, for a client that listens. */
void nvio_emu_irq_report(struct emu_irqs *irqs);

/* Something that held interrupts back may have gone: sends what is due now. */
void nvio_emu_irq_update(struct emu_irqs *irqs);

/* DEVICE_GET_IRQ_INFO but for argsz. Returns 0 or -EINVAL for an index that is not there. */
int nvio_emu_irq_info(const struct emu_irqs *irqs, uint32_t index, uint32_t *flags,
		      uint32_t *count);

/*
 * DEVICE_SET_IRQS: @data is what follows @set in the message, @data_len bytes; of @nr_fds
 * descriptors those that are kept become -1. Returns 0 or -EINVAL.
 */
int nvio_emu_irq_set(struct emu_irqs *irqs, const struct emu_irq_set *set, const uint8_t *data,
		     size_t data_len, int *fds, unsigned int nr_fds);

/* Descriptors by which the client masks and unmasks INTx: at most EMU_IRQ_POLL_FDS into @polls. */
unsigned int nvio_emu_irq_poll_fds(const struct emu_irqs *irqs, struct pollfd *polls);
/* Looks at them. */
void nvio_emu_irq_poll(struct emu_irqs *irqs);

/* BAR 4: any access within its length. */
void nvio_emu_msix_read(const struct emu_irqs *irqs, uint64_t offset, uint8_t *data, size_t len);
void nvio_emu_msix_write(struct emu_irqs *irqs, uint64_t offset, const uint8_t *data, size_t len);

/* The parts of irq.c and msix.c that meet. */
void nvio_emu_msix_reset(struct emu_irqs *irqs);
void nvio_emu_msix_raise(struct emu_irqs *irqs, unsigned int vector);
void nvio_emu_msix_update(struct emu_irqs *irqs);
void nvio_emu_msix_mask(struct emu_irqs *irqs, unsigned int vector, bool masked);

#endif
