/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nothing comes although it should: commands that are not taken, interrupts that get lost, a
 * shutdown that never ends; and all of it switched on and off while commands are under way.
 */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "stack.h"

static void commands_are_not_taken(void)
{
	struct nvio_completion done;
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	stack_open(&s, d.name, NULL);
	stack_write_all(&s);
	daemon_do(&d, "stall of=1");
	stack_read(&s, 0, 7);
	CU_ASSERT_EQUAL(nvio_wait(s.qpair, &done, 1, 1, 200 * MS), -ETIMEDOUT);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 8);
	CU_ASSERT_EQUAL(stack_is_not(stack_buf(&s, 0), 0xee), 0);
	daemon_do(&d, "clear");
	stack_expect(&s, 0, 7, 8);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 0);
	stack_close_within(&s, 2 * SECOND);
	daemon_stop(&d);
}

/* Another queue pair does not notice. */
static void only_one_queue_stalls(void)
{
	struct nvio_qpair *first;
	struct nvio_completion done;
	struct stack s;

	stack_open(&s, "fault=stall+of=1", NULL);
	first = s.qpair;
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s.ctrl, NULL, &s.qpair), 0);
	stack_write_all(&s);
	CU_ASSERT_EQUAL(nvio_read(first, s.ns, stack_buf(&s, 15), 15, 1, 0, 15), 0);
	CU_ASSERT_EQUAL(nvio_submit(first), 1);
	stack_read(&s, 0, 7);
	stack_expect(&s, 0, 7, 8);
	CU_ASSERT_EQUAL(nvio_wait(first, &done, 1, 1, 50 * MS), -ETIMEDOUT);
	CU_ASSERT_EQUAL(stack_is_not(stack_buf(&s, 15), 0xee), 0);
	/* Deleting its queues is an admin command, which works: nothing is outstanding then. */
	nvio_qpair_free(first);
	stack_close_within(&s, 2 * SECOND);
}

/* Full, it says so, and goes on when it is not any more. */
static void full_queue_waits(void)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct nvio_completion done[4];
	struct daemon d;
	struct stack s;

	opts.depth = 4;
	daemon_start(&d, "stall");
	stack_open(&s, d.name, &opts);
	stack_read(&s, 0, 3);
	CU_ASSERT_EQUAL(nvio_read(s.qpair, s.ns, stack_buf(&s, 4), 4, 1, 0, 4), -EAGAIN);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 4);
	daemon_do(&d, "clear");
	CU_ASSERT_EQUAL_FATAL(nvio_wait(s.qpair, done, 4, 4, 2 * SECOND), 4);
	for (unsigned int i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(done[i].status, 0);
		/* Never written. */
		CU_ASSERT_EQUAL(stack_is_not(stack_buf(&s, i), 0), 0);
	}
	CU_ASSERT_EQUAL(stack_read_one(&s, 4), 0);
	CU_ASSERT_EQUAL(stack_is_not(stack_buf(&s, 4), 0), 0);
	stack_close_within(&s, 2 * SECOND);
	daemon_stop(&d);
}

/* Half a second later it is looked for all the same. */
static void lost_interrupts_are_made_up_for(void)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct daemon d;
	struct stack s;
	int rounds;

	opts.interrupts = true;
	daemon_start(&d, "delay time=20ms count=0");
	stack_open(&s, d.name, &opts);
	stack_write_all(&s);
	daemon_do(&d, "no-irq count=2");
	for (rounds = 0; rounds < 3; rounds++) {
		uint64_t start = now_ns(), took;

		CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
		took = now_ns() - start;
		CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, 1), 1), 0);
		CU_ASSERT(rounds == 2 || (took >= 300 * MS && took < 2 * SECOND));
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(daemon_ask(&d, "list"), "no-irq count=2 (hit 2, left 0)"));
	stack_close_within(&s, 2 * SECOND);
	daemon_stop(&d);
}

/* Who sleeps on the eventfd alone is not woken; the completion is there when it looks. */
static void lost_interrupt_does_not_signal(void)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct pollfd ready = { .events = POLLIN };
	struct stack s;

	opts.interrupts = true;
	stack_open(&s, "fault=no-irq+count=1", &opts);
	ready.fd = nvio_qpair_fd(s.qpair);
	CU_ASSERT_FATAL(ready.fd >= 0);
	stack_read(&s, 0, 0);
	CU_ASSERT_EQUAL(poll(&ready, 1, 200), 0);
	CU_ASSERT_EQUAL(stack_read_one(&s, 0), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 1);
	CU_ASSERT_EQUAL(poll(&ready, 1, 2000), 1);
	stack_close_within(&s, 2 * SECOND);
}

static void notes_warning(void *arg, enum nvio_log_level level, const char *line)
{
	char *text = arg;

	if (level == NVIO_LOG_WARN)
		snprintf(text, 256, "%s", line);
}

/* As long as a controller may take that says nothing of itself, and no longer. */
static void shutdown_never_ends(void)
{
	static char warning[256];
	uint64_t start;
	struct stack s;

	stack_open(&s, "fault=no-shutdown", NULL);
	stack_write_all(&s);
	nvio_log_set(notes_warning, warning, NVIO_LOG_WARN);
	start = now_ns();
	stack_close_within(&s, 12 * SECOND);
	CU_ASSERT(now_ns() - start >= 10 * SECOND);
	nvio_log_set(NULL, NULL, NVIO_LOG_ERROR);
	CU_ASSERT_PTR_NOT_NULL(strstr(warning, "no clean shutdown: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(warning, "still shutting down after 10"));
}

/* The next one finds a controller like any other. */
static void next_client_is_not_harmed(void)
{
	static const char *const faults[] = {
		"drop opcode=1", "duplicate opcode=2",       "cid value=99 opcode=2",
		"cfs skip=3",    "delay time=600s opcode=2", "late time=600s"
	};
	struct nvio_completion done[STACK_BUFS];
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		stack_open(&s, d.name, NULL);
		daemon_do(&d, faults[i]);
		for (unsigned int j = 0; j < STACK_BUFS; j++)
			nvio_write(s.qpair, s.ns, stack_buf(&s, j), j, 1, 0, j);
		nvio_submit(s.qpair);
		stack_read(&s, 0, 7);
		nvio_wait(s.qpair, done, STACK_BUFS, STACK_BUFS, 50 * MS);
		stack_close_within(&s, 3 * SECOND);
		daemon_do(&d, "clear");
		stack_open(&s, d.name, NULL);
		stack_write_all(&s);
		stack_read(&s, 0, STACK_BUFS - 1);
		stack_expect(&s, 0, STACK_BUFS - 1, STACK_BUFS);
		stack_close_within(&s, 2 * SECOND);
	}
	daemon_stop(&d);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "commands are not taken", commands_are_not_taken },
		{ "only one queue stalls", only_one_queue_stalls },
		{ "a full queue waits", full_queue_waits },
		{ "lost interrupts are made up for", lost_interrupts_are_made_up_for },
		{ "a lost interrupt does not signal", lost_interrupt_does_not_signal },
		{ "a shutdown never ends", shutdown_never_ends },
		{ "the next client is not harmed", next_client_is_not_harmed },
	};

	return tap_run("stalls", tests, sizeof(tests) / sizeof(tests[0]));
}
