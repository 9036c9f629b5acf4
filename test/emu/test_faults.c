/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults of the software controller under load that no completion queue tells of: data that is
 * wrong, events, errors of the device, a controller that says that it is another one, one that does
 * not shut down. test_recovery.c has the others.
 */
#include <stdio.h>
#include <unistd.h>

#include "load.h"
#include "stack.h"

#define NR_THREADS  4u
#define TIMEOUT_MS  2000u
#define ROUND_TRIPS 100u
/* The shortest that a shutdown is waited for. */
#define SHUTDOWN_NS (10 * SECOND)

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

static void begin(struct rig *r)
{
	struct nvio_ctrl_opts opts = stack_opts();

	daemon_start(&r->d, NULL);
	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(r->d.name, &opts, &r->ctrl), 0);
	load_start(&r->load, r->ctrl, nvio_ctrl_ns(r->ctrl, 1), NR_THREADS, TIMEOUT_MS, 1, NULL);
	CU_ASSERT_TRUE(load_goes_on(&r->load, ROUND_TRIPS, 20 * SECOND));
}

static void check_accounts(const struct load_counts *counts)
{
	CU_ASSERT_EQUAL(counts->lost, 0);
	CU_ASSERT_EQUAL(counts->doubled, 0);
	CU_ASSERT_EQUAL(counts->submitted, counts->completed);
}

/* No rung: only who knows the data can tell. That the load does says that it looks. */
static void wrong_data(void)
{
	struct load_counts counts;
	struct rig r;

	begin(&r);
	daemon_do(&r.d, "flip byte=100 count=3");
	CU_ASSERT_TRUE(load_goes_on(&r.load, ROUND_TRIPS, 20 * SECOND));
	CU_ASSERT_EQUAL(stats_of(r.ctrl).controller_resets, 0);
	counts = load_stop(&r.load);
	check_accounts(&counts);
	CU_ASSERT_EQUAL(counts.corrupted, 3);
	CU_ASSERT_EQUAL(counts.failed, 0);
	nvio_ctrl_close(r.ctrl);
	daemon_stop(&r.d);
}

/* No rung, but for an internal error that persists: one reset. */
static void events(void)
{
	static const char *const faults[] = { "aen type=0 info=0 log=1", "aen type=1 info=1 log=2",
					      "aen type=2 info=1 log=3",
					      "aen type=6 info=1 log=129" };
	struct nvio_async_opts opts = NVIO_ASYNC_OPTS;
	struct nvio_async_event event;
	struct load_counts counts;
	uint64_t until;
	struct rig r;

	begin(&r);
	opts.interval_ms = 5;
	CU_ASSERT_EQUAL(nvio_ctrl_async_start(r.ctrl, &opts), 0);
	for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		until = now_ns() + 10 * SECOND;
		daemon_do(&r.d, faults[i]);
		while (nvio_ctrl_async_next(r.ctrl, &event, sizeof(event)) == 0 && now_ns() < until)
			usleep(1000);
		CU_ASSERT(now_ns() < until);
		CU_ASSERT_TRUE(load_goes_on(&r.load, 10, 20 * SECOND));
	}
	CU_ASSERT_EQUAL(stats_of(r.ctrl).controller_resets, 0);
	daemon_do(&r.d, "aen type=0 info=3 log=1");
	until = now_ns() + SECOND;
	while (!stats_of(r.ctrl).recoveries && now_ns() < until)
		usleep(1000);
	CU_ASSERT_EQUAL(stats_of(r.ctrl).recoveries, 1);
	CU_ASSERT_TRUE(load_goes_on(&r.load, ROUND_TRIPS, 20 * SECOND));
	CU_ASSERT_EQUAL(stats_of(r.ctrl).controller_resets, 1);
	counts = load_stop(&r.load);
	check_accounts(&counts);
	CU_ASSERT_EQUAL(counts.corrupted, 0);
	CU_ASSERT_EQUAL(counts.failed, counts.abandoned);
	nvio_ctrl_close(r.ctrl);
	daemon_stop(&r.d);
}

