/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Getting a controller to work again; see recovery.h.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "nvme/command.h"
#include "nvme/ladder.h"
#include "nvme/recovery.h"
#include "nvme/restart.h"
#include "nvme/tend.h"
#include "nvme/vectors.h"
#include "vfio/device.h"

void nvio_recovery_init(struct nvio_ctrl *ctrl)
{
	pthread_mutex_init(&ctrl->recovery.lock, NULL);
	pthread_cond_init(&ctrl->recovery.news, NULL);
}

void nvio_recovery_stop(struct nvio_ctrl *ctrl)
{
	struct nvio_recovery *r = &ctrl->recovery;

	pthread_mutex_lock(&r->lock);
	r->closing = true;
	while (r->running)
		pthread_cond_wait(&r->news, &r->lock);
	pthread_mutex_unlock(&r->lock);
	if (r->joinable)
		pthread_join(r->thread, NULL);
	r->joinable = false;
}

void nvio_recovery_fini(struct nvio_ctrl *ctrl)
{
	pthread_cond_destroy(&ctrl->recovery.news);
	pthread_mutex_destroy(&ctrl->recovery.lock);
}

bool nvio_recovery_waits(const struct nvio_ctrl *ctrl)
{
	return !ctrl->recovery.climbing &&
	       __atomic_load_n(&ctrl->recovery.wanted, __ATOMIC_RELAXED);
}

/* Whoever sleeps looks. Nobody reads the descriptor, so that it wakes all who share it. */
static void call(struct nvio_qpair *qpair, enum nvio_call what)
{
	const uint64_t one = 1;

	__atomic_store_n(&qpair->call, what, __ATOMIC_RELEASE);
	if (what != NVIO_CALL_NONE)
		nvio_restart_hold(qpair);
	if (qpair->vector && write(qpair->vector->fd, &one, sizeof(one)) < 0)
		nvio_log(NVIO_LOG_WARN, "queue pair %u could not be woken", qpair->qid);
}

void nvio_recovery_call_all(struct nvio_ctrl *ctrl, enum nvio_call what)
{
	for (struct nvio_qpair *q = ctrl->qpairs; q; q = q->next)
		call(q, what);
}

void nvio_recovery_call_off(struct nvio_ctrl *ctrl)
{
	pthread_mutex_lock(&ctrl->recovery.lock);
	ctrl->recovery.rest = NVIO_REST_NONE;
	for (struct nvio_qpair *q = ctrl->qpairs; q; q = q->next) {
		if (!q->sq_made)
			call(q, NVIO_CALL_RESTART);
	}
	pthread_mutex_unlock(&ctrl->recovery.lock);
}

/*
 * Whether the last reset was of any use to whoever asks for another one: an I/O queue pair wants
 * I/O commands to be completed, which the admin queue may well do without.
 */
