/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Power: the states of a controller (8.15), and what it does while there is nothing to do.
 *
 * Section numbers are those of <nvio/nvme.h>. doc/power.md has an overview. Thread rule: any
 * thread.
 */
#ifndef NVIO_POWER_H
#define NVIO_POWER_H

#include <nvio/nvme.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NVIO_POWER_STATES 32

struct nvio_power_state {
	uint64_t max_uw; /* what it takes, at most; microwatts; 0: unknown, as below */
	uint64_t idle_uw; /* without I/O */
	uint32_t entry_us; /* to go there, and to come back, at most */
	uint32_t exit_us;
	bool operational; /* it does I/O there; from the others I/O takes it back */
};

struct nvio_power_info {
	uint32_t nr_states;
	uint32_t state; /* the one it is in */
	bool has_apst; /* it can change states by itself when it is idle (APSTA) */
	bool apst; /* it does */
	struct nvio_power_state states[NVIO_POWER_STATES];
};

/**
 * nvio_ctrl_get_power - asks a controller what power states it has, and for the one it is in.
 * @size: sizeof(*info)
 *
 * Wakes a controller that sleeps.
 *
 * Return: 0; -EPROTO when it makes no sense; -EIO when the controller refuses to say; and as
 * nvio_admin().
 */
NVIO_API int nvio_ctrl_get_power(struct nvio_ctrl *ctrl, struct nvio_power_info *info, size_t size);

/**
 * nvio_ctrl_set_power_state - has a controller go to a power state (5.27.1.2). It is set again
 * after a reset.
 *
 * Return: 0; -EINVAL when there is no such state; a positive NVMe status; and as nvio_admin().
 */
NVIO_API int nvio_ctrl_set_power_state(struct nvio_ctrl *ctrl, uint32_t state);

/**
 * nvio_ctrl_set_apst - has a controller change power states by itself (5.27.1.9). It is set again
 * after a reset.
 * @max_latency_us: from no state that takes longer to go to and come back from; 0: it does not
 *                  change states any more
 *
 * It goes to a state when it was idle for 50 times as long as going there and back takes, and only
 * to those that are not operational.
 *
 * Return: 0; -ENOTSUP when the controller has no such feature, or no state of that kind; a positive
 * NVMe status; and as nvio_admin().
 */
NVIO_API int nvio_ctrl_set_apst(struct nvio_ctrl *ctrl, uint32_t max_latency_us);

/* What becomes of a controller without I/O. */
enum nvio_idle_kind {
	NVIO_IDLE_AUTO = 0, /* the first of the next two that there is */
	NVIO_IDLE_DEVICE = 1, /* it is shut down (3.6.1), and its function put to sleep by VFIO */
	NVIO_IDLE_STATE = 2, /* it goes to its last power state that is not operational */
	NVIO_IDLE_SHUTDOWN = 3, /* it is shut down, and no more */
};

/* All zero means the default. */
struct nvio_idle_opts {
	size_t size; /* sizeof(struct nvio_idle_opts) */
	uint32_t idle_ms; /* so long after the last command; 0: never */
	uint8_t kind; /* enum nvio_idle_kind */
};

#define NVIO_IDLE_OPTS                              \
	{                                           \
		sizeof(struct nvio_idle_opts), 0, 0 \
	}

/**
 * nvio_ctrl_idle - has a controller save power while there is nothing to do, until it is closed or
 * this is called again.
 *
 * One whose own memory comes into use later does not sleep any more.
 *
 * The first command wakes it: it takes that much longer, and runs once. So does any other call that
 * needs the controller. Queue pairs are what they were; features that were set are set again, as
 * after a reset. From a power state it comes back by itself.
 *
 * A thread of the library's looks four times in @idle_ms whether commands came; no command is
 * slower for it. A controller that sleeps has no events (nvio/async.h) and wants no keep-alives.
 *
 * Return: 0; -ENOTSUP when the controller or the kernel offers no such thing, memory of the
 * controller's is in use (nvio/devmem.h), or with no_recovery; -EINVAL; -ENOMEM; and as
 * nvio_admin().
 */
NVIO_API int nvio_ctrl_idle(struct nvio_ctrl *ctrl, const struct nvio_idle_opts *opts);

struct nvio_idle_info {
	uint32_t idle_ms; /* 0: it never rests */
	uint8_t kind; /* enum nvio_idle_kind, as it was chosen */
	uint8_t state; /* the power state, of NVIO_IDLE_STATE */
	bool rests; /* now, as far as is known */
	uint64_t nr_rests; /* how often it has gone to rest */
	uint64_t nr_wakes; /* ...and come back */
};

/** nvio_ctrl_get_idle - what has become of it; wakes nobody. @size: sizeof(*info). Return: 0. */
NVIO_API int nvio_ctrl_get_idle(struct nvio_ctrl *ctrl, struct nvio_idle_info *info, size_t size);

#ifdef __cplusplus
}
#endif

#endif
