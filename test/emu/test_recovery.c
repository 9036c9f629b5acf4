/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every fault of the software controller under load: which rung of the ladder it takes, how long
 * that takes at most, and that each request completes once, with the right data.
 */
#include <stdio.h>
#include <unistd.h>

#include "load.h"
#include "stack.h"

#define TIMEOUT_MS  400u
#define NR_THREADS  4u
#define ADMIN_LOG   0x02
#define LOG_SMART   2u
#define ROUND_TRIPS 100u /* requests of each thread */

struct rig {
	struct daemon d;
	struct nvio_ctrl *ctrl;
	struct load load;
};

static struct nvio_ctrl_stats stats_of(struct nvio_ctrl *ctrl)
{
	struct nvio_ctrl_stats stats;

	nvio_ctrl_get_stats(ctrl, &stats, sizeof(stats));
	return stats;
}

static struct nvio_ctrl_opts quick(void)
{
	struct nvio_ctrl_opts opts = stack_opts();

	opts.admin_timeout_ms = 500;
	opts.ready_timeout_ms = 300;
	return opts;
}

static void start(struct rig *r, const char *name, const struct nvio_ctrl_opts *opts)
{
	struct nvio_ns *ns;

	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(name, opts, &r->ctrl), 0);
	ns = nvio_ctrl_ns(r->ctrl, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ns);
	load_start(&r->load, r->ctrl, ns, NR_THREADS, TIMEOUT_MS, 1, NULL);
	CU_ASSERT_TRUE(load_goes_on(&r->load, ROUND_TRIPS, 20 * SECOND));
}

static void begin(struct rig *r)
{
	struct nvio_ctrl_opts opts = quick();

	daemon_start(&r->d, NULL);
	start(r, r->d.name, &opts);
}

/* Everything is accounted for. At most so many requests ended with an error of the drive's. */
static void stop(struct rig *r, uint64_t nr_errors)
{
	struct load_counts counts = load_stop(&r->load);
	uint64_t start = now_ns();

	CU_ASSERT_EQUAL(counts.lost, 0);
	CU_ASSERT_EQUAL(counts.doubled, 0);
	CU_ASSERT_EQUAL(counts.corrupted, 0);
	CU_ASSERT_EQUAL(counts.submitted, counts.completed);
	CU_ASSERT(counts.failed <= counts.abandoned + nr_errors);
	nvio_ctrl_close(r->ctrl);
	CU_ASSERT(now_ns() - start < 3 * SECOND);
}

static void end(struct rig *r)
{
	daemon_do(&r->d, "clear");
	CU_ASSERT_TRUE(load_goes_on(&r->load, ROUND_TRIPS, 20 * SECOND));
	stop(r, 0);
	daemon_stop(&r->d);
}

static bool has_recovered(const struct nvio_ctrl_stats *stats)
{
	return stats->recoveries;
}

static bool has_aborted(const struct nvio_ctrl_stats *stats)
{
	return stats->aborts;
}

static bool is_given_up(const struct nvio_ctrl_stats *stats)
{
	return stats->given_up;
}

/* Waits for it, for @ms at most. */
static void await(struct rig *r, bool (*what)(const struct nvio_ctrl_stats *), uint32_t ms)
{
	uint64_t until = now_ns() + ms * (uint64_t)MS;
	struct nvio_ctrl_stats stats;

	do {
		usleep(1000);
		stats = stats_of(r->ctrl);
	} while (!what(&stats) && now_ns() < until);
	CU_ASSERT_TRUE(what(&stats));
}

/* One reset by CC.EN and nothing else, within so many milliseconds. */
static void takes_one_reset(const char *const *faults, uint32_t ms)
{
	for (; *faults; faults++) {
		struct nvio_ctrl_stats stats;
		struct rig r;

		begin(&r);
		daemon_do(&r.d, *faults);
		await(&r, has_recovered, ms);
		CU_ASSERT_TRUE(load_goes_on(&r.load, ROUND_TRIPS, 20 * SECOND));
		stats = stats_of(r.ctrl);
		CU_ASSERT_EQUAL(stats.controller_resets, 1);
		CU_ASSERT_EQUAL(stats.recoveries, 1);
		CU_ASSERT_EQUAL(stats.subsystem_resets, 0);
		CU_ASSERT_EQUAL(stats.device_resets, 0);
		CU_ASSERT_FALSE(stats.given_up);
		end(&r);
	}
}

/* What cannot be true: at once. */
static void impossible_completions(void)
{
	static const char *const faults[] = { "duplicate", "cid value=0xffff", "cid value=32",
					      "queue value=77", NULL };

	takes_one_reset(faults, SECOND / MS);
}

