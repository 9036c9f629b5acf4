/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asynchronous events; see async.h and <nvio/async.h>.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "nvme/command.h"

/* Dword 0 of a request's completion (figure 144). */
#define EVENT_TYPE(result) ((uint8_t)((result)&7u))
#define EVENT_INFO(result) ((uint8_t)((result) >> 8))
#define EVENT_LOG(result)  ((uint8_t)((result) >> 16))

#define ERROR_PERSISTENT 0x03u /* the host should reset the controller (figure 146) */

/* The feature (figure 317): all critical warnings, and notices in the bits that they have in OAES
 * too. */
#define WARNINGS          0x1fu
#define WARNING_PMR       0x20u
#define NOTICE_NAMESPACES (1u << 8)
#define NOTICE_FIRMWARE   (1u << 9)
#define NOTICE_ANA        (1u << 11)

#define LOG_ERROR        0x01u
#define LOG_NAMESPACES   0x04u
#define LOG_ANA          0x0cu
#define LOG_RESERVATION  0x80u
#define LOG_LEN          512u /* of the others */
#define LOG_RESERVED_LEN 64u
#define LOG_NUMD_SHIFT   16 /* of dword 10: how many dwords, minus one */

static uint32_t log_len(const struct nvio_ctrl *ctrl, uint8_t log)
{
	switch (log) {
	case LOG_ERROR:
		return (uint32_t)min_u64(ctrl->error_log_len, NVIO_ASYNC_LOG_MAX);
	case LOG_NAMESPACES:
	case LOG_ANA:
		return NVIO_ASYNC_LOG_MAX;
	case LOG_RESERVATION:
		return LOG_RESERVED_LEN;
	default:
		return LOG_LEN;
	}
}

/* Reading it lets the controller tell of the next event of this type. */
static void read_log(struct nvio_ctrl *ctrl, struct nvio_async_event *event)
{
	uint32_t len = log_len(ctrl, event->log_page);
	struct nvio_sqe sqe = {
		.opcode = NVIO_ADMIN_GET_LOG,
		.nsid = NVIO_NSID_ALL,
		.cdw10 = event->log_page | (len / 4 - 1) << LOG_NUMD_SHIFT,
	};
	int status;

	event->log_len = 0;
	memset(event->log, 0, sizeof(event->log));
	if (!event->log_page)
		return;
	status = nvio_admin_locked(ctrl, &sqe, event->log, len, NULL);
	if (!status)
		event->log_len = len;
	else if (status > 0)
		nvio_log(NVIO_LOG_WARN, "%s: log page 0x%02x, which an event names: %s",
			 ctrl->info.name, event->log_page, nvio_status_text((unsigned int)status));
}

static bool has_room(struct nvio_async *async)
{
	unsigned int nr;

	pthread_mutex_lock(&async->lock);
	nr = async->nr;
	pthread_mutex_unlock(&async->lock);
	return nr < NVIO_ASYNC_QUEUED;
}

/* The event behind the last one: whoever has ctrl->lock alone fills it in. */
static struct nvio_async_event *next_free(struct nvio_async *async)
{
	unsigned int idx;

	pthread_mutex_lock(&async->lock);
	idx = (async->first + async->nr) % NVIO_ASYNC_QUEUED;
	pthread_mutex_unlock(&async->lock);
	return &async->events[idx];
}

static void publish(struct nvio_async *async)
{
	pthread_mutex_lock(&async->lock);
	if (!async->nr++)
		eventfd_write(async->fd, 1);
	pthread_mutex_unlock(&async->lock);
}

static void handle(struct nvio_ctrl *ctrl, uint32_t result)
{
	struct nvio_async_event *event = next_free(ctrl->async);

	event->type = EVENT_TYPE(result);
	event->info = EVENT_INFO(result);
	event->log_page = EVENT_LOG(result);
	event->synthetic = false;
	read_log(ctrl, event);
	nvio_log(NVIO_LOG_INFO, "%s tells of event %u/0x%02x, with log page 0x%02x",
		 ctrl->info.name, event->type, event->info, event->log_page);
	if (event->type == NVIO_ASYNC_NOTICE && event->info == NVIO_NOTICE_NAMESPACES &&
	    nvio_rescan(ctrl, NULL) < 0)
		nvio_log(NVIO_LOG_ERROR, "namespaces that changed were not looked at: %s",
			 nvio_last_error());
	if (event->type == NVIO_ASYNC_ERROR && event->info == ERROR_PERSISTENT)
		nvio_recovery_ask(ctrl, NULL, "it tells of a persistent internal error");
	publish(ctrl->async);
}

