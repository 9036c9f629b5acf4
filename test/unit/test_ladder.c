/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ladder against a controller that only the reset of one rung helps: which are tried, in which
 * order and where it begins, and that no DMA is possible when none does. test_ladder_eeh.c has the
 * rungs of POWER machines.
 */
#include <errno.h>

#include "nvme/ladder.h"
#include "ladder_bench.h"
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

/* Closing does not wait for the rest of it. */
static void is_left_when_it_is_closed(void)
{
	static struct machine m;

	ladder_setup(&m, BY_NOTHING, NULL);
	m.ctrl.recovery.closing = true;
	climbs(&m, 0, -EIO, 0, 0, 0, 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "each rung helps", each_rung_helps },
		{ "none helps", none_helps },
		{ "rungs that are not there", rungs_that_are_not_there },
		{ "begins where it is told", begins_where_it_is_told },
		{ "is left when it is closed", is_left_when_it_is_closed },
	};

	return tap_run("ladder", tests, sizeof(tests) / sizeof(tests[0]));
}
