/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Controllers that do not become ready, stop, are slow, or lie in Identify: how opening, waiting
 * and admin commands end, and what is said of it.
 */
#include <stdio.h>
#include <unistd.h>

#include "stack.h"

#define ADMIN_GET_LOG 0x02
#define ADMIN_AER     0x0c
#define LOG_SMART     2u

static bool said(const char *text)
{
	bool it_was = strstr(nvio_last_error(), text) != NULL;

	if (!it_was)
		printf("# not \"%s\": %s\n", text, nvio_last_error());
	return it_was;
}

/* Opening fails so, with these words, and within two seconds more than the time it was given. */
static void expect_refused(const char *fault, uint32_t timeout_ms, int err, const char *says)
{
	struct nvio_ctrl_opts opts = stack_opts();
	uint64_t start = now_ns();

	opts.admin_timeout_ms = timeout_ms;
	opts.ready_timeout_ms = timeout_ms;
	CU_ASSERT_EQUAL(stack_try(fault, &opts), err);
	CU_ASSERT(said(says));
	CU_ASSERT(now_ns() - start < (timeout_ms + 2000ull) * (uint64_t)MS);
}

static void never_ready_times_out(void)
{
	uint64_t start = now_ns();

	expect_refused("fault=no-ready", 300, -ETIMEDOUT, "still enabling after 3");
	CU_ASSERT(now_ns() - start >= 300 * MS);
	/* Its own figure, without one of ours. */
	start = now_ns();
	CU_ASSERT_EQUAL(stack_try("to=500,fault=no-ready", NULL), -ETIMEDOUT);
	CU_ASSERT(now_ns() - start >= 500 * MS && now_ns() - start < 3 * SECOND);
}

static void fatal_from_the_start_is_refused(void)
{
	expect_refused("fault=cfs", 2000, -EIO, "reports a fatal status while it is enabled");
}

static void fatal_at_an_admin_command_is_noticed(void)
{
	uint64_t start = now_ns();

	expect_refused("fault=cfs+of=0+skip=1", 30000, -EIO, "reports a fatal status (CSTS 0x3)");
	CU_ASSERT(now_ns() - start < 2 * SECOND);
}

/* The wait ends long before its time, and so do admin commands and the end. */
static void fatal_in_the_middle_ends_the_wait(void)
{
	struct nvio_sqe log = { .opcode = ADMIN_GET_LOG, .nsid = 0xffffffff };
	struct nvio_completion done[STACK_BUFS];
	uint8_t page[512];
	uint64_t start;
	struct stack s;

	log.cdw10 = LOG_SMART | (sizeof(page) / 4 - 1) << 16;
	stack_open_plain(&s, "fault=cfs+opcode=2+skip=4", NULL);
	stack_write_all(&s);
	start = now_ns();
	stack_read(&s, 0, 7);
	stack_expect(&s, 0, 3, 4);
	CU_ASSERT_EQUAL(nvio_wait(s.qpair, done, 1, STACK_BUFS, 60 * SECOND), -EIO);
	CU_ASSERT(said("reports a fatal status (CSTS 0x3)"));
	CU_ASSERT(now_ns() - start < 5 * SECOND);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 4);
	/* Whoever asks later is told the same. */
	CU_ASSERT_EQUAL(nvio_read(s.qpair, s.ns, stack_buf(&s, 0), 0, 1, 0, 0), -EIO);
	CU_ASSERT(said("queue pair 1 failed: ") && said("reports a fatal status (CSTS 0x3)"));
	CU_ASSERT_EQUAL(nvio_admin(s.ctrl, &log, page, sizeof(page), NULL), -EIO);
	stack_close_within(&s, 3 * SECOND);
}

/* While it waits for what is under way, and the next client has a sound controller again. */
static void fatal_at_run_time_ends_the_wait(void)
{
	struct nvio_completion done[STACK_BUFS];
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	stack_open_plain(&s, d.name, NULL);
	stack_write_all(&s);
	daemon_do(&d, "stall");
	stack_read(&s, 0, 7);
	daemon_do(&d, "cfs");
	CU_ASSERT_PTR_NOT_NULL(strstr(daemon_ask(&d, "status"), "state=fatal client=yes"));
	CU_ASSERT_EQUAL(nvio_wait(s.qpair, done, 1, STACK_BUFS, 60 * SECOND), -EIO);
	CU_ASSERT(said("reports a fatal status (CSTS 0x3)"));
	CU_ASSERT_EQUAL(stack_is_not(stack_buf(&s, 0), 0xee), 0);
	stack_close_within(&s, 3 * SECOND);
	daemon_do(&d, "clear");
	stack_open(&s, d.name, NULL);
	stack_read(&s, 0, 7);
	stack_expect(&s, 0, 7, 8);
	stack_close_within(&s, 2 * SECOND);
	daemon_stop(&d);
}

static void slow_admin_queue_is_waited_for(void)
{
	uint64_t start = now_ns();
	struct stack s;

	/* Four commands to open and two for a queue pair at least. */
	stack_open(&s, "fault=delay+of=0+time=50ms+count=0", NULL);
	CU_ASSERT(now_ns() - start >= 300 * MS);
	stack_write_all(&s);
	stack_read(&s, 0, 7);
	stack_expect(&s, 0, 7, 8);
	stack_close_within(&s, 3 * SECOND);
}

