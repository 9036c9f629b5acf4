/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread of a controller, and keep-alives; see keeper.h.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "nvme/command.h"

/* When nothing has to be done sooner. */
#define PATIENCE_MS 1000u

/* How often in a controller's time one is sent: the second is in time when the first is late. */
#define PER_TIMEOUT 3u

/* KAS, the granularity of the timer, counts these; 0: there is none. */
#define KAS_MS 100u

static uint32_t period_ms(const struct nvio_keeper *keeper)
{
	return (uint32_t)max_u64(keeper->timeout_ms / PER_TIMEOUT, 1);
}

/* How long to sleep. With the lock held. */
static int until_next(const struct nvio_ctrl *ctrl)
{
	const struct nvio_keeper *keeper = &ctrl->keeper;
	uint64_t ms = PATIENCE_MS, since;

	if (ctrl->async && !ctrl->async->opts.no_thread)
		ms = min_u64(ms, ctrl->async->opts.interval_ms);
	/* There is nothing to be kept alive, nor is anything sent, while it is dead. */
	if (keeper->timeout_ms && !keeper->under_way && !ctrl->dead) {
		since = (nvio_now() - keeper->sent_at) / NVIO_NS_PER_MS;
		ms = min_u64(ms, period_ms(keeper) - min_u64(since, period_ms(keeper)));
	} else if (keeper->timeout_ms) {
		ms = min_u64(ms, period_ms(keeper));
	}
	return (int)max_u64(min_u64(ms, nvio_idle_due_ms(ctrl)), 1);
}

static void *run(void *arg)
{
	struct nvio_ctrl *ctrl = arg;
	struct nvio_keeper *keeper = &ctrl->keeper;
	struct pollfd woken[] = { { keeper->fd, POLLIN, 0 }, { -1, POLLIN, 0 } };
	eventfd_t value;
	int ms = 1;

	for (;;) {
		woken[1].fd = __atomic_load_n(&ctrl->idle.fd, __ATOMIC_RELAXED);
		poll(woken, 2, ms);
		eventfd_read(keeper->fd, &value);
		if (__atomic_load_n(&keeper->stop, __ATOMIC_ACQUIRE))
			return NULL;
		nvio_recovery_settle(ctrl);
		pthread_mutex_lock(&ctrl->lock);
		nvio_keep_alive_tend(ctrl);
		if (!nvio_admin_look(ctrl))
			nvio_async_tend(ctrl);
		nvio_idle_tend(ctrl);
		ms = until_next(ctrl);
		pthread_mutex_unlock(&ctrl->lock);
		nvio_async_deliver(ctrl);
	}
}

/* Signals are the application's: none is delivered to the thread. */
int nvio_keeper_start(struct nvio_ctrl *ctrl)
{
	struct nvio_keeper *keeper = &ctrl->keeper;
	sigset_t all, before;
	int err;

	if (keeper->running) {
		eventfd_write(keeper->fd, 1);
		return 0;
	}
	keeper->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (keeper->fd < 0)
		return nvio_error(errno, "no eventfd for %s: %s", ctrl->info.name, strerror(errno));
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&keeper->thread, NULL, run, ctrl);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err) {
		close(keeper->fd);
		return nvio_error(err, "no thread for %s: %s", ctrl->info.name, strerror(err));
	}
	keeper->running = true;
	return 0;
}

void nvio_keeper_stop(struct nvio_ctrl *ctrl)
{
	struct nvio_keeper *keeper = &ctrl->keeper;

	if (!keeper->running)
		return;
	__atomic_store_n(&keeper->stop, true, __ATOMIC_RELEASE);
	eventfd_write(keeper->fd, 1);
	pthread_join(keeper->thread, NULL);
	close(keeper->fd);
	keeper->running = false;
}

static int feature(struct nvio_ctrl *ctrl, uint8_t opcode, uint32_t ms, uint32_t *result)
{
	struct nvio_sqe sqe = { .opcode = opcode, .cdw10 = NVIO_FEATURE_KEEP_ALIVE, .cdw11 = ms };

	return nvio_admin_locked(ctrl, &sqe, NULL, 0, result);
}

static int set_timer(struct nvio_ctrl *ctrl, uint32_t ms)
{
	return nvio_admin_must(ctrl, "Set Features (Keep Alive Timer)",
			       feature(ctrl, NVIO_ADMIN_SET_FEATURES, ms, NULL));
}

/* The controller does, to its granularity. */
static uint32_t round_up(uint32_t ms, uint64_t unit_ms)
{
	uint64_t rounded = (ms + unit_ms - 1) / unit_ms * unit_ms;

	return rounded <= UINT32_MAX ? (uint32_t)rounded : ms;
}

/* What time there is to be between two of them. Returns 0 or -errno. */
static int agree(struct nvio_ctrl *ctrl, uint32_t *ms)
{
	const uint32_t wanted = ctrl->opts.keep_alive_ms;
	int status;

	*ms = 0;
	if (!ctrl->kas)
		return wanted && wanted != NVIO_NO_KEEP_ALIVE
			       ? nvio_error(ENOTSUP, "%s has no keep alive (KAS 0)",
					    ctrl->info.name)
			       : 0;
	if (wanted == NVIO_NO_KEEP_ALIVE)
		return set_timer(ctrl, 0);
	if (wanted) {
		*ms = round_up(wanted, (uint64_t)ctrl->kas * KAS_MS);
		return set_timer(ctrl, *ms);
	}
	/* One that runs by itself is the controller's wish. */
	status = feature(ctrl, NVIO_ADMIN_GET_FEATURES, 0, ms);
	if (status)
		*ms = 0;
	return status < 0 ? status : 0;
}

int nvio_keep_alive_set_up(struct nvio_ctrl *ctrl)
{
	struct nvio_keeper *keeper = &ctrl->keeper;

	/* None is sent before it is known how often. */
	keeper->timeout_ms = 0;
	keeper->under_way = false;
	keeper->sent_at = nvio_now();
	return agree(ctrl, &keeper->timeout_ms);
}

void nvio_keep_alive_tend(struct nvio_ctrl *ctrl)
{
	const struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_KEEP_ALIVE };
	struct nvio_keeper *keeper = &ctrl->keeper;
	uint64_t now, ms;

	if (!keeper->timeout_ms || ctrl->dead)
		return;
	now = nvio_now();
	ms = (now - keeper->sent_at) / NVIO_NS_PER_MS;
	if (keeper->under_way) {
		if (ms < ctrl->opts.admin_timeout_ms)
			return;
		nvio_admin_failed(
			ctrl, nvio_error(ETIMEDOUT, "%s: keep alive unanswered", ctrl->info.name));
		return;
	}
	if (ms < period_ms(keeper) ||
	    nvio_command_post(ctrl->admin, &sqe, NVIO_TRACKER_ONCE, NVIO_ADMIN_ALIVE))
		return;
	keeper->sent_at = now;
	keeper->under_way = true;
	nvio_submit(ctrl->admin);
}

void nvio_keep_alive_take(struct nvio_ctrl *ctrl, uint16_t status)
{
	ctrl->keeper.under_way = false;
	if (status && status != NVIO_STATUS_HOST_ABORTED)
		nvio_log(NVIO_LOG_WARN, "%s: keep alive: %s", ctrl->info.name,
			 nvio_status_text(status));
}
