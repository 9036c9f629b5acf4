/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events of a controller in use; see events.h.
 */
#include <poll.h>

#include "events.h"

struct nvio_async_opts events_often(void)
{
	struct nvio_async_opts opts = NVIO_ASYNC_OPTS;

	opts.interval_ms = 5;
	return opts;
}

void events_expect(struct stack *s, unsigned int type, unsigned int info, unsigned int log,
		   struct nvio_async_event *event)
{
	struct pollfd readable = { .fd = nvio_ctrl_async_fd(s->ctrl), .events = POLLIN };

	memset(event, 0, sizeof(*event));
	CU_ASSERT_EQUAL(poll(&readable, 1, 5000), 1);
	CU_ASSERT_EQUAL(nvio_ctrl_async_next(s->ctrl, event, sizeof(*event)), 1);
	CU_ASSERT_EQUAL(event->type, type);
	CU_ASSERT_EQUAL(event->info, info);
	CU_ASSERT_EQUAL(event->log_page, log);
	CU_ASSERT_EQUAL(poll(&readable, 1, 0), 0);
	CU_ASSERT_EQUAL(nvio_ctrl_async_next(s->ctrl, event, sizeof(*event)), 0);
}

void events_start(struct stack *s, const char *options, const struct nvio_async_opts *opts)
{
	stack_open(s, options, NULL);
	CU_ASSERT_EQUAL(nvio_ctrl_async_start(s->ctrl, opts), 0);
}