/* Its deadline, an Abort that has no effect, a reset. */
static void completions_that_never_come(void)
{
	static const char *const faults[] = { "drop opcode=1", "drop opcode=2",
					      "drop opcode=1 count=3", NULL };

	takes_one_reset(faults, 5 * TIMEOUT_MS);
}

/* Told of by CSTS.CFS, which is looked for twice a second and more. */
static void fatal_status(void)
{
	static const char *const faults[] = { "cfs", "cfs opcode=1 skip=50", NULL };

	takes_one_reset(faults, 1500);
}

/* Others go on meanwhile. */
static void late_commands_are_aborted(void)
{
	struct nvio_ctrl_stats stats;
	struct rig r;

	begin(&r);
	daemon_do(&r.d, "delay time=600s count=1");
	CU_ASSERT_TRUE(load_goes_on(&r.load, 1, 2 * SECOND));
	await(&r, has_aborted, 2 * TIMEOUT_MS);
	stats = stats_of(r.ctrl);
	CU_ASSERT_EQUAL(stats.aborts, 1);
	CU_ASSERT_EQUAL(stats.controller_resets, 0);
	end(&r);
}

/* Nothing is taken any more, until somebody has it stop. */
static void stalled_queues(void)
{
	struct rig r;

	begin(&r);
	daemon_do(&r.d, "stall");
	await(&r, has_recovered, 3 * TIMEOUT_MS);
	CU_ASSERT_FALSE(stats_of(r.ctrl).given_up);
	end(&r);
}

/* Where one rung does not help, the next one is climbed. */
static void higher_rungs(void)
{
	for (uint64_t height = 1; height <= 2; height++) {
		struct nvio_ctrl_stats stats;
		char fault[32];
		struct rig r;

		begin(&r);
		snprintf(fault, sizeof(fault), "no-ready count=%u", (unsigned int)height);
		daemon_do(&r.d, fault);
		daemon_do(&r.d, "cfs");
		await(&r, has_recovered, 4000);
		stats = stats_of(r.ctrl);
		CU_ASSERT_EQUAL(stats.controller_resets, 1);
		CU_ASSERT_EQUAL(stats.subsystem_resets, 1);
		CU_ASSERT_EQUAL(stats.device_resets, height - 1);
		CU_ASSERT_EQUAL(stats.recoveries, 1);
		end(&r);
	}
}

static bool has_reset_the_subsystem(const struct nvio_ctrl_stats *stats)
{
	return stats->subsystem_resets;
}

/* A reset after which no I/O is completed was of no use, though admin commands were. */
static void no_io_after_resets(void)
{
	struct rig r;

	begin(&r);
	for (unsigned int qid = 1; qid <= NR_THREADS; qid++) {
		char fault[32];

		snprintf(fault, sizeof(fault), "drop of=%u count=0", qid);
		daemon_do(&r.d, fault);
	}
	await(&r, has_reset_the_subsystem, 12 * TIMEOUT_MS);
	daemon_do(&r.d, "clear");
	CU_ASSERT_TRUE(load_goes_on(&r.load, ROUND_TRIPS, 20 * SECOND));
	CU_ASSERT_FALSE(stats_of(r.ctrl).given_up);
	end(&r);
}

/* Queues that cannot be made again are as good as no reset. */
static void queues_that_do_not_come_back(void)
{
	static const char *const faults[] = { "drop of=0 opcode=1 count=1",
					      "fail of=0 opcode=5 status=0x4006 count=1" };

	for (int i = 0; i < 2; i++) {
		struct nvio_ctrl_stats stats;
		struct rig r;

		begin(&r);
		daemon_do(&r.d, faults[i]);
		daemon_do(&r.d, "cfs");
		await(&r, has_recovered, 4000);
		CU_ASSERT_TRUE(load_goes_on(&r.load, ROUND_TRIPS, 20 * SECOND));
		stats = stats_of(r.ctrl);
		CU_ASSERT_EQUAL(stats.controller_resets, 1);
		CU_ASSERT_EQUAL(stats.subsystem_resets, 1);
		CU_ASSERT_EQUAL(stats.recoveries, 2);
		end(&r);
	}
}