static void admin_queue_that_is_too_slow_times_out(void)
{
	expect_refused("fault=delay+of=0+time=600s", 200, -ETIMEDOUT,
		       "admin command 0x06 unanswered after 2");
	expect_refused("fault=drop+of=0+opcode=9+skip=1", 200, -ETIMEDOUT,
		       "admin command 0x09 unanswered after 2");
	expect_refused("fault=stall+of=0", 200, -ETIMEDOUT,
		       "admin command 0x06 unanswered after 2");
}

/* After a command that got no answer, none is sent any more, and the answer that comes after all
 * hurts nobody. */
static void admin_answer_comes_too_late(void)
{
	struct nvio_sqe log = { .opcode = ADMIN_GET_LOG, .nsid = 0xffffffff };
	struct nvio_ctrl_opts opts = stack_opts();
	struct nvio_ctrl *ctrl;
	uint8_t page[512];

	log.cdw10 = LOG_SMART | (sizeof(page) / 4 - 1) << 16;
	opts.admin_timeout_ms = 100;
	opts.no_recovery = true;
	CU_ASSERT_EQUAL_FATAL(
		nvio_ctrl_open("emu:fault=delay+of=0+opcode=2+time=200ms", &opts, &ctrl), 0);
	memset(page, 0x77, sizeof(page));
	CU_ASSERT_EQUAL(nvio_admin(ctrl, &log, page, sizeof(page), NULL), -ETIMEDOUT);
	CU_ASSERT_EQUAL(nvio_admin(ctrl, &log, page, sizeof(page), NULL), -EIO);
	CU_ASSERT(said("takes no more commands after an earlier failure"));
	usleep(150000);
	for (unsigned int i = 0; i < sizeof(page); i++)
		CU_ASSERT_EQUAL_FATAL(page[i], 0x77);
	nvio_ctrl_close(ctrl);
}

static void refused_admin_command_names_itself(void)
{
	expect_refused("fault=fail+status=0x6+of=0+opcode=6", 2000, -EIO,
		       "Identify Controller failed: internal");
	expect_refused("fault=fail+status=0x2+of=0+opcode=9+count=2", 2000, -EIO,
		       "Set Features (Number of Queues) failed");
}

static void wrong_answer_of_the_admin_queue_is_refused(void)
{
	expect_refused("fault=cid+of=0+value=30", 2000, -EIO, "queue pair 0 failed");
	expect_refused("fault=cid+of=0+value=0xffff", 2000, -EIO, "queue pair 0 failed");
}

/* An event that happened before its request is told of at once. */
static void event_completes_a_request(void)
{
	struct nvio_sqe aer = { .opcode = ADMIN_AER };
	uint32_t result = 0;
	struct stack s;

	stack_open(&s, "fault=aen+type=1+info=2+log=2", NULL);
	CU_ASSERT_EQUAL(nvio_admin(s.ctrl, &aer, NULL, 0, &result), 0);
	CU_ASSERT_EQUAL(result, 0x020201);
	stack_write_all(&s);
	stack_read(&s, 0, 7);
	stack_expect(&s, 0, 7, 8);
	stack_close(&s);
}

/* Whether the device would take it is another question. */
static void token_that_is_no_uuid_is_refused(void)
{
	static const char *const tokens[] = { "", "secret", "01234567-89ab-cdef-0123-456789abcde",
					      "01234567-89ab-cdef-0123-456789abcdef0" };
	struct nvio_ctrl_opts opts = stack_opts();
	struct stack s;

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		opts.vf_token = tokens[i];
		CU_ASSERT_EQUAL(stack_try("", &opts), -EINVAL);
		CU_ASSERT(said("is no UUID such as"));
		CU_ASSERT(said(tokens[i]));
	}
	opts.vf_token = "01234567-89ab-cdef-0123-456789abcdef";
	stack_open_with(&s, "", &opts, NULL);
	stack_write_all(&s);
	stack_close(&s);
}

/* Who cannot hand something over still has it. */
static void not_handed_over(void)
{
	struct stack s;
	int fd = -1;

	stack_open(&s, "", NULL);
	stack_write_all(&s);
	CU_ASSERT_EQUAL(nvio_ctrl_hand_over(s.ctrl), -ENOTSUP);
	CU_ASSERT(said("only devices of the kernel's VFIO"));
	CU_ASSERT_EQUAL(nvio_device_hand_over(nvio_ctrl_device(s.ctrl)), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_iommu_hand_over(nvio_ctrl_iommu(s.ctrl), &fd), -EBUSY);
	CU_ASSERT_EQUAL(fd, -1);
	stack_read(&s, 0, 7);
	stack_expect(&s, 0, 7, 8);
	stack_close(&s);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "one that is never ready times out", never_ready_times_out },
		{ "one that is fatal from the start is refused", fatal_from_the_start_is_refused },
		{ "fatal at an admin command is noticed", fatal_at_an_admin_command_is_noticed },
		{ "fatal in the middle ends the wait", fatal_in_the_middle_ends_the_wait },
		{ "fatal at run time ends the wait", fatal_at_run_time_ends_the_wait },
		{ "a slow admin queue is waited for", slow_admin_queue_is_waited_for },
		{ "an admin queue that is too slow times out",
		  admin_queue_that_is_too_slow_times_out },
		{ "an admin answer comes too late", admin_answer_comes_too_late },
		{ "a refused admin command names itself", refused_admin_command_names_itself },
		{ "a wrong answer of the admin queue is refused",
		  wrong_answer_of_the_admin_queue_is_refused },
		{ "an event completes a request", event_completes_a_request },
		{ "a token that is no UUID is refused", token_that_is_no_uuid_is_refused },
		{ "one in software is not handed over", not_handed_over },
	};

	return tap_run("controller", tests, sizeof(tests) / sizeof(tests[0]));
}