/* Events of a reset: what changed of namespaces is told of as if the controller had. */
static void rescan(struct nvio_ctrl *ctrl)
{
	struct nvio_async_event *event = next_free(ctrl->async);
	int nr = nvio_rescan(ctrl, (uint32_t *)(void *)event->log);

	ctrl->async->rescan = false;
	if (nr < 0)
		nvio_log(NVIO_LOG_ERROR, "namespaces were not looked at after a reset: %s",
			 nvio_last_error());
	if (nr <= 0)
		return;
	event->type = NVIO_ASYNC_NOTICE;
	event->info = NVIO_NOTICE_NAMESPACES;
	event->log_page = LOG_NAMESPACES;
	event->synthetic = true;
	event->log_len = NVIO_ASYNC_LOG_MAX;
	publish(ctrl->async);
}

static void request(struct nvio_ctrl *ctrl)
{
	const struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_ASYNC_EVENT };
	struct nvio_async *async = ctrl->async;

	while (async->nr_requests + async->nr_raw < async->max_requests &&
	       !nvio_command_post(ctrl->admin, &sqe, NVIO_TRACKER_ONCE, NVIO_ADMIN_EVENT))
		async->nr_requests++;
	nvio_submit(ctrl->admin);
}

void nvio_async_take(struct nvio_ctrl *ctrl, const struct nvio_completion *done)
{
	struct nvio_async *async = ctrl->async;

	async->nr_requests--;
	if (!done->status) {
		async->raw[async->nr_raw++] = done->result;
		return;
	}
	/* It is not sent again, until a reset. */
	async->max_requests--;
	if (done->status != NVIO_STATUS_HOST_ABORTED)
		nvio_log(NVIO_LOG_WARN, "%s takes %u requests for events: %s", ctrl->info.name,
			 async->max_requests, nvio_status_text(done->status));
}

void nvio_async_tend(struct nvio_ctrl *ctrl)
{
	struct nvio_async *async = ctrl->async;
	unsigned int nr;

	if (!async || nvio_admin_look(ctrl))
		return;
	/* Those that are there now: more may come while their log pages are read. */
	for (nr = async->nr_raw; nr && !ctrl->dead && has_room(async); nr--) {
		uint32_t result = async->raw[0];

		async->nr_raw--;
		memmove(&async->raw[0], &async->raw[1], async->nr_raw * sizeof(result));
		handle(ctrl, result);
	}
	if (async->rescan && !ctrl->dead && has_room(async))
		rescan(ctrl);
	if (!ctrl->dead)
		request(ctrl);
}

static int configure(struct nvio_ctrl *ctrl, uint32_t config)
{
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_SET_FEATURES,
				.cdw10 = NVIO_FEATURE_ASYNC_EVENTS,
				.cdw11 = config };

	return nvio_admin_must(ctrl, "Set Features (Asynchronous Event Configuration)",
			       nvio_admin_locked(ctrl, &sqe, NULL, 0, NULL));
}

void nvio_async_forget(struct nvio_ctrl *ctrl)
{
	if (ctrl->async)
		ctrl->async->nr_requests = 0;
}

/* As many as the controller takes, with room for a command and a keep-alive beside them. */
static unsigned int max_requests(const struct nvio_ctrl *ctrl)
{
	uint64_t nr = min_u64(ctrl->aerl + 1u, NVIO_ASYNC_REQUESTS);

	return ctrl->admin->depth < 3 ? 0 : (unsigned int)min_u64(nr, ctrl->admin->depth - 2u);
}

int nvio_async_again(struct nvio_ctrl *ctrl)
{
	struct nvio_async *async = ctrl->async;
	int err;

	if (!async)
		return 0;
	err = configure(ctrl, async->config);
	if (err)
		return err;
	async->max_requests = max_requests(ctrl);
	async->rescan = true;
	request(ctrl);
	return 0;
}

static struct nvio_async *make_async(const struct nvio_ctrl *ctrl,
				     const struct nvio_async_opts *opts)
{
	struct nvio_async *async = calloc(1, sizeof(*async));

	if (!async) {
		nvio_error(ENOMEM, "no memory for events");
		return NULL;
	}
	async->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (async->fd < 0) {
		nvio_error(errno, "no eventfd for events: %s", strerror(errno));
		free(async);
		return NULL;
	}
	pthread_mutex_init(&async->lock, NULL);
	async->opts = *opts;
	if (!async->opts.interval_ms)
		async->opts.interval_ms = 100;
	async->config = WARNINGS | (FIELD_GET(CAP_PMRS, ctrl->cap) ? WARNING_PMR : 0) |
			(ctrl->oaes & (NOTICE_NAMESPACES | NOTICE_FIRMWARE | NOTICE_ANA));
	async->max_requests = max_requests(ctrl);
	return async;
}

