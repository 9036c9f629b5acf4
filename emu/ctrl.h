/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NVMe controller in software, as its transport sees it: registers in, work done, interrupts
 * out.
 *
 * Everything that comes from the client (registers, doorbells, commands, the memory they point to)
 * may be garbage at any moment, also while it is read: values are loaded once and checked before
 * use.
 */
#ifndef NVIO_EMU_CTRL_H
#define NVIO_EMU_CTRL_H

#include "bus.h"
#include "options.h"

struct emu_ctrl;

/* BAR 0 is registers, then doorbells. */
#define EMU_DOORBELLS_OFFSET 0x1000u

/* PCI vendor and subsystem vendor, in configuration space and in Identify: QEMU's, as its NVMe
 * controller has them. What drivers know of that one is of its registers in a guest, which are none here. */
#define EMU_VENDOR 0x1b36u

/* Makes a controller with its namespaces. @opts may go afterwards. Returns 0, or -errno with a
 * sentence in @error. */
int nvio_emu_ctrl_new(const struct emu_opts *opts, struct emu_bus *bus, struct emu_ctrl **ctrl,
		      struct emu_error *error);

void nvio_emu_ctrl_free(struct emu_ctrl *ctrl);

/* Bytes of doorbells that this configuration needs; the bus rounds them up to pages. */
size_t nvio_emu_ctrl_doorbells_len(const struct emu_opts *opts);

/* Interrupt vectors that it has: as many as asked for, or one per queue pair and one for the admin
 * queue. */
unsigned int nvio_emu_ctrl_nr_vectors(const struct emu_opts *opts);

/* A register access below EMU_DOORBELLS_OFFSET: @len is 1, 2, 4 or 8 and @offset a multiple of it.
 */
uint64_t nvio_emu_ctrl_read(struct emu_ctrl *ctrl, uint32_t offset, unsigned int len);
void nvio_emu_ctrl_write(struct emu_ctrl *ctrl, uint32_t offset, unsigned int len, uint64_t value);

/* The same state as after power on, but for the namespaces' contents: function-level reset,
 * DEVICE_RESET, a client that left. */
void nvio_emu_ctrl_reset(struct emu_ctrl *ctrl);

/* Whether the device was pulled out: nothing that is read or written reaches it. */
bool nvio_emu_ctrl_gone(const struct emu_ctrl *ctrl);

/* It is put back, and is as after power on. */
void nvio_emu_ctrl_return(struct emu_ctrl *ctrl);

/* One round over all queues. Returns whether there was anything to do: the caller sleeps when there
 * was not for a while. */
bool nvio_emu_ctrl_poll(struct emu_ctrl *ctrl);

/* Before the caller sleeps: has the client ring for what comes next, and looks once more. Returns
 * whether there was anything to do: then it is not to sleep. */
bool nvio_emu_ctrl_rest(struct emu_ctrl *ctrl);

/* Lowers INTx when the doorbells say now that the client has seen all completions: to be called
 * before the line's level is used for what the client has just done. */
void nvio_emu_ctrl_settle_intx(struct emu_ctrl *ctrl);

/* Nanoseconds of CLOCK_MONOTONIC at which the controller wants to be polled even if nothing moves
 * (delayed completions, timers); UINT64_MAX for never. */
uint64_t nvio_emu_ctrl_next_event(const struct emu_ctrl *ctrl);

#endif
