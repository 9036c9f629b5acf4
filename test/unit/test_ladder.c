/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ladder against a controller that only the reset of one rung helps: which are tried, in which
 * order and where it begins, and that no DMA is possible when none does. test_ladder_eeh.c has the
 * rungs of POWER machines.
 */
#include <errno.h>
#include <unistd.h>

#include <nvio/quirk.h>

#include "base/clock.h"
#include "nvme/ladder.h"
#include "nvme/recovery.h"
#include "ladder_bench.h"
#include "cdev_bench.h"
#include "tap.h"

static void each_rung_helps(void)
{
	static struct machine m;

	ladder_setup(&m, BY_NOTHING_MORE, NULL);
	climbs(&m, 0, 0, 1, 0, 0, 0);
	ladder_setup(&m, BY_SUBSYSTEM, NULL);
	climbs(&m, 0, 0, 1, 1, 0, 0);
	ladder_setup(&m, BY_DEVICE, NULL);
	climbs(&m, 0, 0, 1, 1, 1, 0);
	ladder_setup(&m, BY_SLOT, NULL);
	climbs(&m, 0, 0, 1, 1, 1, 1);
}

static void none_helps(void)
{
	static struct machine m;

	ladder_setup(&m, BY_NOTHING, NULL);
	climbs(&m, 0, -ETIMEDOUT, 1, 1, 1, 1);
	/* Gone: there is nothing to be reset. */
	ladder_setup(&m, BY_GOING, NULL);
	m.command = 0;
	climbs(&m, 0, -ENODEV, 1, 0, 0, 0);
}

static void rungs_that_are_not_there(void)
{
	static struct machine m;

	ladder_setup(&m, BY_NOTHING, NULL);
	m.ctrl.cap &= ~(1ull << CAP_NSSRS_SHIFT);
	m.own.flags = 0;
	m.dependent = 0;
	CU_ASSERT_EQUAL(nvio_ladder_top(&m.ctrl), 0);
	climbs(&m, 0, -ETIMEDOUT, 1, 0, 0, 0);
	/* Others would be reset along with it. */
	ladder_setup(&m, BY_DEVICE, NULL);
	m.ctrl.shares_subsystem = true;
	m.dependent = 2;
	CU_ASSERT_EQUAL(nvio_ladder_top(&m.ctrl), 2);
	climbs(&m, 0, 0, 1, 0, 1, 0);
}

static void begins_where_it_is_told(void)
{
	static struct machine m;

	ladder_setup(&m, BY_NOTHING_MORE, NULL);
	CU_ASSERT_EQUAL(nvio_ladder_top(&m.ctrl), 3);
	climbs(&m, 2, 0, 0, 0, 1, 0);
	ladder_setup(&m, BY_NOTHING_MORE, NULL);
	climbs(&m, 6, -EIO, 0, 0, 0, 0);
}

/* Closing does not wait for the rest of it; and what one rung helps is shut down. */
static void is_left_when_it_is_closed(void)
{
	static struct machine m;

	ladder_setup(&m, BY_NOTHING, NULL);
	m.ctrl.recovery.closing = true;
	climbs(&m, 0, -ETIMEDOUT, 1, 0, 0, 0);
	ladder_setup(&m, BY_NOTHING_MORE, NULL);
	m.ctrl.recovery.closing = true;
	climbs(&m, 0, 0, 1, 0, 0, 0);
}

static void *stop_recovery(void *arg)
{
	nvio_recovery_stop(arg);
	return NULL;
}

static bool is_closing(struct nvio_recovery *r)
{
	bool closing;

	pthread_mutex_lock(&r->lock);
	closing = r->closing;
	pthread_mutex_unlock(&r->lock);
	return closing;
}

/* It is closed while a reset is about to begin: it is as it was, and not given up, so that it can
 * be told. */
static void is_closed_before_it(void)
{
	static struct machine m;
	struct nvio_ctrl_stats stats;
	pthread_t thread;

	ladder_setup(&m, BY_NOTHING_MORE, NULL);
	m.ctrl.up = true;
	m.ctrl.dead = false;
	pthread_mutex_lock(&m.ctrl.lock);
	CU_ASSERT_TRUE(nvio_recovery_ask(&m.ctrl, NULL, "the test wants it"));
	/* Its thread has seen what it is to do, unless there is more load than the test can help.
	 */
	usleep(50000);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, stop_recovery, &m.ctrl), 0);
	while (!is_closing(&m.ctrl.recovery))
		usleep(1000);
	pthread_mutex_unlock(&m.ctrl.lock);
	pthread_join(thread, NULL);
	nvio_ctrl_get_stats(&m.ctrl, &stats, sizeof(stats));
	CU_ASSERT_EQUAL(stats.controller_resets, 0);
	CU_ASSERT_FALSE(stats.given_up);
	CU_ASSERT_FALSE(m.ctrl.recovery.ended);
	/* It is not handed over running. */
	CU_ASSERT_TRUE(m.ctrl.recovery.dropped);
	CU_ASSERT_FALSE(m.ctrl.dead);
	CU_ASSERT_FALSE(nvio_recovery_waits(&m.ctrl));
	/* As nvio_ctrl_close() does. It does not say that it is done. */
	m.ctrl.shutdown_timeout_ms = 10;
	nvio_ctrl_shut_down(&m.ctrl);
	CU_ASSERT_EQUAL(FIELD_GET(CC_SHN, m.regs.words[NVIO_REG_CC / 4]), CC_SHN_NORMAL);
	ladder_teardown(&m);
}