static void free_async(struct nvio_async *async)
{
	close(async->fd);
	pthread_mutex_destroy(&async->lock);
	free(async);
}

static int start(struct nvio_ctrl *ctrl, const struct nvio_async_opts *opts)
{
	struct nvio_async *async;
	int err;

	if (ctrl->async)
		return nvio_error(EEXIST, "%s was asked for events already", ctrl->info.name);
	if (!max_requests(ctrl))
		return nvio_error(ENOTSUP,
				  "%s: an admin queue of %u commands is too small for "
				  "events",
				  ctrl->info.name, ctrl->admin->depth);
	async = make_async(ctrl, opts);
	if (!async)
		return -ENOMEM;
	err = configure(ctrl, async->config);
	if (!err && !opts->no_thread)
		err = nvio_keeper_start(ctrl);
	if (err) {
		free_async(async);
		return err;
	}
	/* Pairs with get_waiting(). */
	__atomic_store_n(&ctrl->async, async, __ATOMIC_RELEASE);
	request(ctrl);
	return 0;
}

int nvio_ctrl_async_start(struct nvio_ctrl *ctrl, const struct nvio_async_opts *given)
{
	struct nvio_async_opts opts = NVIO_ASYNC_OPTS;
	int err = nvio_take_opts(&opts, sizeof(opts), given, "nvio_ctrl_async_start");

	if (!err && opts.no_thread && opts.fn)
		err = nvio_error(EINVAL, "without a thread nobody calls the function for events");
	if (err)
		return err;
	nvio_ctrl_claim(ctrl);
	err = start(ctrl, &opts);
	pthread_mutex_unlock(&ctrl->lock);
	return err;
}

/* NULL, and a sentence, when no events wait for the application. */
static struct nvio_async *get_waiting(const struct nvio_ctrl *ctrl)
{
	struct nvio_async *async = __atomic_load_n(&ctrl->async, __ATOMIC_ACQUIRE);

	if (async && !async->opts.fn)
		return async;
	nvio_error(EINVAL, "events of %s %s", ctrl->info.name,
		   async ? "go to a function" : "were not asked for: nvio_ctrl_async_start()");
	return NULL;
}

static bool pop(struct nvio_async *async, struct nvio_async_event *event, size_t size)
{
	eventfd_t value;
	bool any;

	pthread_mutex_lock(&async->lock);
	any = async->nr;
	if (any) {
		nvio_give_info(event, size, &async->events[async->first], sizeof(async->events[0]));
		async->first = (async->first + 1) % NVIO_ASYNC_QUEUED;
		if (!--async->nr)
			eventfd_read(async->fd, &value);
	}
	pthread_mutex_unlock(&async->lock);
	return any;
}

int nvio_ctrl_async_next(struct nvio_ctrl *ctrl, struct nvio_async_event *event, size_t size)
{
	struct nvio_async *async = get_waiting(ctrl);

	if (!async)
		return -EINVAL;
	if (async->opts.no_thread) {
		nvio_recovery_settle(ctrl);
		pthread_mutex_lock(&ctrl->lock);
		nvio_async_tend(ctrl);
		pthread_mutex_unlock(&ctrl->lock);
	}
	return pop(async, event, size);
}

int nvio_ctrl_async_fd(struct nvio_ctrl *ctrl)
{
	const struct nvio_async *async = get_waiting(ctrl);

	if (!async)
		return -EINVAL;
	if (async->opts.no_thread)
		return nvio_error(EINVAL, "without a thread nobody looks for events of %s",
				  ctrl->info.name);
	return async->fd;
}

void nvio_async_deliver(struct nvio_ctrl *ctrl)
{
	struct nvio_async *async = __atomic_load_n(&ctrl->async, __ATOMIC_ACQUIRE);
	struct nvio_async_event event;

	while (async && async->opts.fn && pop(async, &event, sizeof(event)))
		async->opts.fn(async->opts.arg, ctrl, &event);
}

void nvio_async_free(struct nvio_ctrl *ctrl)
{
	if (ctrl->async)
		free_async(ctrl->async);
	ctrl->async = NULL;
}
