/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What some controllers need that the specification does not say: known by PCI vendor and device,
 * or asked for.
 *
 * Needs no quirk: queues smaller than usual (CAP.MQES is honoured), and admin commands one at a
 * time (they are, but for requests for events and keep-alives, which are sent only when asked for).
 */
#ifndef NVIO_QUIRK_H
#define NVIO_QUIRK_H

#include <nvio/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In @quirks of struct nvio_ctrl_opts, and of struct nvio_ctrl_info. */
enum nvio_quirk {
	/* The identifier of a queue pair that was deleted is not used again before all others had
	 * their turn. */
	NVIO_QUIRK_FRESH_QIDS = 1 << 0,
	/* The admin submission queue is whole pages of 4 KiB: 64 entries. */
	NVIO_QUIRK_ADMIN_PAGE = 1 << 1,
	/* No register is read for 2.3 s after it was disabled. */
	NVIO_QUIRK_DELAY_READY = 1 << 2,
	/* Shadow doorbells are offered and do not work; that of shadow_doorbells goes before. */
	NVIO_QUIRK_NO_SHADOW = 1 << 3,
	/* The doorbell of a few commands is rung 1 us late: ringing takes a lock that the emulation
	 * still holds just after it completed a command, and who meets it there sleeps. Known of a
	 * controller whose registers the kernel's VFIO maps, where the clock is read without a
	 * system call. */
	NVIO_QUIRK_DOORBELL_PAUSE = 1 << 4,

	/* Option: those that are given, and none that nvio knows of. */
	NVIO_QUIRK_ONLY = 1 << 30,
};

/**
 * nvio_quirks_of - what is known of a kind of controllers.
 * @vendor: PCI vendor
 * @device: PCI device
 *
 * Thread: any.
 *
 * Return: enum nvio_quirk, any number of them.
 */
NVIO_API uint32_t nvio_quirks_of(uint16_t vendor, uint16_t device);

#ifdef __cplusplus
}
#endif

#endif
