/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose the signals are where a controller has fewer interrupt vectors than queue pairs, and that
 * they come again after its function lost what it was told of them.
 */
#include <poll.h>

#include "stack.h"

static struct nvio_qpair_opts by_interrupt(void)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;

	opts.interrupts = true;
	return opts;
}

static bool is_readable(struct nvio_qpair *qpair, int timeout_ms)
{
	struct pollfd fd = { .fd = nvio_qpair_fd(qpair), .events = POLLIN };

	return poll(&fd, 1, timeout_ms) == 1 && fd.revents == POLLIN;
}

#define SHARERS 4

static void open_sharers(struct stack *s, const char *options, struct nvio_qpair **qpairs)
{
	struct nvio_qpair_opts opts = by_interrupt();

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
	CU_ASSERT_TRUE(is_readable(qpairs[nr], 2000));
	/* The owner comes last. */
	for (int i = 1; i <= SHARERS; i++) {
		int at = (nr + i) % SHARERS;
		int shares = (int)(mask >> at & 1);

		CU_ASSERT_EQUAL(is_readable(qpairs[at], shares ? 2000 : 0), shares);
		CU_ASSERT_EQUAL(nvio_qpair_arm(qpairs[at]), shares);
		CU_ASSERT_FALSE(is_readable(qpairs[at], 0));
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
	struct nvio_qpair_opts opts = by_interrupt();
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

/* A read by its interrupt alone. */
static void signals_come(struct stack *s, unsigned int block)
{
	struct nvio_completion done = { .status = 0xffff };

	nvio_qpair_arm(s->qpair);
	CU_ASSERT_EQUAL(nvio_read(s->qpair, s->ns, stack_buf(s, block), block, 1, 0, block), 0);
	CU_ASSERT_EQUAL(nvio_submit(s->qpair), 1);
	CU_ASSERT_TRUE(is_readable(s->qpair, 10000));
	CU_ASSERT_EQUAL(nvio_poll(s->qpair, &done, 1), 1);
	CU_ASSERT_EQUAL(done.user_data, block);
	CU_ASSERT_EQUAL(done.status, 0);
	CU_ASSERT_EQUAL(stack_differs(stack_buf(s, block), block), 0);
}

/* Resets behind the back of the driver and by it, all of which take MSI-X and the Command register
 * along. */
static void signals_come_again(void)
{
	static const struct {
		const char *first, *then;
		uint64_t subsystem_resets;
	} losses[] = { { "gone", "back", 0 }, { "no-ready count=1", "cfs", 1 } };

	for (unsigned int i = 0; i < 4; i++) {
		struct nvio_qpair_opts qpair_opts = by_interrupt();
		struct nvio_ctrl_opts opts = stack_opts();
		struct nvio_ctrl_stats stats;
		struct daemon d;
		struct stack s;

		opts.interrupts = i / 2 ? NVIO_INTERRUPTS_INTX : NVIO_INTERRUPTS_MSIX;
		opts.ready_timeout_ms = 500;
		daemon_start(&d, NULL);
		stack_open_with(&s, d.name, &opts, &qpair_opts);
		stack_write_all(&s);
		signals_come(&s, 1);
		daemon_do(&d, losses[i % 2].first);
		daemon_do(&d, losses[i % 2].then);
		CU_ASSERT_EQUAL(stack_read_one(&s, 2), 0);
		nvio_ctrl_get_stats(s.ctrl, &stats, sizeof(stats));
		CU_ASSERT_EQUAL(stats.recoveries, 1);
		CU_ASSERT_EQUAL(stats.subsystem_resets, losses[i % 2].subsystem_resets);
		CU_ASSERT_EQUAL(stats.device_resets, 0);
		for (unsigned int block = 3; block < 6; block++)
			signals_come(&s, block);
		stack_close(&s);
		daemon_stop(&d);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "signals reach all that share", signals_reach_all_that_share },
		{ "vectors are shared evenly", vectors_are_shared_evenly },
		{ "vectors are not shared without need", vectors_are_not_shared_without_need },
		{ "one vector is enough", one_vector_is_enough },
		{ "signals come again", signals_come_again },
	};

	return tap_run("vectors", tests, sizeof(tests) / sizeof(tests[0]));
}
