/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O queue pairs of a controller: made, waited for, freed. io.h has what they are for.
 *
 * Section numbers as in nvme.h. Thread rule: a queue pair belongs to one thread at a time; making
 * and freeing are serialised inside.
 */
#ifndef NVIO_QPAIR_H
#define NVIO_QPAIR_H

#include <nvio/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvio_ctrl;
struct nvio_qpair;

/* Of a queue pair, with NVIO_WEIGHTED. */
enum nvio_priority {
	NVIO_PRIORITY_DEFAULT = 0, /* medium */
	NVIO_PRIORITY_URGENT, /* before all others */
	NVIO_PRIORITY_HIGH,
	NVIO_PRIORITY_MEDIUM,
	NVIO_PRIORITY_LOW,
};

/* All zero means the default. */
struct nvio_qpair_opts {
	size_t size; /* sizeof(struct nvio_qpair_opts) */
	uint16_t depth; /* commands outstanding at once; 0: 128; clamped to max_depth with a log
			   line */
	bool interrupts; /* completions signal nvio_qpair_fd() */
	bool no_sgl; /* PRPs for everything, also where SGLs do better */
	uint8_t max_retries; /* how often a command is sent again whose status allows it, within
				timeout_ms each time; 0: 4; NVIO_NO_RETRIES: never */
	uint32_t timeout_ms; /* of a command, after which it is aborted, and then the controller
				reset; 0: 30,000; NVIO_NO_TIMEOUT: none. Noticed by nvio_poll(), up
				to a half late, more where polls are rarer than an eighth of it */
	uint32_t spin_ns; /* with interrupts: how long nvio_wait() spins at most before it sleeps;
			     0: 20,000; NVIO_NO_SPIN: not at all */
	uint8_t priority; /* enum nvio_priority: whose commands the controller takes first */
	uint8_t in_cmb; /* enum nvio_cmb_use: what lies in the controller memory buffer (8.5); 0:
			   nothing */
	bool no_resend; /* commands that a reset interrupts are not sent again: they end with status
			   0x371, "command aborted by host" */
};

/* The queue, or queue and lists. */
enum nvio_cmb_use {
	NVIO_CMB_QUEUE = 1, /* the submission queue: the controller fetches no command by DMA */
	NVIO_CMB_LISTS = 2, /* its PRP lists and SGLs, too; by itself where the controller wants
			       them beside the queue */
};

#define NVIO_NO_RETRIES 255
#define NVIO_NO_TIMEOUT UINT32_MAX
#define NVIO_NO_SPIN    UINT32_MAX

#define NVIO_QPAIR_OPTS                                                               \
	{                                                                             \
		sizeof(struct nvio_qpair_opts), 0, false, false, 0, 0, 0, 0, 0, false \
	}

/**
 * nvio_qpair_create - makes an I/O queue pair.
 * @opts:  options, or NULL
 * @qpair: receives the handle; nvio_qpair_free(), or it ends with the controller
 *
 * Return: 0; -ENOSPC when all that the controller granted are in use; -ENOTSUP when interrupts are
 * asked for and the function has none (or not of that kind), or a priority is and the controller
 * was opened without NVIO_WEIGHTED, or its memory buffer does not take what @in_cmb says; -EINVAL;
 * -ENOMEM; -EIO when the controller refuses; -ETIMEDOUT.
 */
NVIO_API int nvio_qpair_create(struct nvio_ctrl *ctrl, const struct nvio_qpair_opts *opts,
			       struct nvio_qpair **qpair);

/**
 * nvio_qpair_free - deletes a queue pair, submission queue first (5.6).
 *
 * Commands still outstanding end without a completion; their buffers are the caller's again once
 * this returns.
 */
NVIO_API void nvio_qpair_free(struct nvio_qpair *qpair);

/**
 * nvio_qpair_id - the queue identifier, as log lines and the controller name it. Return: 1 to
 * nr_qpairs.
 */
NVIO_API uint16_t nvio_qpair_id(const struct nvio_qpair *qpair);

/** nvio_qpair_depth - how many commands fit at once. Return: the depth after clamping. */
NVIO_API unsigned int nvio_qpair_depth(const struct nvio_qpair *qpair);

/** nvio_qpair_outstanding - how many commands were queued and not yet returned by nvio_poll(). The
 * owner's thread. */
NVIO_API unsigned int nvio_qpair_outstanding(const struct nvio_qpair *qpair);

/**
 * nvio_qpair_fd - a descriptor that becomes readable when completions have come, for poll(), epoll
 * or io_uring.
 *
 * A loop that sleeps on it calls, each time it is readable or nvio_qpair_timeout() has passed,
 * nvio_qpair_arm() first and nvio_poll() then. A completion that was not polled has made it
 * readable, or will. It may be readable although there is none: where the controller has fewer
 * interrupt vectors than queue pairs these share them.
 *
 * It is not to be read from. It belongs to the queue pair and is closed with it.
 *
 * Thread: any.
 *
 * Return: the fd; -ENOTSUP when the queue pair was made without interrupts.
 */
NVIO_API int nvio_qpair_fd(const struct nvio_qpair *qpair);

/**
 * nvio_qpair_arm - makes nvio_qpair_fd() wait for the next interrupt: it is not readable any more.
 *
 * To be called before nvio_poll(): what is not polled for then makes the fd readable again. Never
 * waits.
 *
 * Thread: the queue pair's.
 *
 * Return: 1 when the fd was readable; 0 when not; -ENOTSUP.
 */
NVIO_API int nvio_qpair_arm(struct nvio_qpair *qpair);

/**
 * nvio_qpair_timeout - how long a loop may sleep on nvio_qpair_fd() before it calls nvio_poll()
 * although nothing has come.
 *
 * There is work that no interrupt tells of: commands to be sent again after a while, those that
 * take too long, a controller that has died. To be asked last, after polling and submitting.
 *
 * Thread: the queue pair's.
 *
 * Return: nanoseconds; 0 when there is something to poll for, or to submit, now; -1 when nothing
 * is outstanding.
 */
NVIO_API int64_t nvio_qpair_timeout(const struct nvio_qpair *qpair);

#ifdef __cplusplus
}
#endif

#endif
