/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose the signals are where a controller has fewer interrupt vectors than queue pairs.
 */
#include <errno.h>

#include "stack.h"

#define SHARERS 4

static void open_sharers(struct stack *s, const char *options, struct nvio_qpair **qpairs)
{
	struct nvio_qpair_opts opts = stack_by_interrupt();

	stack_open(s, options, NULL);
	stack_write_all(s);
	for (int i = 0; i < SHARERS; i++) {
		CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s->ctrl, &opts, &qpairs[i]), 0);
		/* The admin queue's completions are on its vector. */
		nvio_qpair_arm(qpairs[i]);
	}
}

/* A read on one of them makes readable the ones that @mask says; all then take their signal. */
static void signals_go_to(struct stack *s, struct nvio_qpair **qpairs, int nr, unsigned int mask)
{
	struct nvio_completion done;

	for (int i = 0; i < SHARERS; i++)
		nvio_qpair_arm(qpairs[i]);
	CU_ASSERT_EQUAL(nvio_read(qpairs[nr], s->ns, stack_buf(s, 5), 5, 1, 0, 5), 0);
	CU_ASSERT_EQUAL(nvio_submit(qpairs[nr]), 1);
	CU_ASSERT_TRUE(stack_is_readable(qpairs[nr], 2000));
	/* The owner comes last. */
	for (int i = 1; i <= SHARERS; i++) {
		int at = (nr + i) % SHARERS;
		int shares = (int)(mask >> at & 1);

		CU_ASSERT_EQUAL(stack_is_readable(qpairs[at], shares ? 2000 : 0), shares);
		CU_ASSERT_EQUAL(nvio_qpair_arm(qpairs[at]), shares);
		CU_ASSERT_FALSE(stack_is_readable(qpairs[at], 0));
		CU_ASSERT_EQUAL(nvio_poll(qpairs[at], &done, 1), at == nr);
	}
	CU_ASSERT_EQUAL(done.user_data, 5);
	CU_ASSERT_EQUAL(done.status, 0);
	CU_ASSERT_EQUAL(stack_differs(stack_buf(s, 5), 5), 0);
	memset(stack_buf(s, 5), 0xee, BLOCK);
}

/* The admin queue has the first vector for itself, and the second is theirs. */
static void signals_reach_all_that_share(void)
{
	struct nvio_qpair *qpairs[SHARERS];
	struct stack s;

	open_sharers(&s, "vectors=2", qpairs);
	for (int i = 0; i < SHARERS; i++)
		signals_go_to(&s, qpairs, i, 0xf);
	stack_close(&s);
}

static void vectors_are_shared_evenly(void)
{
	struct nvio_qpair_opts opts = stack_by_interrupt();
	struct nvio_qpair *qpairs[SHARERS];
	struct stack s;

	open_sharers(&s, "vectors=3", qpairs);
	for (int i = 0; i < SHARERS; i++)
		signals_go_to(&s, qpairs, i, i % 2 ? 0xa : 0x5);
	/* One is left on either vector; the next two make pairs of them again. */
	nvio_qpair_free(qpairs[0]);
	nvio_qpair_free(qpairs[3]);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s.ctrl, &opts, &qpairs[0]), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s.ctrl, &opts, &qpairs[3]), 0);
	for (int i = 0; i < SHARERS; i++)
		signals_go_to(&s, qpairs, i, i == 0 || i == 2 ? 0x5 : 0xa);
	/* A vector that nobody had any more serves again. */
	nvio_qpair_free(qpairs[0]);
	nvio_qpair_free(qpairs[2]);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s.ctrl, &opts, &qpairs[0]), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s.ctrl, &opts, &qpairs[2]), 0);
	for (int i = 0; i < SHARERS; i++)
		signals_go_to(&s, qpairs, i, i == 0 || i == 2 ? 0x5 : 0xa);
	stack_close(&s);
}

/* Enough of them: nobody hears of others. */
static void vectors_are_not_shared_without_need(void)
{
	struct nvio_qpair *qpairs[SHARERS];
	struct stack s;

	open_sharers(&s, "vectors=5", qpairs);
	for (int i = 0; i < SHARERS; i++)
		signals_go_to(&s, qpairs, i, 1u << i);
	stack_close(&s);
}

static void one_vector_is_enough(void)
{
	struct nvio_qpair *qpairs[SHARERS];
	struct stack s;

	open_sharers(&s, "vectors=1", qpairs);
	signals_go_to(&s, qpairs, 2, 0xf);
	stack_close(&s);
}

/* A line that a completion of another queue pair keeps up, as nobody polls for it: who waits looks
 * a hundred times in a second, where every signal would make it thousands. */
static void a_line_that_stays_up_is_slept_with(void)
{
	struct nvio_qpair_opts opts = stack_by_interrupt();
	struct nvio_ctrl_opts ctrl_opts = stack_opts();
	struct nvio_completion done;
	struct nvio_qpair_stats before, after;
	struct nvio_qpair *other;
	struct stack s;

	opts.spin_ns = NVIO_NO_SPIN;
	ctrl_opts.interrupts = NVIO_INTERRUPTS_INTX;
	stack_open_with(&s, "fault=delay+opcode=2+time=1500ms+count=1", &ctrl_opts, &opts);
	stack_write_all(&s);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s.ctrl, &opts, &other), 0);
	nvio_qpair_arm(other);
	CU_ASSERT_EQUAL(nvio_write(other, s.ns, stack_buf(&s, 4), 4, 1, 0, 4), 0);
	CU_ASSERT_EQUAL(nvio_submit(other), 1);
	CU_ASSERT_TRUE(stack_is_readable(other, 10000));
	stack_read(&s, 5, 5);
	nvio_qpair_get_stats(s.qpair, &before, sizeof(before));
	CU_ASSERT_EQUAL(nvio_wait(s.qpair, &done, 1, 1, 1000000000), -ETIMEDOUT);
	nvio_qpair_get_stats(s.qpair, &after, sizeof(after));
	printf("# a second with the line up: %llu polls\n",
	       (unsigned long long)(after.polls - before.polls));
	CU_ASSERT(after.polls - before.polls < 500);
	stack_expect(&s, 5, 5, 1);
	CU_ASSERT_EQUAL(nvio_poll(other, &done, 1), 1);
	CU_ASSERT_EQUAL(done.user_data, 4);
	stack_close(&s);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "signals reach all that share", signals_reach_all_that_share },
		{ "vectors are shared evenly", vectors_are_shared_evenly },
		{ "vectors are not shared without need", vectors_are_not_shared_without_need },
		{ "one vector is enough", one_vector_is_enough },
		{ "a line that stays up is slept with", a_line_that_stays_up_is_slept_with },
	};

	return tap_run("vectors", tests, sizeof(tests) / sizeof(tests[0]));
}