static void device_failed(void *arg)
{
	nvio_recovery_ask(arg, NULL, "its device reports an error");
}

static uint64_t recoveries_after_a_look(struct machine *m)
{
	struct nvio_ctrl_stats stats;

	nvio_device_look(device);
	nvio_recovery_settle(&m->ctrl);
	nvio_ctrl_get_stats(&m->ctrl, &stats, sizeof(stats));
	return stats.recoveries;
}

/* What a device reports while it is reset calls for no other reset. */
static void complains_meanwhile(void)
{
	static struct machine m;

	fake_kernel_start(1, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_CDEV, NULL), 0);
	ladder_setup(&m, BY_NOTHING_MORE, device);
	m.ctrl.up = true;
	nvio_device_on_error(device, device_failed, &m.ctrl);
	m.complains = true;
	CU_ASSERT_EQUAL(nvio_ctrl_reset(&m.ctrl), 0);
	m.complains = false;
	CU_ASSERT_EQUAL(recoveries_after_a_look(&m), 1);
	CU_ASSERT_EQUAL(nvio_device_irq_trigger(device, NVIO_IRQ_ERR, 0), 0);
	CU_ASSERT_EQUAL(recoveries_after_a_look(&m), 2);
	nvio_recovery_stop(&m.ctrl);
	ladder_teardown(&m);
	end();
}

static uint64_t takes_ms(struct machine *m, int err, uint64_t subsystem)
{
	uint64_t start = nvio_now();

	m->ctrl.ready_timeout_ms = 60000;
	climbs(m, m->help == BY_SUBSYSTEM, err, m->help != BY_SUBSYSTEM, subsystem, 0, 0);
	return (nvio_now() - start) / NVIO_NS_PER_MS;
}

/* However long it may take to get ready, that it is gone is seen soon: a second is promised to
 * owners. Machines that have other work take longer. */
static void goes_meanwhile(void)
{
	static struct machine m;

	/* For its reset it may be off the bus, for a while. */
	ladder_setup(&m, BY_SUBSYSTEM, NULL);
	m.away = 100;
	takes_ms(&m, 0, 1);
	/* Nor need it leave at once. */
	ladder_setup(&m, BY_SUBSYSTEM, NULL);
	m.stays = 5;
	m.away = 100;
	takes_ms(&m, 0, 1);
	ladder_setup(&m, BY_SUBSYSTEM, NULL);
	m.away = UINT32_MAX;
	CU_ASSERT(takes_ms(&m, -ENODEV, 1) < 10000);
	/* While none of its registers may be read. */
	ladder_setup(&m, BY_NOTHING_MORE, NULL);
	m.ctrl.info.quirks = NVIO_QUIRK_DELAY_READY;
	m.pulled = true;
	CU_ASSERT(takes_ms(&m, -ENODEV, 0) < 2300);
}

struct reader {
	struct nvio_ctrl *ctrl;
	bool stop;
	unsigned int wrong;
};

static uint16_t qpairs_of(struct nvio_ctrl *ctrl)
{
	struct nvio_ctrl_info info;

	nvio_ctrl_get_info(ctrl, &info, sizeof(info));
	return info.nr_qpairs;
}

static void *read_info(void *arg)
{
	struct reader *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		uint16_t nr = qpairs_of(r->ctrl);

		r->wrong += nr < 1 || nr > 4;
	}
	return NULL;
}

/* Others ask meanwhile how many there are: the sanitizer of threads would tell. */
static void grants_another_number_of_queues(void)
{
	static struct machine m;
	struct reader r = { .ctrl = &m.ctrl };
	pthread_t thread;

	ladder_setup(&m, BY_NOTHING_MORE, NULL);
	CU_ASSERT_EQUAL(qpairs_of(&m.ctrl), 1);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, read_info, &r), 0);
	for (uint32_t nr = 0; nr < 40; nr++) {
		unsigned int rung = 0;

		m.result = (nr % 4) << 16 | nr % 4;
		CU_ASSERT_EQUAL(nvio_ladder_climb(&m.ctrl, &rung), 0);
		CU_ASSERT_EQUAL(qpairs_of(&m.ctrl), nr % 4 + 1);
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(r.wrong, 0);
	ladder_teardown(&m);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "each rung helps", each_rung_helps },
		{ "none helps", none_helps },
		{ "rungs that are not there", rungs_that_are_not_there },
		{ "begins where it is told", begins_where_it_is_told },
		{ "is left when it is closed", is_left_when_it_is_closed },
		{ "is closed before it", is_closed_before_it },
		{ "complains meanwhile", complains_meanwhile },
		{ "goes meanwhile", goes_meanwhile },
		{ "grants another number of queues", grants_another_number_of_queues },
	};

	return tap_run("ladder", tests, sizeof(tests) / sizeof(tests[0]));
}
