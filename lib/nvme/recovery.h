/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Getting a controller to work again: a thread that exists only while there is something to do
 * aborts commands, climbs the ladder and makes queues again, while the owners of queue pairs go on
 * polling them.
 *
 * It never touches what an owner writes. It tells owners what became of their queues; each starts
 * its own rings over, in its next poll (restart.c).
 */
#ifndef NVIO_LIB_NVME_RECOVERY_H
#define NVIO_LIB_NVME_RECOVERY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <nvio/nvme.h>

struct nvio_ctrl;
struct nvio_qpair;

/* What passes between the recovery and the owner of a queue pair. */
enum nvio_call {
	NVIO_CALL_NONE = 0, /* the controller has its queues */
	NVIO_CALL_HOLD, /* to the owner: no doorbells; what was sent may still be completed */
	NVIO_CALL_RESTART, /* to the owner: the controller has forgotten the queues; start over */
	NVIO_CALL_READY, /* from the owner: its rings are as new */
	NVIO_CALL_ASLEEP, /* to the owner: no doorbells; the controller is woken when there is use
			   */
	NVIO_CALL_DEAD, /* to the owner: nothing will be completed any more; no reset helped */
	NVIO_CALL_GONE, /* the same, because the device is not there */
};

/* How far a controller is that is put to sleep. */
enum nvio_rest {
	NVIO_REST_NONE = 0,
	NVIO_REST_FALLING, /* owners are told; its queues are being deleted */
	NVIO_REST_ASLEEP, /* it has forgotten its queues */
	NVIO_REST_FAILED, /* somewhere between: only a reset helps */
};

/* A command that is too late. */
struct nvio_abort {
	uint16_t qid;
	uint16_t cid;
};

#define NVIO_ABORTS_MAX 16

struct nvio_recovery {
	pthread_mutex_t lock; /* over all here; taken inside ctrl->lock, never around it */
	pthread_cond_t news; /* the thread ended, or a reset did */
	pthread_t thread;
	bool running;
	bool joinable;
	bool closing; /* no thread is to be started any more */
	bool ended; /* the ladder was climbed in vain */
	bool dropped; /* a reset was wanted, and then it was closed */
	enum nvio_rest rest;
	bool wanted; /* a reset; also read without the lock: admin commands make way for it */
	bool for_io; /* an I/O queue pair wants it */
	bool asked; /* by the application, so that it says nothing about the controller */
	bool refused; /* queues could not be made after the last reset */
	bool ready; /* an owner is */
	unsigned int nr_aborts;
	struct nvio_abort aborts[NVIO_ABORTS_MAX];
	struct nvio_ctrl_stats stats;

	/* The thread's, with ctrl->lock held. */
	bool waking; /* what it is reset for */
	bool climbing; /* its own admin commands are not in the way */
	unsigned int rung; /* where the last reset ended */
};

void nvio_recovery_init(struct nvio_ctrl *ctrl);

/* Has the thread end, and no other begin. */
void nvio_recovery_stop(struct nvio_ctrl *ctrl);
void nvio_recovery_fini(struct nvio_ctrl *ctrl);

/*
 * Asks for the controller to be reset; any thread, with or without ctrl->lock. @qpair: whose owner
 * asks, NULL for nobody's. Returns whether it will be: not without a device, before it was up, when
 * it was given up, or when the application does not want it.
 */
bool nvio_recovery_ask(struct nvio_ctrl *ctrl, const struct nvio_qpair *qpair, const char *why);

/* Asks and waits, without ctrl->lock. Returns 0 or -errno. */
int nvio_recovery_reset(struct nvio_ctrl *ctrl, const char *why);

/* Waits until no reset is wanted, so that ctrl->lock finds a controller that works, sleeps, or is
 * dead. */
void nvio_recovery_settle(struct nvio_ctrl *ctrl);

/* For who puts the controller to sleep, with the recovery's lock held: tells all owners; starts the
 * thread, and returns whether it is there. */
void nvio_recovery_call_all(struct nvio_ctrl *ctrl, enum nvio_call what);
bool nvio_recovery_start(struct nvio_ctrl *ctrl);

/* It is not put to sleep after all, with ctrl->lock held: owners whose queues are there go on when
 * they ask, others start over. */
void nvio_recovery_call_off(struct nvio_ctrl *ctrl);

/* abort.c: with ctrl->lock held. */
void nvio_recovery_send_aborts(struct nvio_ctrl *ctrl);

/* Asks for a command to be aborted. Returns whether that will be tried. */
bool nvio_recovery_abort(struct nvio_qpair *qpair, uint16_t cid);

/* Its owner has started over: the queues are to be made. */
bool nvio_recovery_ready(struct nvio_qpair *qpair);

/* Whether an admin command is to make way for a reset; ctrl->lock is held. */
bool nvio_recovery_waits(const struct nvio_ctrl *ctrl);

#endif
