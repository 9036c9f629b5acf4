/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Completions that are wrong, late, missing or too many, and what the library makes of them: each
 * fault with the data and the count of what was asked for. Without recovery; test_recovery.c has
 * the same faults with it.
 */
#include "stack.h"

/* A queue pair that has failed says so from then on, and nobody's memory was touched. */
static void expect_failed(struct stack *s, unsigned int outstanding)
{
	struct nvio_completion done;

	memset(&done, 0x77, sizeof(done));
	CU_ASSERT_EQUAL(nvio_wait(s->qpair, &done, 1, 1, 2 * SECOND), -EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "queue pair 1 failed: command "));
	CU_ASSERT_EQUAL(nvio_poll(s->qpair, &done, 1), -EIO);
	CU_ASSERT_EQUAL(done.user_data, 0x7777777777777777ull);
	CU_ASSERT_EQUAL(nvio_read(s->qpair, s->ns, stack_buf(s, 0), 0, 1, 0, 0), -EIO);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s->qpair), outstanding);
	stack_check_bounds(s);
}

/* After a fault: another queue pair works as ever, and the controller closes cleanly and soon. */
static void expect_sound(struct stack *s)
{
	nvio_qpair_free(s->qpair);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s->ctrl, NULL, &s->qpair), 0);
	memset(stack_buf(s, 0), 0xee, (size_t)STACK_BUFS * BLOCK);
	stack_read(s, 0, STACK_BUFS - 1);
	stack_expect(s, 0, STACK_BUFS - 1, STACK_BUFS);
	stack_close_within(s, 2 * SECOND);
}

static struct nvio_qpair_stats stats_of(const struct stack *s)
{
	struct nvio_qpair_stats stats;

	nvio_qpair_get_stats(s->qpair, &stats, sizeof(stats));
	return stats;
}

static void status_arrives(void)
{
	struct nvio_completion done[STACK_BUFS];
	unsigned int failed = 0;
	struct stack s;

	stack_open(&s, "fault=fail+status=0x4281+opcode=2+skip=5", NULL);
	stack_write_all(&s);
	stack_read(&s, 0, STACK_BUFS - 1);
	CU_ASSERT_EQUAL_FATAL(nvio_wait(s.qpair, done, STACK_BUFS, STACK_BUFS, 2 * SECOND),
			      STACK_BUFS);
	for (unsigned int i = 0; i < STACK_BUFS; i++) {
		failed += done[i].status != 0;
		CU_ASSERT_EQUAL(done[i].status, done[i].user_data == 5 ? READ_ERROR : 0);
	}
	CU_ASSERT_EQUAL(failed, 1);
	CU_ASSERT_EQUAL(stats_of(&s).errors, 1);
	CU_ASSERT_EQUAL(stats_of(&s).retries, 0);
	expect_sound(&s);
}

static void range_fails(void)
{
	struct stack s;

	stack_open(&s, "fault=fail+status=0x4281+opcode=2+lba=6-7+count=3", NULL);
	stack_write_all(&s);
	for (unsigned int i = 0; i < STACK_BUFS; i++)
		CU_ASSERT_EQUAL(stack_read_one(&s, i), i == 6 || i == 7 ? READ_ERROR : 0);
	CU_ASSERT_EQUAL(stack_read_one(&s, 7), READ_ERROR);
	CU_ASSERT_EQUAL(stack_read_one(&s, 7), 0);
	CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, 7), 7), 0);
	expect_sound(&s);
}

/* A status that allows it: as often as it takes, and no more than four times. */
static void one_that_may_pass_is_sent_again(void)
{
	struct stack s;

	stack_open(&s,
		   "fault=fail+status=0x281+lba=3+opcode=2+count=4,"
		   "fault=fail+status=0x281+lba=5+opcode=2+count=0",
		   NULL);
	stack_write_all(&s);
	CU_ASSERT_EQUAL(stack_read_one(&s, 3), 0);
	CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, 3), 3), 0);
	CU_ASSERT_EQUAL(stats_of(&s).retries, 4);
	CU_ASSERT_EQUAL(stats_of(&s).errors, 0);
	CU_ASSERT_EQUAL(stack_read_one(&s, 5), 0x281);
	CU_ASSERT_EQUAL(stats_of(&s).retries, 8);
	CU_ASSERT_EQUAL(stats_of(&s).errors, 1);
	CU_ASSERT_EQUAL(stats_of(&s).submitted, STACK_BUFS + 2 + 8);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 0);
	stack_close_within(&s, 2 * SECOND);
}

/* The others overtake it. */
static void delayed_one_arrives(void)
{
	struct nvio_completion done;
	uint64_t start;
	struct stack s;

	stack_open(&s, "fault=delay+time=200ms+opcode=2", NULL);
	stack_write_all(&s);
	start = now_ns();
	stack_read(&s, 0, 7);
	stack_expect(&s, 1, 7, 7);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 1);
	CU_ASSERT_EQUAL_FATAL(nvio_wait(s.qpair, &done, 1, 1, 2 * SECOND), 1);
	CU_ASSERT(now_ns() - start >= 200 * MS);
	CU_ASSERT_EQUAL(done.user_data, 0);
	CU_ASSERT_EQUAL(done.status, 0);
	CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, 0), 0), 0);
	expect_sound(&s);
}

