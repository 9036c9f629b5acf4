/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a controller tells by itself: asynchronous events (5.2), each with the log page that is
 * about it, and namespaces that come, go and change.
 *
 * Section numbers are those of <nvio/nvme.h>. doc/events.md has an overview.
 */
#ifndef NVIO_ASYNC_H
#define NVIO_ASYNC_H

#include <nvio/nvme.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Types of events (figure 145). */
enum nvio_async_type {
	NVIO_ASYNC_ERROR = 0, /* a doorbell that makes no sense, a failed diagnosis, and the like */
	NVIO_ASYNC_HEALTH = 1, /* reliability, temperature, spare blocks */
	NVIO_ASYNC_NOTICE = 2, /* namespaces, firmware, asymmetric access; see below */
	NVIO_ASYNC_COMMAND_SET = 6, /* reservations, and the end of a sanitize operation */
	NVIO_ASYNC_VENDOR = 7,
};

/* Of NVIO_ASYNC_NOTICE (figure 148). */
enum nvio_async_notice {
	NVIO_NOTICE_NAMESPACES = 0x00, /* they have been looked at already when this is delivered */
	NVIO_NOTICE_FIRMWARE = 0x01, /* firmware is being activated: commands may take long */
	NVIO_NOTICE_ASYMMETRIC_ACCESS = 0x03,
};

#define NVIO_ASYNC_LOG_MAX 4096u

struct nvio_async_event {
	uint8_t type; /* enum nvio_async_type, or another number of the controller's */
	uint8_t info; /* what of that type */
	uint8_t log_page; /* the identifier of the log page that is about it (5.16.1) */
	bool synthetic; /* by nvio: namespaces changed while the controller was reset */
	uint32_t log_len; /* bytes of @log; 0 when it could not be read */
	uint8_t log[NVIO_ASYNC_LOG_MAX]; /* its beginning, as it is on the wire; of a change of
					    namespaces, a list of the identifiers (5.16.1.5) */
};

/**
 * nvio_async_fn - receives an event, in a thread of the library's.
 * @event: the callee's until it returns
 *
 * Every call but nvio_ctrl_close() of the same controller may be made. Keep-alives of the
 * controller wait for it to return.
 */
typedef void (*nvio_async_fn)(void *arg, struct nvio_ctrl *ctrl,
			      const struct nvio_async_event *event);

/* All zero means the default. */
struct nvio_async_opts {
	size_t size; /* sizeof(struct nvio_async_opts) */
	nvio_async_fn fn; /* NULL: events wait for nvio_ctrl_async_next() */
	void *arg;
	uint32_t interval_ms; /* between two looks for events; 0: 100 */
	bool no_thread; /* nvio_ctrl_async_next() looks, whenever it is called; @fn is NULL */
};

#define NVIO_ASYNC_OPTS                                              \
	{                                                            \
		sizeof(struct nvio_async_opts), NULL, NULL, 0, false \
	}

/**
 * nvio_ctrl_async_start - asks a controller to tell of events, until it is closed.
 *
 * Sets the feature Asynchronous Event Configuration (5.27.1.8) to all that nvio knows and the
 * controller offers (OAES), and keeps Asynchronous Event Requests outstanding, up to four. A reset
 * of the controller takes both back; they are made again after it. Applications that want other
 * events set the feature afterwards with nvio_admin().
 *
 * A thread of the library's looks for events every @interval_ms, in memory: that is no command, nor
 * any access to the device. The I/O path has no part in it.
 *
 * After an event that tells of namespaces, nvio_ctrl_rescan() has been done. After a persistent
 * internal error (figure 146) the controller is reset.
 *
 * No more than eight events wait for the application; the controller is asked for more when there
 * is room, and joins what happens meanwhile.
 *
 * Thread: any.
 *
 * Return: 0; -EEXIST when it was called before; -EINVAL (options); -ENOTSUP when the admin queue
 * is too small for it; -EIO when the controller refuses; -ENOMEM; and as nvio_admin().
 */
NVIO_API int nvio_ctrl_async_start(struct nvio_ctrl *ctrl, const struct nvio_async_opts *opts);

/**
 * nvio_ctrl_async_next - takes the next event.
 * @event: receives it
 * @size:  sizeof(*event)
 *
 * With @no_thread it first looks for events, which takes admin commands when there are any.
 *
 * Thread: any.
 *
 * Return: 1; 0 when there is none; -EINVAL when events go to a callback, or
 * nvio_ctrl_async_start() was not called.
 */
NVIO_API int nvio_ctrl_async_next(struct nvio_ctrl *ctrl, struct nvio_async_event *event,
				  size_t size);

/**
 * nvio_ctrl_async_fd - a descriptor that is readable while nvio_ctrl_async_next() has an event, for
 * poll(), epoll or io_uring.
 *
 * It is not to be read from, and is closed with the controller.
 *
 * Return: the fd; -EINVAL when events go to a callback, when no thread looks for them, or when
 * nvio_ctrl_async_start() was not called.
 */
NVIO_API int nvio_ctrl_async_fd(struct nvio_ctrl *ctrl);

/**
 * nvio_ctrl_rescan - looks which namespaces there are, and whether they are what they were.
 *
 * By itself that is done with events only (nvio/async.h), and controllers need not tell a host of
 * what it did itself: to be called after a Format NVM, or a Namespace Management or Attachment
 * command, sent with nvio_admin().
 *
 * Return: how many appeared, went, or changed; -EIO when the controller refuses to say;
 * -EPROTO when it talks nonsense; -ENOMEM; and as nvio_admin().
 */
NVIO_API int nvio_ctrl_rescan(struct nvio_ctrl *ctrl);

#ifdef __cplusplus
}
#endif

#endif
