/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a controller tells by itself: events with their log pages, by each way to be told but a
 * function, which test_namespaces.c has.
 */
#include <nvme/types.h>
#include <poll.h>

#include "events.h"

#define ADMIN_SET      0x09
#define ADMIN_GET      0x0a
#define FEATURE_EVENTS 0x0b
#define FEATURE_TEMP   0x04

static uint32_t get_feature(struct stack *s, uint32_t fid)
{
	struct nvio_sqe sqe = { .opcode = ADMIN_GET, .cdw10 = fid };
	uint32_t value = 0;

	CU_ASSERT_EQUAL(nvio_admin(s->ctrl, &sqe, NULL, 0, &value), 0);
	return value;
}

static void set_threshold(struct stack *s, uint32_t kelvin)
{
	struct nvio_sqe sqe = { .opcode = ADMIN_SET, .cdw10 = FEATURE_TEMP, .cdw11 = kelvin };

	CU_ASSERT_EQUAL(nvio_admin(s->ctrl, &sqe, NULL, 0, NULL), 0);
}

/* The SMART log says that it is too hot, and is read with the event. */
static void health(void)
{
	struct nvio_async_opts opts = events_often();
	struct nvio_async_event event;
	struct nvme_smart_log smart;
	struct stack s;

	events_start(&s, "", &opts);
	/* All warnings, and the one notice that it offers. */
	CU_ASSERT_EQUAL(get_feature(&s, FEATURE_EVENTS), 0x11f);
	for (int i = 0; i < 20; i++) {
		set_threshold(&s, 1);
		events_expect(&s, NVIO_ASYNC_HEALTH, 1, 2, &event);
		CU_ASSERT_EQUAL(event.log_len, sizeof(smart));
		CU_ASSERT_FALSE(event.synthetic);
		memcpy(&smart, event.log, sizeof(smart));
		CU_ASSERT_EQUAL(smart.critical_warning, 2);
		CU_ASSERT_EQUAL(smart.avail_spare, 100);
		set_threshold(&s, 0xffff);
	}
	CU_ASSERT_EQUAL(stack_read_one(&s, 0), 0);
	stack_close_within(&s, SECOND);
}

/* Of each kind, while admin commands and I/O go on. */
static void kinds(void)
{
	static const struct {
		const char *fault;
		unsigned int type, info, log, len;
	} kinds[] = {
		{ "aen type=0 info=0 log=1", 0, 0, 1, 64 * 64 },
		{ "aen type=1 info=0 log=2", 1, 0, 2, 512 },
		{ "aen type=2 info=1 log=3", 2, 1, 3, 512 },
		{ "aen type=2 info=0 log=4", 2, 0, 4, 4096 },
		/* Pages that it does not have, so that it tells no more of these types. */
		{ "aen type=2 info=3 log=0x0c", 2, 3, 0x0c, 0 },
		{ "aen type=6 info=1 log=0x81", 6, 1, 0x81, 0 },
	};
	struct nvio_async_opts opts = events_often();
	struct nvio_async_event event;
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	events_start(&s, d.name, &opts);
	stack_write_all(&s);
	for (unsigned int i = 0; i < 14; i++) {
		unsigned int k = i < 12 ? i % 4 : i - 8;

		daemon_do(&d, kinds[k].fault);
		CU_ASSERT_EQUAL(get_feature(&s, FEATURE_EVENTS), 0x11f);
		stack_read(&s, 0, 7);
		stack_expect(&s, 0, 7, 8);
		events_expect(&s, kinds[k].type, kinds[k].info, kinds[k].log, &event);
		CU_ASSERT(kinds[k].log == 1 ? event.log_len && event.log_len % 64 == 0
					    : event.log_len == kinds[k].len);
	}
	stack_close_within(&s, SECOND);
	daemon_stop(&d);
}

/* The library handles no more than it has room for; what is left comes when there is. */
static void flood(void)
{
	struct nvio_async_opts opts = events_often();
	struct nvio_async_event event;
	unsigned int got[16] = { 0 };
	struct daemon d;
	struct stack s;
	char line[64];

	daemon_start(&d, NULL);
	events_start(&s, d.name, &opts);
	for (int i = 0; i < 12; i++) {
		snprintf(line, sizeof(line), "aen type=1 info=%d log=2", i);
		daemon_do(&d, line);
	}
	for (int n = 0; n < 12;) {
		struct pollfd readable = { .fd = nvio_ctrl_async_fd(s.ctrl), .events = POLLIN };

		CU_ASSERT_EQUAL_FATAL(poll(&readable, 1, 5000), 1);
		while (nvio_ctrl_async_next(s.ctrl, &event, sizeof(event)) == 1) {
			CU_ASSERT_EQUAL(event.log_len, 512);
			got[event.info & 15]++;
			n++;
		}
	}
	for (int i = 0; i < 16; i++)
		CU_ASSERT_EQUAL(got[i], i < 12);
	stack_close_within(&s, SECOND);
	daemon_stop(&d);
}

