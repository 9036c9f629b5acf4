/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that fail for a while: sent again after the delay that the controller asks for, part by
 * part, with the data right in the end.
 */
#include "stack.h"

/*
 * Identify Controller, CRDT1: 300 ms, or 1.8 hours; a read error that asks for it, and one that
 * does not.
 */
#define DELAY_MS  300
#define FAILS     ",fault=fail+opcode=2+count=2+"
#define WITH_CRDT "mdts=1,fault=identify+cns=1+byte=128+value=3" FAILS
#define WITH_LONG "fault=identify+cns=1+byte=129+value=255" FAILS
#define DELAYED   "status=0xa81"
#define AT_ONCE   "status=0x281"

static struct nvio_qpair_stats stats_of(const struct stack *s)
{
	struct nvio_qpair_stats stats;

	nvio_qpair_get_stats(s->qpair, &stats, sizeof(stats));
	return stats;
}

/* A read of so many blocks, from beginning to end. Returns milliseconds. */
static int64_t read_blocks(struct stack *s, uint32_t nr)
{
	const uint64_t start = now_ns();
	struct nvio_completion done = { 0 };

	CU_ASSERT_EQUAL(nvio_read(s->qpair, s->ns, stack_buf(s, 0), 0, nr, 0, 7), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s->qpair), 1);
	CU_ASSERT_EQUAL(nvio_wait(s->qpair, &done, 1, 1, 20 * SECOND), 1);
	CU_ASSERT_EQUAL(done.user_data, 7);
	CU_ASSERT_EQUAL(done.status, 0);
	for (uint32_t i = 0; i < nr; i++)
		CU_ASSERT_EQUAL(stack_differs(stack_buf(s, i), i), 0);
	return (int64_t)(now_ns() - start) / MS;
}

/* With completions polled for, and with interrupts to wait for. */
static void check_with(const char *options, uint32_t timeout_ms, uint32_t nr, int64_t least_ms)
{
	for (int interrupts = 0; interrupts < 2; interrupts++) {
		struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
		struct stack s;

		opts.interrupts = interrupts;
		opts.timeout_ms = timeout_ms;
		stack_open(&s, options, &opts);
		stack_write_all(&s);
		CU_ASSERT_TRUE(read_blocks(&s, nr) >= least_ms);
		CU_ASSERT_EQUAL(stats_of(&s).retries, 2);
		CU_ASSERT_EQUAL(stats_of(&s).errors, 0);
		CU_ASSERT_EQUAL(stats_of(&s).submitted, stats_of(&s).completed);
		stack_close(&s);
	}
}

static void check(const char *options, uint32_t nr, int64_t least_ms)
{
	check_with(options, 0, nr, least_ms);
}

static void after_the_delay(void)
{
	check(WITH_CRDT DELAYED, 1, 2 * DELAY_MS);
}

static void at_once(void)
{
	check(WITH_CRDT AT_ONCE, 1, 0);
}

/* Two blocks to a command: the first two parts fail, and wait at the same time. */
static void parts_of_a_request(void)
{
	check(WITH_CRDT DELAYED, STACK_BUFS, DELAY_MS);
}

/* The caller is not kept waiting for longer than a command may take. */
static void not_for_hours(void)
{
	check_with(WITH_LONG DELAYED, DELAY_MS, 1, 2 * DELAY_MS);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "after the delay", after_the_delay },
		{ "at once", at_once },
		{ "not for hours", not_for_hours },
		{ "parts of a request", parts_of_a_request },
	};

	return tap_run("io_retry", tests, sizeof(tests) / sizeof(tests[0]));
}
