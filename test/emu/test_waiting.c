/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting by interrupt: what it costs, and what it notices besides interrupts.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <valgrind/valgrind.h>

#include "stack.h"

/* The retry delay 1 of Identify Controller is 100 ms, and the first read fails with that delay. */
#define RETRY_IN_100_MS \
	"fault=identify+cns=1+byte=128+value=1,fault=fail+status=0x806+opcode=2+count=1"

/* The loop of a program, over one queue pair, without what else it would sleep on. */
static int loop(struct nvio_qpair *qpair, struct nvio_completion *done, int max, uint64_t ns)
{
	uint64_t start = now_ns();
	int n = 0;

	while (!n && now_ns() - start < ns) {
		int64_t left = nvio_qpair_timeout(qpair);

		stack_is_readable(qpair, left < 0 ? 100 : (int)((left + MS - 1) / MS));
		nvio_qpair_arm(qpair);
		n = nvio_poll(qpair, done, max);
	}
	return n;
}

/* The two ways to wait for a command. */
static int wait_in_library(struct nvio_qpair *qpair, struct nvio_completion *done)
{
	return nvio_wait(qpair, done, 1, 1, 2 * SECOND);
}

static int wait_in_loop(struct nvio_qpair *qpair, struct nvio_completion *done)
{
	return loop(qpair, done, 1, 2 * SECOND);
}

static int (*const waits[])(struct nvio_qpair *qpair, struct nvio_completion *done) = {
	wait_in_library,
	wait_in_loop,
};

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

static long sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

/* A command is held back for longer than a second, of which the thread works a hundredth at most.
 */
static void asleep_it_uses_no_processor(void)
{
	struct nvio_qpair_opts opts = stack_by_interrupt();
	struct nvio_completion done;
	uint64_t start, cpu;
	struct stack s;

	stack_open(&s, "fault=delay+opcode=2+time=1500ms+count=2", &opts);
	stack_write_all(&s);
	stack_read(&s, 0, 0);
	start = now_ns();
	cpu = cpu_ns();
	CU_ASSERT_EQUAL(nvio_wait(s.qpair, &done, 1, 1, SECOND), -ETIMEDOUT);
	cpu = cpu_ns() - cpu;
	CU_ASSERT(now_ns() - start >= (uint64_t)SECOND);
	CU_ASSERT(cpu < 10 * MS);
	printf("# asleep for a second in nvio_wait(): %llu us of processor\n",
	       (unsigned long long)cpu / 1000);
	stack_expect(&s, 0, 0, 1);

	/* The same in a loop, which looks after things twice a second. */
	stack_read(&s, 1, 1);
	cpu = cpu_ns();
	CU_ASSERT_EQUAL(loop(s.qpair, &done, 1, SECOND), 0);
	cpu = cpu_ns() - cpu;
	CU_ASSERT(cpu < 10 * MS);
	printf("# and in a loop: %llu us\n", (unsigned long long)cpu / 1000);
	stack_expect(&s, 1, 1, 1);
	stack_close(&s);
}

/* Time and sleeps of 200 reads, one after the other. */
static void read_often(struct stack *s, uint64_t *wall, uint64_t *cpu, long *slept)
{
	*wall = now_ns();
	*cpu = cpu_ns();
	*slept = sleeps();
	for (int i = 0; i < 200; i++)
		CU_ASSERT_EQUAL_FATAL(stack_read_one(s, 0), 0);
	*wall = now_ns() - *wall;
	*cpu = cpu_ns() - *cpu;
	*slept = sleeps() - *slept;
}

/* There threads take turns, so that who spins keeps the controller from working. */
static bool is_under_valgrind(void)
{
	if (!RUNNING_ON_VALGRIND)
		return false;
	CU_PASS("spinning cannot be watched under valgrind");
	return true;
}

static void spins_as_long_as_it_pays(void)
{
	struct nvio_qpair_opts opts = stack_by_interrupt();
	uint64_t wall, cpu;
	struct stack s;
	long slept;

	if (is_under_valgrind())
		return;
	/* Completions within the time: it hardly ever sleeps. */
	opts.spin_ns = 20 * MS;
	stack_open(&s, "latency=300us", &opts);
	read_often(&s, &wall, &cpu, &slept);
	CU_ASSERT(slept < 50);
	stack_close(&s);

	/* Without spinning it always does. */
	opts.spin_ns = NVIO_NO_SPIN;
	stack_open(&s, "latency=300us", &opts);
	read_often(&s, &wall, &cpu, &slept);
	CU_ASSERT(slept > 150);
	stack_close(&s);

	/* Too late for it: spinning each time would be half of the time. */
	opts.spin_ns = MS;
	stack_open(&s, "latency=2ms", &opts);
	read_often(&s, &wall, &cpu, &slept);
	CU_ASSERT(slept > 150);
	CU_ASSERT(wall >= 200 * 2 * MS);
	CU_ASSERT(cpu < 200 * 2 * MS / 8);
	stack_close(&s);
}