static bool was_of_use(const struct nvio_ctrl *ctrl)
{
	if (!ctrl->recovery.for_io)
		return ctrl->admin->stats.completed != ctrl->admin->completed_before;
	for (const struct nvio_qpair *q = ctrl->qpairs; q; q = q->next) {
		if (__atomic_load_n(&q->stats.completed, __ATOMIC_RELAXED) !=
		    __atomic_load_n(&q->completed_before, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

/* What is completed from here on speaks for the reset; owners that find more of what was before say
 * so themselves. */
static void note_completed(struct nvio_ctrl *ctrl)
{
	ctrl->admin->completed_before = ctrl->admin->stats.completed;
	for (struct nvio_qpair *q = ctrl->qpairs; q; q = q->next)
		__atomic_store_n(&q->completed_before,
				 __atomic_load_n(&q->stats.completed, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
}

/* Where to begin: at the bottom, unless the last reset was of no use, or no queues could be made
 * after it. */
static unsigned int choose_rung(const struct nvio_ctrl *ctrl)
{
	const struct nvio_recovery *r = &ctrl->recovery;

	if (r->refused)
		return r->rung + 1;
	if (r->asked || !r->stats.recoveries || was_of_use(ctrl))
		return 0;
	return (unsigned int)min_u64(r->rung + 1, nvio_ladder_top(ctrl));
}

/* Waking is no recovery. */
static void end_reset(struct nvio_ctrl *ctrl, int err)
{
	struct nvio_recovery *r = &ctrl->recovery;

	pthread_mutex_lock(&r->lock);
	r->ended = err != 0;
	r->stats.given_up = r->ended;
	r->stats.recoveries += !err && !r->waking;
	r->waking = false;
	/* What asked since it began meant the same. */
	__atomic_store_n(&r->wanted, false, __ATOMIC_RELAXED);
	r->nr_aborts = 0;
	nvio_recovery_call_all(ctrl, !err             ? NVIO_CALL_RESTART
				     : err == -ENODEV ? NVIO_CALL_GONE
						      : NVIO_CALL_DEAD);
	pthread_cond_broadcast(&r->news);
	pthread_mutex_unlock(&r->lock);
}

/* With ctrl->lock held. Returns false when it is closed: it is shut down as it is. */
static bool reset(struct nvio_ctrl *ctrl)
{
	struct nvio_recovery *r = &ctrl->recovery;
	uint64_t start = nvio_now();
	bool waking;
	int err;

	pthread_mutex_lock(&r->lock);
	if (r->closing) {
		r->dropped = true;
		pthread_mutex_unlock(&r->lock);
		return false;
	}
	r->climbing = true;
	r->waking = waking = r->rest == NVIO_REST_ASLEEP;
	r->rest = NVIO_REST_NONE;
	r->rung = waking ? 0 : choose_rung(ctrl);
	r->refused = false;
	for (struct nvio_qpair *q = ctrl->qpairs; q; q = q->next)
		__atomic_store_n(&q->reset_was_asked, r->asked, __ATOMIC_RELAXED);
	r->asked = false;
	nvio_recovery_call_all(ctrl, NVIO_CALL_HOLD);
	pthread_mutex_unlock(&r->lock);
	if (waking)
		nvio_idle_rouse(ctrl);
	err = nvio_ladder_climb(ctrl, &r->rung);
	ctrl->dead = err != 0;
	if (err == -ENODEV)
		nvio_qpair_gone(ctrl->admin);
	for (struct nvio_qpair *q = ctrl->qpairs; q; q = q->next)
		q->cq_made = q->sq_made = false;
	note_completed(ctrl);
	r->climbing = false;
	/* It works, whatever its device said meanwhile. */
	if (!err)
		nvio_device_forget_errors(ctrl->device);
	end_reset(ctrl, err);
	if (err)
		nvio_log(NVIO_LOG_ERROR, "%s is given up: %s", ctrl->info.name, nvio_last_error());
	else
		nvio_log(waking ? NVIO_LOG_DEBUG : NVIO_LOG_WARN,
			 "%s works again, %llu ms after its %s began", ctrl->info.name,
			 (unsigned long long)((nvio_now() - start) / NVIO_NS_PER_MS),
			 waking ? "waking" : "reset");
	return true;
}

/* Makes queues at the controller for every owner that is ready. */
static void make_queues(struct nvio_ctrl *ctrl)
{
	for (struct nvio_qpair *q = ctrl->qpairs; q && !ctrl->dead; q = q->next) {
		if (__atomic_load_n(&q->call, __ATOMIC_ACQUIRE) != NVIO_CALL_READY)
			continue;
		if (!nvio_queues_again(q)) {
			call(q, NVIO_CALL_NONE);
			continue;
		}
		nvio_log(NVIO_LOG_ERROR, "queue pair %u does not come back: %s", q->qid,
			 nvio_last_error());
		ctrl->recovery.refused = true;
		nvio_recovery_ask(ctrl, NULL, "queues could not be made again");
		return;
	}
}

/* Whether there is work; if not, the thread counts as ended. */
static bool take_work(struct nvio_recovery *r, bool *wanted)
{
	bool any;

	pthread_mutex_lock(&r->lock);
	*wanted = r->wanted;
	any = (r->wanted || r->nr_aborts || r->ready) && !r->closing && !r->ended;
	r->ready = false;
	if (!any) {
		r->running = false;
		r->dropped |= r->wanted && r->closing;
		__atomic_store_n(&r->wanted, false, __ATOMIC_RELAXED);
		pthread_cond_broadcast(&r->news);
	}
	pthread_mutex_unlock(&r->lock);
	return any;
}

static void *run(void *arg)
{
	struct nvio_ctrl *ctrl = arg;
	bool wanted;

	while (take_work(&ctrl->recovery, &wanted)) {
		pthread_mutex_lock(&ctrl->lock);
		if (!wanted)
			nvio_recovery_send_aborts(ctrl);
		if (!wanted || reset(ctrl)) {
			ctrl->recovery.climbing = true;
			make_queues(ctrl);
			ctrl->recovery.climbing = false;
		}
		pthread_mutex_unlock(&ctrl->lock);
	}
	return NULL;
}

/* With the recovery's lock held. Signals are the application's: none is delivered to the thread. */
bool nvio_recovery_start(struct nvio_ctrl *ctrl)
{
	struct nvio_recovery *r = &ctrl->recovery;
	sigset_t all, before;

	if (r->running)
		return true;
	if (r->joinable)
		pthread_join(r->thread, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r->joinable = !pthread_create(&r->thread, NULL, run, ctrl);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	r->running = r->joinable;
	return r->running;
}

/* Whether there is a recovery to be asked. */
static bool is_there(const struct nvio_ctrl *ctrl)
{
	return ctrl->up && !ctrl->opts.no_recovery;
}

/* Whether it is about what was before a reset that the owner has not heard of yet. One whose queues
 * are being made knows of nothing that was before. */
static bool was_before(const struct nvio_qpair *qpair)
{
	const enum nvio_rest rest = qpair->ctrl->recovery.rest;
	uint32_t call = __atomic_load_n(&qpair->call, __ATOMIC_RELAXED);

	/* Nor has one whose controller is not asleep yet, or is not put to sleep after all. */
	if (call == NVIO_CALL_ASLEEP)
		return rest == NVIO_REST_ASLEEP || rest == NVIO_REST_FAILED;
	return call != NVIO_CALL_NONE && call != NVIO_CALL_READY;
}

static bool ask_locked(struct nvio_ctrl *ctrl, const struct nvio_qpair *qpair, const char *why)
{
	struct nvio_recovery *r = &ctrl->recovery;

	if (r->closing || r->ended)
		return false;
	if (qpair && was_before(qpair))
		return true;
	if (!r->wanted) {
		nvio_log(NVIO_LOG_WARN, "%s is reset: %s", ctrl->info.name, why);
		r->for_io = qpair && qpair->qid;
		__atomic_store_n(&r->wanted, true, __ATOMIC_RELAXED);
	}
	if (nvio_recovery_start(ctrl))
		return true;
	__atomic_store_n(&r->wanted, false, __ATOMIC_RELAXED);
	return false;
}

bool nvio_recovery_ask(struct nvio_ctrl *ctrl, const struct nvio_qpair *qpair, const char *why)
{
	bool will;

	if (!is_there(ctrl))
		return false;
	pthread_mutex_lock(&ctrl->recovery.lock);
	will = ask_locked(ctrl, qpair, why);
	pthread_mutex_unlock(&ctrl->recovery.lock);
	return will;
}

static void wait_locked(struct nvio_recovery *r)
{
	while (r->running && r->wanted)
		pthread_cond_wait(&r->news, &r->lock);
}

static int give_up_error(const struct nvio_ctrl *ctrl)
{
	return nvio_error(EIO, "%s was given up: no kind of reset helped", ctrl->info.name);
}

int nvio_recovery_reset(struct nvio_ctrl *ctrl, const char *why)
{
	struct nvio_recovery *r = &ctrl->recovery;
	bool will, ended, dropped;

	if (!is_there(ctrl))
		return nvio_error(ENOTSUP, "%s was opened without recovery", ctrl->info.name);
	pthread_mutex_lock(&r->lock);
	will = ask_locked(ctrl, NULL, why);
	wait_locked(r);
	ended = r->ended;
	dropped = r->dropped;
	pthread_mutex_unlock(&r->lock);
	if (dropped)
		return nvio_error(EIO, "%s was not reset: it is being closed", ctrl->info.name);
	return will && !ended ? 0 : give_up_error(ctrl);
}

void nvio_recovery_settle(struct nvio_ctrl *ctrl)
{
	pthread_mutex_lock(&ctrl->recovery.lock);
	wait_locked(&ctrl->recovery);
	pthread_mutex_unlock(&ctrl->recovery.lock);
}

int nvio_ctrl_reset(struct nvio_ctrl *ctrl)
{
	pthread_mutex_lock(&ctrl->recovery.lock);
	ctrl->recovery.asked = !ctrl->recovery.wanted;
	pthread_mutex_unlock(&ctrl->recovery.lock);
	return nvio_recovery_reset(ctrl, "the application wants it");
}

int nvio_ctrl_get_stats(struct nvio_ctrl *ctrl, struct nvio_ctrl_stats *out, size_t size)
{
	struct nvio_ctrl_stats stats;

	pthread_mutex_lock(&ctrl->recovery.lock);
	stats = ctrl->recovery.stats;
	pthread_mutex_unlock(&ctrl->recovery.lock);
	return nvio_give_info(out, size, &stats, sizeof(stats));
}

bool nvio_recovery_abort(struct nvio_qpair *qpair, uint16_t cid)
{
	struct nvio_ctrl *ctrl = qpair->ctrl;
	struct nvio_recovery *r = &ctrl->recovery;
	bool will;

	if (!is_there(ctrl))
		return false;
	pthread_mutex_lock(&r->lock);
	will = !r->closing && !r->ended && r->nr_aborts < NVIO_ABORTS_MAX &&
	       nvio_recovery_start(ctrl);
	if (will) {
		r->aborts[r->nr_aborts++] = (struct nvio_abort){ qpair->qid, cid };
		/* Another command had the same identifier, long ago. */
		if (__atomic_load_n(&qpair->not_aborted, __ATOMIC_RELAXED) == cid + 1u)
			__atomic_store_n(&qpair->not_aborted, 0, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&r->lock);
	return will;
}

bool nvio_recovery_ready(struct nvio_qpair *qpair)
{
	struct nvio_recovery *r = &qpair->ctrl->recovery;
	bool heard;

	pthread_mutex_lock(&r->lock);
	r->ready = true;
	heard = r->closing || r->ended || nvio_recovery_start(qpair->ctrl);
	pthread_mutex_unlock(&r->lock);
	return heard;
}
