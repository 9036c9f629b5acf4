/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rest and waking; see idle.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <nvio/feature.h>

#include "base/clock.h"
#include "base/error.h"
#include "nvme/ctrl.h"
#include "nvme/hmb.h"
#include "nvme/power.h"
#include "vfio/device.h"

void nvio_idle_init(struct nvio_ctrl *ctrl)
{
	ctrl->idle.fd = -1;
}

void nvio_idle_fini(struct nvio_ctrl *ctrl)
{
	if (ctrl->idle.fd >= 0)
		close(ctrl->idle.fd);
}

/* With the recovery's lock held. */
static void wake(struct nvio_ctrl *ctrl)
{
	struct nvio_recovery *r = &ctrl->recovery;
	const bool sleeps = r->rest == NVIO_REST_ASLEEP;

	if (!(sleeps || r->rest == NVIO_REST_FAILED) || r->wanted || r->closing || r->ended)
		return;
	r->asked |= sleeps;
	r->for_io = false;
	__atomic_store_n(&r->wanted, true, __ATOMIC_RELAXED);
	/* Where no thread can be had, whoever asks next tries again. */
	if (!nvio_recovery_start(ctrl))
		__atomic_store_n(&r->wanted, false, __ATOMIC_RELAXED);
}

void nvio_idle_wake(struct nvio_ctrl *ctrl)
{
	struct nvio_recovery *r = &ctrl->recovery;

	if (__atomic_load_n(&r->wanted, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&r->lock);
	wake(ctrl);
	pthread_mutex_unlock(&r->lock);
}

bool nvio_idle_is_over(struct nvio_qpair *qpair)
{
	struct nvio_recovery *r = &qpair->ctrl->recovery;
	bool over;

	pthread_mutex_lock(&r->lock);
	wake(qpair->ctrl);
	over = r->rest == NVIO_REST_NONE &&
	       __atomic_load_n(&qpair->call, __ATOMIC_RELAXED) == NVIO_CALL_ASLEEP;
	if (over)
		__atomic_store_n(&qpair->call, NVIO_CALL_NONE, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&r->lock);
	return over;
}

static enum nvio_rest rest_of(struct nvio_ctrl *ctrl)
{
	struct nvio_recovery *r = &ctrl->recovery;
	enum nvio_rest rest;

	pthread_mutex_lock(&r->lock);
	rest = r->rest;
	pthread_mutex_unlock(&r->lock);
	return rest;
}

static void set_rest(struct nvio_ctrl *ctrl, enum nvio_rest rest)
{
	pthread_mutex_lock(&ctrl->recovery.lock);
	ctrl->recovery.rest = rest;
	pthread_mutex_unlock(&ctrl->recovery.lock);
}

void nvio_ctrl_claim(struct nvio_ctrl *ctrl)
{
	/* It may fall asleep again before the lock is had, once in a blue moon. */
	for (int tries = 0; tries < 100; tries++) {
		nvio_idle_wake(ctrl);
		nvio_recovery_settle(ctrl);
		pthread_mutex_lock(&ctrl->lock);
		if (rest_of(ctrl) == NVIO_REST_NONE)
			return;
		pthread_mutex_unlock(&ctrl->lock);
	}
	pthread_mutex_lock(&ctrl->lock);
}

/* Whether its queues are made, or will be. */
static bool may_rest(const struct nvio_qpair *q)
{
	uint32_t call = __atomic_load_n(&q->call, __ATOMIC_ACQUIRE);

	return call <= NVIO_CALL_ASLEEP && call != NVIO_CALL_HOLD;
}

/* Has queue pairs ring no more. Returns false when this is no time for it. */
static bool hold_queues(struct nvio_ctrl *ctrl)
{
	struct nvio_recovery *r = &ctrl->recovery;
	bool may;

	pthread_mutex_lock(&r->lock);
	may = !r->running && !r->wanted && !r->closing && !r->ended && r->rest == NVIO_REST_NONE;
	for (struct nvio_qpair *q = ctrl->qpairs; q && may; q = q->next)
		may = may_rest(q);
	if (may) {
		r->rest = NVIO_REST_FALLING;
		nvio_recovery_call_all(ctrl, NVIO_CALL_ASLEEP);
	}
	pthread_mutex_unlock(&r->lock);
	return may;
}

/* Commands that have come to a queue pair, and those of them that were not completed. */
static uint64_t count_of(const struct nvio_qpair *q, uint32_t *unfinished)
{
	uint64_t done = __atomic_load_n(&q->stats.completed, __ATOMIC_RELAXED);
	uint64_t came = __atomic_load_n(&q->stats.submitted, __ATOMIC_RELAXED);

	*unfinished = (uint32_t)(came - done - __atomic_load_n(&q->nr_drained, __ATOMIC_RELAXED));
	return came;
}

/* Whether the controller was told of a command, just before it is to sleep, that it has not
 * completed: if its queue were deleted now, nobody could say whether it has run. */
static bool has_work(const struct nvio_ctrl *ctrl)
{
	for (const struct nvio_qpair *q = ctrl->qpairs; q; q = q->next) {
		/* First: what comes later is unfinished and not among these. */
		const uint32_t nr_untold = __atomic_load_n(&q->nr_untold, __ATOMIC_ACQUIRE);
		uint32_t unfinished;

		count_of(q, &unfinished);
		if (unfinished != nr_untold)
			return true;
	}
	return false;
}

/* Nothing is known of what runs: as after any failure. */
static void fail(struct nvio_ctrl *ctrl)
{
	set_rest(ctrl, NVIO_REST_FAILED);
	nvio_log(NVIO_LOG_WARN, "%s could not be put to sleep: %s", ctrl->info.name,
		 nvio_last_error());
	nvio_recovery_ask(ctrl, NULL, "it could not be put to sleep");
}

static void fall_asleep(struct nvio_ctrl *ctrl)
{
	struct nvio_idle *idle = &ctrl->idle;

	if (!hold_queues(ctrl))
		return;
	if (has_work(ctrl)) {
		nvio_recovery_call_off(ctrl);
		return;
	}
	for (struct nvio_qpair *q = ctrl->qpairs; q; q = q->next) {
		if (nvio_queues_stop(q)) {
			fail(ctrl);
			return;
		}
	}
	nvio_hmb_pause(ctrl);
	if (ctrl->dead) {
		fail(ctrl);
		return;
	}
	set_rest(ctrl, NVIO_REST_ASLEEP);
	nvio_ctrl_shut_down(ctrl);
	/* Until it was reset. */
	ctrl->dead = true;
	idle->nr_rests++;
	if (idle->kind == NVIO_IDLE_DEVICE && nvio_device_sleep(ctrl->device, idle->fd))
		nvio_log(NVIO_LOG_WARN, "%s is shut down, and not put to sleep: %s",
			 ctrl->info.name, nvio_last_error());
}

void nvio_idle_rouse(struct nvio_ctrl *ctrl)
{
	eventfd_t value;

	ctrl->idle.nr_wakes++;
	ctrl->idle.since = nvio_now();
	if (ctrl->idle.kind != NVIO_IDLE_DEVICE)
		return;
	/* A reset that finds it asleep is no use, and tells. */
	if (nvio_device_wake(ctrl->device))
		nvio_log(NVIO_LOG_ERROR, "%s does not wake up: %s", ctrl->info.name,
			 nvio_last_error());
	if (ctrl->idle.fd >= 0)
		eventfd_read(ctrl->idle.fd, &value);
}

static void go_to_state(struct nvio_ctrl *ctrl)
{
	struct nvio_idle *idle = &ctrl->idle;
	int status = nvio_power_go(ctrl, idle->state);

	if (!status) {
		idle->resting = true;
		idle->nr_rests++;
		return;
	}
	idle->ms = 0;
	nvio_log(NVIO_LOG_WARN, "%s does not go to power state %u: %s", ctrl->info.name,
		 idle->state,
		 status > 0 ? nvio_status_text((unsigned int)status) : nvio_last_error());
}

/* How many commands have come; *busy: one is not completed. */
static uint64_t count(const struct nvio_ctrl *ctrl, bool *busy)
{
	uint64_t all = 0;

	*busy = false;
	for (const struct nvio_qpair *q = ctrl->qpairs; q; q = q->next) {
		uint32_t unfinished;

		all += count_of(q, &unfinished);
		*busy |= unfinished != 0;
	}
	return all;
}

/* Also later: its memory may be asked for when it has slept before. */
static int check_sleep(struct nvio_ctrl *ctrl)
{
	if (ctrl->opts.no_recovery)
		return nvio_error(ENOTSUP,
				  "%s was opened without recovery, which is what would wake it",
				  ctrl->info.name);
	/* What is there would be lost. */
	if (ctrl->cmb || ctrl->pmr)
		return nvio_error(ENOTSUP, "%s: its memory (CMB, PMR) is in use", ctrl->info.name);
	return 0;
}

void nvio_idle_tend(struct nvio_ctrl *ctrl)
{
	struct nvio_idle *idle = &ctrl->idle;
	eventfd_t value;
	uint64_t came;
	bool busy;

	if (idle->fd >= 0 && !eventfd_read(idle->fd, &value))
		nvio_idle_wake(ctrl);
	if (!idle->ms || ctrl->dead)
		return;
	came = count(ctrl, &busy);
	if (busy || came != idle->seen) {
		idle->nr_wakes += idle->resting;
		idle->resting = false;
		idle->seen = came;
		idle->since = nvio_now();
	}
	if (idle->resting || nvio_now() - idle->since < idle->ms * NVIO_NS_PER_MS)
		return;
	if (idle->kind == NVIO_IDLE_STATE)
		go_to_state(ctrl);
	else if (!check_sleep(ctrl))
		fall_asleep(ctrl);
}

/* What has come is looked at four times in that time, so that it is late by a quarter at most. */
uint64_t nvio_idle_due_ms(const struct nvio_ctrl *ctrl)
{
	return ctrl->idle.ms ? ctrl->idle.ms / 4 + 1 : UINT64_MAX;
}

static int check_state(struct nvio_ctrl *ctrl, uint8_t *state)
{
	int ret = nvio_power_deepest(ctrl);

	if (ret < 0)
		return ret;
	*state = (uint8_t)ret;
	return 0;
}

/* What is meant by NVIO_IDLE_AUTO: what saves most. Returns 0 or -errno. */
static int choose(struct nvio_ctrl *ctrl, enum nvio_idle_kind *kind, uint8_t *state)
{
	int err = check_sleep(ctrl);

	if (!err)
		err = nvio_device_feature_probe(ctrl->device, NVIO_FEATURE_LOW_POWER);
	if (*kind == NVIO_IDLE_AUTO)
		*kind = err ? NVIO_IDLE_STATE : NVIO_IDLE_DEVICE;
	if (*kind == NVIO_IDLE_DEVICE)
		return err;
	return *kind == NVIO_IDLE_STATE ? check_state(ctrl, state) : check_sleep(ctrl);
}

static int set_up(struct nvio_ctrl *ctrl, uint32_t ms, enum nvio_idle_kind kind)
{
	struct nvio_idle *idle = &ctrl->idle;
	uint8_t state = 0;
	bool busy;
	int err = choose(ctrl, &kind, &state);

	if (!err && kind == NVIO_IDLE_DEVICE && idle->fd < 0 &&
	    !nvio_device_feature_probe(ctrl->device, NVIO_FEATURE_LOW_POWER_WAKEUP))
		__atomic_store_n(&idle->fd, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				 __ATOMIC_RELAXED);
	if (err)
		return err;
	idle->kind = kind;
	idle->state = state;
	idle->seen = count(ctrl, &busy);
	idle->since = nvio_now();
	idle->resting = false;
	idle->ms = ms;
	err = nvio_keeper_start(ctrl);
	if (err)
		idle->ms = 0;
	return err;
}

int nvio_ctrl_idle(struct nvio_ctrl *ctrl, const struct nvio_idle_opts *given)
{
	struct nvio_idle_opts opts = NVIO_IDLE_OPTS;
	int err = nvio_take_opts(&opts, sizeof(opts), given, "nvio_ctrl_idle");

	if (!err && opts.kind > NVIO_IDLE_SHUTDOWN)
		err = nvio_error(EINVAL, "kind %u: not one of enum nvio_idle_kind", opts.kind);
	if (err)
		return err;
	nvio_ctrl_claim(ctrl);
	if (opts.idle_ms)
		err = set_up(ctrl, opts.idle_ms, (enum nvio_idle_kind)opts.kind);
	else
		ctrl->idle.ms = 0;
	pthread_mutex_unlock(&ctrl->lock);
	return err;
}

int nvio_ctrl_get_idle(struct nvio_ctrl *ctrl, struct nvio_idle_info *out, size_t size)
{
	struct nvio_idle_info info = { 0 };

	pthread_mutex_lock(&ctrl->lock);
	info.idle_ms = ctrl->idle.ms;
	info.kind = (uint8_t)ctrl->idle.kind;
	info.state = ctrl->idle.state;
	info.rests = rest_of(ctrl) == NVIO_REST_ASLEEP || ctrl->idle.resting;
	info.nr_rests = ctrl->idle.nr_rests;
	info.nr_wakes = ctrl->idle.nr_wakes;
	pthread_mutex_unlock(&ctrl->lock);
	return nvio_give_info(out, size, &info, sizeof(info));
}