/* An error of the device, told by its interrupt: one reset by CC.EN for each, however many
 * completions it comes with. */
static void errors_of_the_device(void)
{
	static const char *const faults[] = { "err", "err opcode=1 skip=50", "err opcode=2",
					      "err" };
	const uint64_t nr = sizeof(faults) / sizeof(faults[0]);
	struct nvio_ctrl_stats stats;
	struct load_counts counts;
	struct rig r;

	begin(&r);
	for (uint64_t i = 0; i < nr; i++) {
		uint64_t until = now_ns() + 20 * SECOND;

		daemon_do(&r.d, faults[i]);
		while (stats_of(r.ctrl).recoveries <= i && now_ns() < until)
			usleep(1000);
		CU_ASSERT_EQUAL(stats_of(r.ctrl).recoveries, i + 1);
		CU_ASSERT_TRUE(load_goes_on(&r.load, ROUND_TRIPS, 20 * SECOND));
	}
	stats = stats_of(r.ctrl);
	CU_ASSERT_EQUAL(stats.recoveries, nr);
	CU_ASSERT_EQUAL(stats.controller_resets, nr);
	CU_ASSERT_EQUAL(stats.subsystem_resets + stats.device_resets, 0);
	CU_ASSERT_FALSE(stats.given_up);
	counts = load_stop(&r.load);
	check_accounts(&counts);
	CU_ASSERT_EQUAL(counts.corrupted, 0);
	CU_ASSERT_EQUAL(counts.failed, counts.abandoned);
	nvio_ctrl_close(r.ctrl);
	daemon_stop(&r.d);
}

/* After a reset another one answers, on each rung: gone, within a few seconds. */
static void another_controller(void)
{
	struct nvio_completion done;
	struct load_counts counts;
	uint64_t start;
	struct rig r;

	begin(&r);
	/* The model. */
	daemon_do(&r.d, "identify cns=1 byte=24 value=88 count=0");
	start = now_ns();
	daemon_do(&r.d, "cfs");
	while (!stats_of(r.ctrl).given_up && now_ns() - start < 5 * SECOND)
		usleep(1000);
	CU_ASSERT_TRUE(stats_of(r.ctrl).given_up);
	CU_ASSERT_EQUAL(stats_of(r.ctrl).recoveries, 0);
	counts = load_stop(&r.load);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		struct nvio_qpair *qpair = r.load.threads[i].qpair;
		int err = 0;

		while (!err && now_ns() - start < 10 * SECOND)
			err = nvio_poll(qpair, &done, 1);
		CU_ASSERT(err == -ENODEV || err == -EIO);
		CU_ASSERT_EQUAL(nvio_qpair_outstanding(qpair), 0);
	}
	check_accounts(&counts);
	CU_ASSERT_EQUAL(counts.corrupted, 0);
	nvio_ctrl_close(r.ctrl);
	daemon_stop(&r.d);
}

/* It is closed all the same, after the time that it may take. */
static void no_shutdown(void)
{
	struct load_counts counts;
	uint64_t start, took;
	struct rig r;

	begin(&r);
	daemon_do(&r.d, "no-shutdown count=0");
	counts = load_stop(&r.load);
	check_accounts(&counts);
	CU_ASSERT_EQUAL(counts.corrupted, 0);
	start = now_ns();
	nvio_ctrl_close(r.ctrl);
	took = now_ns() - start;
	CU_ASSERT(took >= SHUTDOWN_NS && took < SHUTDOWN_NS + 3 * SECOND);
	daemon_stop(&r.d);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "wrong data", wrong_data },
		{ "events", events },
		{ "errors of the device", errors_of_the_device },
		{ "another controller", another_controller },
		{ "no shutdown", no_shutdown },
	};

	return tap_run("faults", tests, sizeof(tests) / sizeof(tests[0]));
}
