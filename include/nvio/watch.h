/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watching a device: it failed (PCIe AER), or the host wants it back, as when an administrator
 * unbinds its driver or pulls it out. The kernel waits for a program to let go then, for ever.
 */
#ifndef NVIO_WATCH_H
#define NVIO_WATCH_H

#include <nvio/vfio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum nvio_event {
	NVIO_EVENT_FAILED = 1, /* the device reports an uncorrectable error: reset it, or give up; a
				  controller is reset by itself (doc/recovery.md) */
	NVIO_EVENT_REQUESTED = 2, /* the host wants it back: close it within the grace period */
	NVIO_EVENT_LET_GO = 3, /* nobody did, and it has been let go */
};

/**
 * nvio_event_fn - receives an event, in a thread of the library's.
 *
 * It must not close @device, nor wait for somebody who does.
 */
typedef void (*nvio_event_fn)(void *arg, struct nvio_device *device, enum nvio_event event);

/* All zero means the default. */
struct nvio_watch_opts {
	size_t size; /* sizeof(struct nvio_watch_opts) */
	nvio_event_fn fn; /* may be NULL: the device is let go when its time comes */
	void *arg;
	uint32_t grace_ms; /* from the request on; 0: 5,000 */
};

#define NVIO_WATCH_OPTS                                       \
	{                                                     \
		sizeof(struct nvio_watch_opts), NULL, NULL, 0 \
	}

/**
 * nvio_device_watch - starts a thread that waits for events of a device, until it is closed.
 *
 * Return: 0; -EEXIST when it is watched already; -ENOTSUP when the kernel tells of neither event,
 * as behind a vfio-user socket; -ENOMEM; -errno of the kernel.
 */
NVIO_API int nvio_device_watch(struct nvio_device *device, const struct nvio_watch_opts *opts);

/**
 * nvio_device_let_go - gives a device back to the host while it is in use, from any thread.
 *
 * The kernel ends its DMA and resets it. What was mapped of it is memory that reads as all ones
 * from then on, and every call on it fails with -ENODEV, so that users of it find it gone: queue
 * pairs of a controller end their commands with an error. It still is to be closed.
 *
 * Return: 0, also when it was let go before; -ENOTSUP behind a vfio-user socket; -ENOMEM.
 */
NVIO_API int nvio_device_let_go(struct nvio_device *device);

/**
 * nvio_sigbus_guard - has SIGBUS handled, for the whole process, until it is called with false.
 *
 * The kernel takes mapped registers away from a program when a device is removed, and when others
 * reset it or switch its memory off: a doorbell that is rung then raises SIGBUS. With the guard,
 * memory takes the place of what was mapped, and the device counts as gone: its queue pairs end
 * their commands with an error within a second. SIGBUS for any other reason goes to the handler
 * that was there, or ends the process. The library installs no handler without this call.
 *
 * Whoever installs one afterwards calls nvio_sigbus_take() in it.
 *
 * Return: 0; -errno.
 */
NVIO_API int nvio_sigbus_guard(bool on);

/**
 * nvio_sigbus_take - what the guard does, for a program with a SIGBUS handler of its own.
 * @addr: si_addr of a SIGBUS that nobody sent (si_code > 0)
 *
 * May be called in a handler of signals.
 *
 * Return: whether it lay in a device's registers, and the access can be made again.
 */
NVIO_API bool nvio_sigbus_take(const void *addr);

#ifdef __cplusplus
}
#endif

#endif