/* After the last rung everything ends, each once, and nothing hangs. */
static void no_rung_helps(void)
{
	struct nvio_completion done;
	struct nvio_ctrl_stats stats;
	uint64_t start;
	struct rig r;

	begin(&r);
	daemon_do(&r.d, "no-ready count=0");
	start = now_ns();
	daemon_do(&r.d, "cfs");
	await(&r, is_given_up, 6000);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		pthread_join(r.load.threads[i].thread, NULL);
	CU_ASSERT(now_ns() - start < 7 * SECOND);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		struct load_thread *t = &r.load.threads[i];

		CU_ASSERT_EQUAL(t->end, -EIO);
		CU_ASSERT_EQUAL(t->counts.submitted, t->counts.completed);
		CU_ASSERT_EQUAL(t->counts.lost + t->counts.doubled + t->counts.corrupted, 0);
		CU_ASSERT_EQUAL(nvio_qpair_outstanding(t->qpair), 0);
		CU_ASSERT_EQUAL(nvio_poll(t->qpair, &done, 1), -EIO);
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "was given up"));
	stats = stats_of(r.ctrl);
	CU_ASSERT_EQUAL(stats.controller_resets + stats.subsystem_resets + stats.device_resets, 3);
	CU_ASSERT_EQUAL(stats.recoveries, 0);
	CU_ASSERT_EQUAL(nvio_ctrl_reset(r.ctrl), -EIO);
	start = now_ns();
	nvio_ctrl_close(r.ctrl);
	CU_ASSERT(now_ns() - start < 2 * SECOND);
	daemon_stop(&r.d);
}

/* Within a second, to those who only poll as well; sanitizers keep threads from looking. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GONE_NS (3 * SECOND)
#else
#define GONE_NS (SECOND + 200 * MS)
#endif

static void device_that_goes(void)
{
	struct nvio_ctrl_opts opts = quick();

	for (int dies = 0; dies < 2; dies++) {
		uint64_t start;
		struct rig r;

		begin(&r);
		start = now_ns();
		if (dies)
			daemon_kill(&r.d);
		else
			daemon_do(&r.d, "gone");
		for (unsigned int i = 0; i < NR_THREADS; i++)
			pthread_join(r.load.threads[i].thread, NULL);
		CU_ASSERT(now_ns() - start < GONE_NS);
		for (unsigned int i = 0; i < NR_THREADS; i++) {
			struct load_thread *t = &r.load.threads[i];

			CU_ASSERT_EQUAL(t->end, -ENODEV);
			CU_ASSERT_EQUAL(t->counts.submitted, t->counts.completed);
			CU_ASSERT_EQUAL(t->counts.lost + t->counts.doubled + t->counts.corrupted,
					0);
			CU_ASSERT_EQUAL(nvio_qpair_outstanding(t->qpair), 0);
		}
		start = now_ns();
		nvio_ctrl_close(r.ctrl);
		CU_ASSERT(now_ns() - start < 2 * SECOND);
		if (dies)
			continue;
		daemon_do(&r.d, "back");
		CU_ASSERT_EQUAL(stack_try(r.d.name, &opts), 0);
		daemon_stop(&r.d);
	}
}

/* A command of the application's that gets no answer; the next one does. */
static void admin_command_without_an_answer(void)
{
	struct nvio_sqe log = { .opcode = ADMIN_LOG, .nsid = 0xffffffff };
	uint8_t page[512];
	struct rig r;

	log.cdw10 = LOG_SMART | (sizeof(page) / 4 - 1) << 16;
	begin(&r);
	daemon_do(&r.d, "drop of=0 opcode=2");
	CU_ASSERT_EQUAL(nvio_admin(r.ctrl, &log, page, sizeof(page), NULL), -ETIMEDOUT);
	CU_ASSERT_EQUAL(nvio_admin(r.ctrl, &log, page, sizeof(page), NULL), 0);
	CU_ASSERT_EQUAL(stats_of(r.ctrl).controller_resets, 1);
	CU_ASSERT_EQUAL(stats_of(r.ctrl).recoveries, 1);
	end(&r);
}

/* Faults that need no reset take none. */
static void what_needs_no_reset(void)
{
	static const char *const faults[] = { "fail status=0x281 count=3",
					      "late time=100ms count=2",
					      "delay time=100ms count=20", "no-irq count=3",
					      "fail status=0x8 count=3" };
	struct rig r;

	begin(&r);
	for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		daemon_do(&r.d, faults[i]);
		CU_ASSERT_TRUE(load_goes_on(&r.load, ROUND_TRIPS, 20 * SECOND));
	}
	CU_ASSERT_EQUAL(stats_of(r.ctrl).controller_resets, 0);
	/* Those that must not run twice. */
	stop(&r, 3);
	daemon_stop(&r.d);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "impossible completions take a reset", impossible_completions },
		{ "completions that never come take a reset", completions_that_never_come },
		{ "a fatal status takes a reset", fatal_status },
		{ "late commands are aborted", late_commands_are_aborted },
		{ "stalled queues come back", stalled_queues },
		{ "higher rungs are climbed", higher_rungs },
		{ "queues that do not come back take another reset", queues_that_do_not_come_back },
		{ "no I/O after resets", no_io_after_resets },
		{ "no rung helps", no_rung_helps },
		{ "a device that goes", device_that_goes },
		{ "an admin command without an answer", admin_command_without_an_answer },
		{ "what needs no reset takes none", what_needs_no_reset },
	};

	return tap_run("recovery", tests, sizeof(tests) / sizeof(tests[0]));
}