/* The requests are sent again. */
static void after_a_reset(void)
{
	struct nvio_async_opts opts = events_often();
	struct nvio_async_event event;
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	events_start(&s, d.name, &opts);
	stack_write_all(&s);
	for (int i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
		CU_ASSERT_EQUAL(get_feature(&s, FEATURE_EVENTS), 0x11f);
		daemon_do(&d, "aen type=2 info=1 log=3");
		events_expect(&s, 2, 1, 3, &event);
		CU_ASSERT_FALSE(event.synthetic);
		CU_ASSERT_EQUAL(stack_read_one(&s, 7), 0);
	}
	stack_close_within(&s, SECOND);
	daemon_stop(&d);
}

/* "Persistent internal error" is to be answered with a reset. */
static void internal_error(void)
{
	struct nvio_async_opts opts = events_often();
	struct nvio_ctrl_stats stats = { 0 };
	struct nvio_async_event event;
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	events_start(&s, d.name, &opts);
	stack_write_all(&s);
	daemon_do(&d, "aen type=0 info=3 log=1");
	events_expect(&s, 0, 3, 1, &event);
	/* Waits for it. */
	get_feature(&s, FEATURE_EVENTS);
	CU_ASSERT_EQUAL(stack_read_one(&s, 7), 0);
	nvio_ctrl_get_stats(s.ctrl, &stats, sizeof(stats));
	CU_ASSERT_EQUAL(stats.controller_resets, 1);
	CU_ASSERT_EQUAL(stats.recoveries, 1);
	stack_close_within(&s, SECOND);
	daemon_stop(&d);
}

static void never(void *arg, struct nvio_ctrl *ctrl, const struct nvio_async_event *event)
{
	(void)arg, (void)ctrl, (void)event;
}

/* Without a thread the application looks. */
static void by_itself(void)
{
	struct nvio_async_opts opts = NVIO_ASYNC_OPTS;
	struct nvio_async_event event;
	uint64_t end = now_ns() + 5 * SECOND;
	struct stack s;
	int ret = 0;

	stack_open(&s, "", NULL);
	CU_ASSERT_EQUAL(nvio_ctrl_async_next(s.ctrl, &event, sizeof(event)), -EINVAL);
	opts.fn = never;
	opts.no_thread = true;
	CU_ASSERT_EQUAL(nvio_ctrl_async_start(s.ctrl, &opts), -EINVAL);
	opts.fn = NULL;
	CU_ASSERT_EQUAL(nvio_ctrl_async_start(s.ctrl, &opts), 0);
	CU_ASSERT_EQUAL(nvio_ctrl_async_start(s.ctrl, &opts), -EEXIST);
	CU_ASSERT_EQUAL(nvio_ctrl_async_fd(s.ctrl), -EINVAL);
	CU_ASSERT_EQUAL(nvio_ctrl_async_next(s.ctrl, &event, sizeof(event)), 0);
	set_threshold(&s, 1);
	while (!ret && now_ns() < end)
		ret = nvio_ctrl_async_next(s.ctrl, &event, sizeof(event));
	CU_ASSERT_EQUAL(ret, 1);
	CU_ASSERT_EQUAL(event.type, NVIO_ASYNC_HEALTH);
	CU_ASSERT_EQUAL(event.log_len, 512);
	CU_ASSERT_EQUAL(nvio_ctrl_async_next(s.ctrl, &event, sizeof(event)), 0);
	stack_close_within(&s, SECOND);
}

/* A device that goes while requests are outstanding. */
static void gone(void)
{
	struct nvio_async_opts opts = events_often();
	struct nvio_async_event event;
	struct nvio_completion done;
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	events_start(&s, d.name, &opts);
	stack_write_all(&s);
	daemon_do(&d, "gone");
	stack_read(&s, 0, 0);
	CU_ASSERT_EQUAL(nvio_wait(s.qpair, &done, 1, 1, 2 * SECOND), 1);
	CU_ASSERT_EQUAL(done.status, 0x371);
	CU_ASSERT_EQUAL(nvio_ctrl_async_next(s.ctrl, &event, sizeof(event)), 0);
	CU_ASSERT(nvio_ctrl_rescan(s.ctrl) < 0);
	stack_close_within(&s, 3 * SECOND);
	daemon_stop(&d);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "health, with its log page", health },
		{ "each kind, between other commands", kinds },
		{ "more than there is room for", flood },
		{ "after a reset", after_a_reset },
		{ "an internal error", internal_error },
		{ "without a thread", by_itself },
		{ "a device that goes", gone },
	};

	return tap_run("events", tests, sizeof(tests) / sizeof(tests[0]));
}