/* The entry is there but does not count yet; those behind it wait for it. */
static void late_phase_is_waited_for(void)
{
	uint64_t start;
	struct stack s;

	stack_open(&s, "fault=late+time=200ms+opcode=2+skip=3", NULL);
	stack_write_all(&s);
	start = now_ns();
	stack_read(&s, 0, 7);
	stack_expect(&s, 0, 2, 3);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 5);
	stack_expect(&s, 3, 7, 5);
	CU_ASSERT(now_ns() - start >= 200 * MS);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 0);
	expect_sound(&s);
}

/* With its interrupt, which comes with the phase. */
static void late_phase_wakes_up(void)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct stack s;

	opts.interrupts = true;
	stack_open(&s, "fault=late+time=100ms+opcode=2+count=3", &opts);
	stack_write_all(&s);
	for (unsigned int i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(stack_read_one(&s, i), 0);
		CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, i), i), 0);
	}
	expect_sound(&s);
}

static void dropped_one_is_given_up(void)
{
	struct nvio_completion done;
	uint64_t start;
	struct stack s;

	stack_open(&s, "fault=drop+opcode=2", NULL);
	stack_write_all(&s);
	stack_read(&s, 0, 7);
	stack_expect(&s, 1, 7, 7);
	start = now_ns();
	CU_ASSERT_EQUAL(nvio_wait(s.qpair, &done, 1, 1, 100 * MS), -ETIMEDOUT);
	CU_ASSERT(now_ns() - start >= 100 * MS && now_ns() - start < SECOND);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 1);
	/* The queue pair goes on with one command less. */
	stack_read(&s, 8, 15);
	stack_expect(&s, 8, 15, 8);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 1);
	expect_sound(&s);
}

/* When its time is up nothing more can be said of its memory: the queue pair is at its end. */
static void dropped_one_fails_the_queue_pair_in_time(void)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	uint64_t start;
	struct stack s;

	opts.timeout_ms = 400;
	stack_open_plain(&s, "fault=drop+opcode=2", &opts);
	stack_write_all(&s);
	stack_read(&s, 0, 7);
	stack_expect(&s, 1, 7, 7);
	start = now_ns();
	expect_failed(&s, 1);
	CU_ASSERT(now_ns() - start >= 300 * MS && now_ns() - start < SECOND + SECOND / 2);
	expect_sound(&s);
}

static void duplicate_fails_the_queue_pair(void)
{
	struct stack s;

	stack_open_plain(&s, "fault=duplicate+opcode=2+skip=2", NULL);
	stack_write_all(&s);
	stack_read(&s, 0, 3);
	stack_expect(&s, 0, 2, 3);
	expect_failed(&s, 1);
	expect_sound(&s);
}

static void unknown_identifier_fails_the_queue_pair(void)
{
	static const char *const faults[] = { "fault=cid+value=0xffff+opcode=2",
					      "fault=cid+value=128+opcode=2",
					      "fault=cid+value=127+opcode=2" };
	struct stack s;

	/* Beyond all identifiers, the first beyond, and one that is not outstanding. */
	for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		stack_open_plain(&s, faults[i], NULL);
		stack_write_all(&s);
		stack_read(&s, 4, 4);
		expect_failed(&s, 1);
		expect_sound(&s);
	}
}

static void wrong_queue_fails_the_queue_pair(void)
{
	struct stack s;

	stack_open_plain(&s, "fault=queue+value=7+opcode=2", NULL);
	stack_write_all(&s);
	stack_read(&s, 4, 4);
	expect_failed(&s, 1);
	expect_sound(&s);
}

/* No layer notices; whoever keeps checksums does. */
static void flipped_bit_is_in_the_data(void)
{
	uint8_t right[BLOCK];
	struct stack s;

	stack_open(&s, "fault=flip+byte=4095+lba=3", NULL);
	stack_write_all(&s);
	CU_ASSERT_EQUAL(stack_read_one(&s, 3), 0);
	CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, 3), 3), 1);
	stack_fill(right, 3);
	CU_ASSERT_EQUAL(stack_buf(&s, 3)[4095] ^ right[4095], 1);
	expect_sound(&s);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a status arrives", status_arrives },
		{ "reads of a range fail", range_fails },
		{ "one that may pass is sent again", one_that_may_pass_is_sent_again },
		{ "a delayed one arrives", delayed_one_arrives },
		{ "a late phase is waited for", late_phase_is_waited_for },
		{ "a late phase wakes up", late_phase_wakes_up },
		{ "a dropped one is given up", dropped_one_is_given_up },
		{ "a dropped one fails the queue pair in time",
		  dropped_one_fails_the_queue_pair_in_time },
		{ "a duplicate fails the queue pair", duplicate_fails_the_queue_pair },
		{ "an unknown identifier fails the queue pair",
		  unknown_identifier_fails_the_queue_pair },
		{ "a wrong queue fails the queue pair", wrong_queue_fails_the_queue_pair },
		{ "a flipped bit is in the data", flipped_bit_is_in_the_data },
	};

	return tap_run("completions", tests, sizeof(tests) / sizeof(tests[0]));
}