/* Waits were too long for it, and are not any more. */
static void spins_again(void)
{
	struct nvio_qpair_opts opts = stack_by_interrupt();
	uint64_t wall, cpu;
	struct stack s;
	long slept;

	if (is_under_valgrind())
		return;
	opts.spin_ns = 10 * MS;
	stack_open(&s, "latency=300us,fault=delay+opcode=2+time=40ms+count=30", &opts);
	for (int i = 0; i < 30; i++)
		CU_ASSERT_EQUAL_FATAL(stack_read_one(&s, 0), 0);
	read_often(&s, &wall, &cpu, &slept);
	read_often(&s, &wall, &cpu, &slept);
	CU_ASSERT(slept < 50);
	stack_close(&s);
}

static void sends_again_in_time(void)
{
	struct nvio_qpair_opts opts = stack_by_interrupt();
	struct nvio_completion done;
	uint64_t start;
	struct stack s;

	for (int i = 0; i < 2; i++) {
		stack_open(&s, RETRY_IN_100_MS, &opts);
		stack_write_all(&s);
		stack_read(&s, 3, 3);
		start = now_ns();
		CU_ASSERT_EQUAL(waits[i](s.qpair, &done), 1);
		start = now_ns() - start;
		CU_ASSERT(start >= 100 * MS);
		CU_ASSERT(start < 2 * SECOND);
		CU_ASSERT_EQUAL(done.status, 0);
		CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, 3), 3), 0);
		stack_close(&s);
	}
}

/* A command's deadline passes while the thread sleeps. */
static void notices_what_is_late(void)
{
	struct nvio_qpair_opts opts = stack_by_interrupt();
	struct nvio_completion done;
	uint64_t start;
	struct stack s;

	opts.timeout_ms = 200;
	for (int i = 0; i < 2; i++) {
		stack_open_plain(&s, "fault=drop+opcode=2+count=1", &opts);
		stack_read(&s, 0, 0);
		start = now_ns();
		CU_ASSERT_EQUAL(waits[i](s.qpair, &done), -EIO);
		start = now_ns() - start;
		CU_ASSERT(start >= 200 * MS);
		CU_ASSERT(start < 2 * SECOND);
		stack_close(&s);
	}
}

static void wait_until_there(struct nvio_qpair *qpair)
{
	uint64_t start = now_ns();

	while (nvio_qpair_timeout(qpair) && now_ns() - start < (uint64_t)SECOND)
		;
}

static void tells_how_long_to_sleep(void)
{
	struct nvio_qpair_opts opts = stack_by_interrupt();
	struct nvio_completion done;
	struct stack s;

	opts.timeout_ms = 80;
	stack_open(&s, "fault=delay+opcode=2+time=50ms+count=1", &opts);
	CU_ASSERT_EQUAL(nvio_qpair_timeout(s.qpair), -1);
	CU_ASSERT_EQUAL(nvio_read(s.qpair, s.ns, stack_buf(&s, 0), 0, 1, 0, 0), 0);
	CU_ASSERT_EQUAL(nvio_qpair_timeout(s.qpair), 0);
	CU_ASSERT_EQUAL(nvio_submit(s.qpair), 1);
	/* An eighth of the command's deadline. */
	CU_ASSERT_EQUAL(nvio_qpair_timeout(s.qpair), 10 * MS);
	wait_until_there(s.qpair);
	CU_ASSERT_EQUAL(nvio_qpair_timeout(s.qpair), 0);
	CU_ASSERT_EQUAL(nvio_poll(s.qpair, &done, 1), 1);
	CU_ASSERT_EQUAL(nvio_qpair_timeout(s.qpair), -1);
	stack_close(&s);
}

static void count_missing_interrupts(void *arg, enum nvio_log_level level, const char *line)
{
	if (level == NVIO_LOG_WARN &&
	    strstr(line, "queue pair 1: a command was completed without an interrupt"))
		++*(int *)arg;
}

static void makes_up_for_a_lost_interrupt(void)
{
	struct nvio_qpair_opts opts = stack_by_interrupt();
	struct stack s;
	uint64_t start;
	int nr_told = 0;

	opts.spin_ns = NVIO_NO_SPIN;
	stack_open(&s, "latency=5ms,fault=no-irq+skip=16+count=1", &opts);
	for (unsigned int i = 0; i < STACK_BUFS; i++)
		CU_ASSERT_EQUAL(stack_read_one(&s, i), 0);
	nvio_log_set(count_missing_interrupts, &nr_told, NVIO_LOG_WARN);
	start = now_ns();
	CU_ASSERT_EQUAL(stack_read_one(&s, 0), 0);
	start = now_ns() - start;
	CU_ASSERT(start >= 400 * MS && start < 3 * SECOND);
	CU_ASSERT_EQUAL(nr_told, 1);
	CU_ASSERT_EQUAL(stack_read_one(&s, 0), 0);
	CU_ASSERT_EQUAL(nr_told, 1);
	nvio_log_set(NULL, NULL, NVIO_LOG_ERROR);
	stack_close(&s);
}

