/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keep alive: a controller that stops when it hears nothing goes on, whatever the application does
 * meanwhile.
 */
#include <sys/resource.h>
#include <time.h>

#include "stack.h"

#define ADMIN_SET          0x09
#define ADMIN_GET          0x0a
#define FEATURE_KEEP_ALIVE 0x0f

static void nap(int64_t ns)
{
	struct timespec ts = { .tv_sec = ns / SECOND, .tv_nsec = ns % SECOND };

	nanosleep(&ts, NULL);
}

static uint32_t timer(struct stack *s)
{
	struct nvio_sqe sqe = { .opcode = ADMIN_GET, .cdw10 = FEATURE_KEEP_ALIVE };
	uint32_t value = 77;

	CU_ASSERT_EQUAL(nvio_admin(s->ctrl, &sqe, NULL, 0, &value), 0);
	return value;
}

static uint64_t nr_resets(struct stack *s)
{
	struct nvio_ctrl_stats stats = { 0 };

	nvio_ctrl_get_stats(s->ctrl, &stats, sizeof(stats));
	return stats.controller_resets;
}

/* What the controller does without: else the tests below say nothing. */
static void stops(void)
{
	struct nvio_sqe sqe = { .opcode = ADMIN_SET, .cdw10 = FEATURE_KEEP_ALIVE, .cdw11 = 1000 };
	struct stack s;

	stack_open(&s, "", NULL);
	CU_ASSERT_EQUAL(timer(&s), 0);
	stack_write_all(&s);
	CU_ASSERT_EQUAL(nvio_admin(s.ctrl, &sqe, NULL, 0, NULL), 0);
	nap(1500 * MS);
	CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
	CU_ASSERT_EQUAL(nr_resets(&s), 1);
	stack_close_within(&s, 3 * SECOND);
}

/* Its timer runs from the start on. */
static void the_controller_wants_it(void)
{
	struct stack s;

	stack_open(&s, "kato=1500", NULL);
	CU_ASSERT_EQUAL(timer(&s), 1500);
	stack_write_all(&s);
	nap(3500 * MS);
	CU_ASSERT_EQUAL(nr_resets(&s), 0);
	CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
	CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
	nap(3500 * MS);
	CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
	CU_ASSERT_EQUAL(nr_resets(&s), 1);
	stack_close_within(&s, SECOND);
}

/* Rounded up to what the controller knows. */
static void the_application_wants_it(void)
{
	struct nvio_ctrl_opts opts = stack_opts();
	struct stack s;

	opts.keep_alive_ms = 1600;
	stack_open_with(&s, "", &opts, NULL);
	CU_ASSERT_EQUAL(timer(&s), 2000);
	stack_write_all(&s);
	nap(4500 * MS);
	CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
	CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
	CU_ASSERT_EQUAL(timer(&s), 2000);
	nap(4500 * MS);
	CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
	CU_ASSERT_EQUAL(nr_resets(&s), 1);
	stack_close_within(&s, SECOND);
}

static void nobody_wants_it(void)
{
	struct nvio_ctrl_opts opts = stack_opts();
	struct stack s;

	opts.keep_alive_ms = NVIO_NO_KEEP_ALIVE;
	stack_open_with(&s, "kato=300", &opts, NULL);
	CU_ASSERT_EQUAL(timer(&s), 0);
	stack_write_all(&s);
	nap(SECOND);
	CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
	CU_ASSERT_EQUAL(nr_resets(&s), 0);
	stack_close_within(&s, SECOND);
}

/* Who waits for an admin command that takes long keeps everybody else from sending any. */
static void a_long_command(void)
{
	struct nvio_ctrl_opts opts = stack_opts();
	struct stack s;

	opts.admin_timeout_ms = 30000;
	stack_open_with(&s, "kato=1000,fault=delay+of=0+opcode=10+time=3s+skip=2", &opts, NULL);
	stack_write_all(&s);
	CU_ASSERT_EQUAL(timer(&s), 1000);
	CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
	CU_ASSERT_EQUAL(nr_resets(&s), 0);
	stack_close_within(&s, SECOND);
}

/* While its controller rests there is nothing to be kept alive: its thread sleeps. */
static void while_it_rests(void)
{
	struct nvio_idle_opts idle = NVIO_IDLE_OPTS;
	struct nvio_idle_info info = { 0 };
	struct rusage before, after;
	struct stack s;

	idle.idle_ms = 100;
	idle.kind = NVIO_IDLE_SHUTDOWN;
	stack_open(&s, "kato=2000", NULL);
	stack_write_all(&s);
	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_idle(s.ctrl, &idle), 0);
	for (int i = 0; i < 100 && !info.rests; i++) {
		nap(50 * MS);
		nvio_ctrl_get_idle(s.ctrl, &info, sizeof(info));
	}
	CU_ASSERT_TRUE(info.rests);
	nap(500 * MS);
	getrusage(RUSAGE_SELF, &before);
	nap(SECOND);
	getrusage(RUSAGE_SELF, &after);
	printf("# %ld sleeps in a second\n", after.ru_nvcsw - before.ru_nvcsw);
	CU_ASSERT(after.ru_nvcsw - before.ru_nvcsw < 600);
	CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
	stack_close_within(&s, 3 * SECOND);
}

/* It answers no keep alive: it is reset, although nobody uses it. */
static void unanswered(void)
{
	uint64_t end = now_ns() + 10 * SECOND;
	struct stack s;

	stack_open(&s, "kato=300,fault=drop+of=0+opcode=24+skip=2", NULL);
	stack_write_all(&s);
	while (!nr_resets(&s) && now_ns() < end)
		nap(10 * MS);
	CU_ASSERT_EQUAL(nr_resets(&s), 1);
	CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
	stack_close_within(&s, SECOND);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a controller stops when it hears nothing", stops },
		{ "the controller wants it", the_controller_wants_it },
		{ "the application wants it", the_application_wants_it },
		{ "nobody wants it", nobody_wants_it },
		{ "during a long command", a_long_command },
		{ "while it rests", while_it_rests },
		{ "without an answer", unanswered },
	};

	return tap_run("keep alive", tests, sizeof(tests) / sizeof(tests[0]));
}