/*
 * A completion that a look finds is handed over within the time that the caller gave, though that
 * is too short to tell a lost interrupt from a late one. When the next is lost, too, it is told of.
 */
static void does_not_hold_up_for_it(void)
{
	struct nvio_qpair_opts opts = stack_by_interrupt();
	const int64_t timeout = 700 * MS;
	struct nvio_completion done;
	unsigned int in_time = 0;
	struct stack s;
	int nr_told = 0;

	opts.spin_ns = NVIO_NO_SPIN;
	stack_open(&s, "latency=5ms,fault=no-irq+skip=16", &opts);
	for (unsigned int i = 0; i < STACK_BUFS; i++) {
		stack_fill(stack_buf(&s, i), i);
		CU_ASSERT_EQUAL(nvio_write(s.qpair, s.ns, stack_buf(&s, i), i, 1, 0, i), 0);
		CU_ASSERT_EQUAL(nvio_submit(s.qpair), 1);
		CU_ASSERT_EQUAL_FATAL(nvio_wait(s.qpair, &done, 1, 1, 20 * SECOND), 1);
		CU_ASSERT_EQUAL(done.status, 0);
		memset(stack_buf(&s, i), 0xee, BLOCK);
	}
	nvio_log_set(count_missing_interrupts, &nr_told, NVIO_LOG_WARN);
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t start = now_ns();

		stack_read(&s, i, i);
		CU_ASSERT_EQUAL_FATAL(nvio_wait(s.qpair, &done, 1, 1, timeout), 1);
		in_time += now_ns() - start < (uint64_t)timeout + 100 * MS;
		CU_ASSERT_EQUAL(done.user_data, i);
		CU_ASSERT_EQUAL(done.status, 0);
		CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, i), i), 0);
	}
	/* The machine may stand still for one or two; being held up is for each of them. */
	CU_ASSERT(in_time >= 2);
	CU_ASSERT(nr_told >= 1 && nr_told <= 2);
	nvio_log_set(NULL, NULL, NVIO_LOG_ERROR);
	stack_close(&s);
}

/* What ends because the device is gone has no interrupt to miss. */
static void tells_gone_from_late(void)
{
	struct nvio_qpair_opts opts = stack_by_interrupt();
	struct nvio_completion done;
	int nr_told = 0;
	struct daemon d;
	struct stack s;

	nvio_log_set(count_missing_interrupts, &nr_told, NVIO_LOG_WARN);
	daemon_start(&d, "stall of=1");
	stack_open(&s, d.name, &opts);
	stack_read(&s, 0, 0);
	daemon_do(&d, "gone");
	CU_ASSERT_EQUAL(nvio_wait(s.qpair, &done, 1, 1, 2 * SECOND), 1);
	CU_ASSERT_NOT_EQUAL(done.status, 0);
	CU_ASSERT_EQUAL(nr_told, 0);
	stack_close_within(&s, 2 * SECOND);
	nvio_log_set(NULL, NULL, NVIO_LOG_ERROR);
	daemon_stop(&d);
}

/* The server dies while a program sleeps on the descriptor. */
static void wakes_up_when_the_device_goes(void)
{
	struct nvio_qpair_opts opts = stack_by_interrupt();
	struct nvio_completion done[4];
	struct daemon d;
	struct stack s;

	daemon_start(&d, "stall of=1");
	stack_open(&s, d.name, &opts);
	stack_read(&s, 0, 3);
	CU_ASSERT_FALSE(stack_is_readable(s.qpair, 50));
	daemon_kill(&d);
	CU_ASSERT_TRUE(stack_is_readable(s.qpair, 2000));
	CU_ASSERT_EQUAL(nvio_qpair_arm(s.qpair), 1);
	CU_ASSERT_EQUAL(nvio_poll(s.qpair, done, 4), 4);
	for (int i = 0; i < 4; i++)
		CU_ASSERT_NOT_EQUAL(done[i].status, 0);
	CU_ASSERT_EQUAL(nvio_poll(s.qpair, done, 4), -ENODEV);
	CU_ASSERT_FALSE(stack_is_readable(s.qpair, 0));
	stack_close_within(&s, 2 * SECOND);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "asleep, it uses no processor", asleep_it_uses_no_processor },
		{ "spins as long as it pays", spins_as_long_as_it_pays },
		{ "spins again", spins_again },
		{ "sends again in time", sends_again_in_time },
		{ "notices what is late", notices_what_is_late },
		{ "tells how long to sleep", tells_how_long_to_sleep },
		{ "makes up for a lost interrupt", makes_up_for_a_lost_interrupt },
		{ "does not hold up for it", does_not_hold_up_for_it },
		{ "tells gone from late", tells_gone_from_late },
		{ "wakes up when the device goes", wakes_up_when_the_device_goes },
	};

	return tap_run("waiting", tests, sizeof(tests) / sizeof(tests[0]));
}
