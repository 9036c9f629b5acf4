/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Controllers on POWER machines that are cut off by their host bridge, or stuck: how that is
 * noticed, which resets are tried, and that interrupts are set up again. On the unit tests' kernel.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "nvme/ladder.h"
#include "nvme/tend.h"
#include "nvme/vectors.h"
#include "ladder_bench.h"
#include "spapr_bench.h"
#include "tap.h"

#define NO_RESET UINT32_MAX

static struct fake_eeh *const eeh = &fake_kernel.devices[0].eeh;
static struct machine m;

static void begin(enum help help)
{
	tce_start(BOTH | EEH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
	ladder_setup(&m, help, device);
}

static void freeze(uint32_t cure)
{
	eeh->state = VFIO_EEH_PE_STATE_STOPPED;
	eeh->cure = cure;
}

/* No other rung is tried. */
static void cut_off(void)
{
	begin(BY_NOTHING_MORE);
	freeze(VFIO_EEH_PE_RESET_HOT);
	climbs(&m, 0, 0, 0, 0, 0, 1);
	CU_ASSERT_EQUAL(eeh->hot_resets, 1);
	CU_ASSERT_EQUAL(eeh->configured, 1);
	end();
	begin(BY_NOTHING_MORE);
	freeze(VFIO_EEH_PE_RESET_FUNDAMENTAL);
	climbs(&m, 0, 0, 0, 0, 0, 2);
	CU_ASSERT_EQUAL(eeh->fundamental_resets, 1);
	end();
	/* Registers can be read, but there is no DMA. */
	begin(BY_NOTHING_MORE);
	eeh->state = VFIO_EEH_PE_STATE_STOPPED_DMA;
	climbs(&m, 0, 0, 0, 0, 0, 1);
	end();
	begin(BY_NOTHING_MORE);
	freeze(NO_RESET);
	climbs(&m, 0, -ENODEV, 0, 0, 0, 2);
	end();
}

/* EEH's resets are in the place of those of the device and its slot. */
static void stuck(void)
{
	begin(BY_EEH_HOT);
	CU_ASSERT_EQUAL(nvio_ladder_top(&m.ctrl), 5);
	climbs(&m, 0, 0, 1, 1, 0, 1);
	CU_ASSERT_EQUAL(fake->resets, 0);
	end();
	begin(BY_EEH_FUNDAMENTAL);
	climbs(&m, 0, 0, 1, 1, 0, 2);
	end();
}

/* What would take others along is not done. */
static void not_alone(void)
{
	begin(BY_DEVICE);
	fake_kernel_sys("kernel/iommu_groups/7/devices/0000:01:00.1", "");
	fake_kernel_sys("bus/pci/devices/0000:01:00.1/class", "0x010802\n");
	climbs(&m, 0, 0, 1, 1, 1, 0);
	ladder_setup(&m, BY_NOTHING_MORE, device);
	freeze(VFIO_EEH_PE_RESET_HOT);
	climbs(&m, 0, -ENODEV, 0, 0, 0, 0);
	CU_ASSERT_EQUAL(eeh->hot_resets, 0);
	end();
}

static void interrupts(void)
{
	struct nvio_vector vectors[2] = { { .fd = -1 }, { .nr_qpairs = 1, .fd = 77 } };

	begin(BY_NOTHING_MORE);
	m.ctrl.irq = NVIO_IRQ_MSIX;
	m.ctrl.vectors = vectors;
	m.ctrl.nr_vectors = 2;
	CU_ASSERT_EQUAL(nvio_vectors_again(&m.ctrl), 0);
	freeze(VFIO_EEH_PE_RESET_HOT);
	climbs(&m, 0, 0, 0, 0, 0, 1);
	CU_ASSERT_TRUE(fake->armed[NVIO_IRQ_MSIX]);
	CU_ASSERT_EQUAL(fake->enabled[NVIO_IRQ_MSIX], 2);
	CU_ASSERT_EQUAL(fake->eventfd[NVIO_IRQ_MSIX][1], 77);
	end();
}

/* A vector that loses its eventfd is no good any more on pseries: the next queue pair gets both. */
static void vector_is_kept(void)
{
	struct nvio_qpair qpair = { .ctrl = &m.ctrl };
	int *given = &fake->eventfd[NVIO_IRQ_MSIX][1], fd;

	begin(BY_NOTHING_MORE);
	m.ctrl.info.nr_qpairs = 2;
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_take_vector(&qpair), 0);
	fd = *given;
	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(eventfd_write(fd, 1), 0);
	CU_ASSERT_EQUAL(nvio_signals_take(&qpair, 0), 1);
	nvio_qpair_drop_vector(&qpair);
	close(qpair.fd);
	CU_ASSERT_EQUAL(*given, fd);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_take_vector(&qpair), 0);
	CU_ASSERT_EQUAL(*given, fd);
	/* What came before is not for this one. */
	CU_ASSERT_EQUAL(nvio_signals_take(&qpair, 0), 0);
	CU_ASSERT_EQUAL(eventfd_write(fd, 1), 0);
	CU_ASSERT_EQUAL(nvio_signals_take(&qpair, 0), 1);
	nvio_qpair_drop_vector(&qpair);
	close(qpair.fd);
	nvio_vectors_free(&m.ctrl);
	ladder_teardown(&m);
	end();
}

/* Who arms sleeps later, and is to be woken up by what the kernel signals when it unmasks the line.
 */
static void line_is_armed(void)
{
	struct nvio_qpair qpair = { .ctrl = &m.ctrl };
	const bool *masked = &fake->masked[NVIO_IRQ_INTX][0];

	begin(BY_NOTHING_MORE);
	m.ctrl.info.nr_qpairs = 1;
	m.ctrl.opts.interrupts = NVIO_INTERRUPTS_INTX;
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_take_vector(&qpair), 0);
	CU_ASSERT_EQUAL_FATAL(m.ctrl.irq, NVIO_IRQ_INTX);
	fake->line_is_up = true;
	CU_ASSERT_EQUAL(nvio_qpair_arm(&qpair), 0);
	CU_ASSERT_TRUE(*masked);
	CU_ASSERT_EQUAL(nvio_qpair_arm(&qpair), 1);
	CU_ASSERT_TRUE(*masked);
	fake->line_is_up = false;
	CU_ASSERT_EQUAL(nvio_qpair_arm(&qpair), 1);
	CU_ASSERT_FALSE(*masked);
	CU_ASSERT_EQUAL(nvio_qpair_arm(&qpair), 0);
	/* Who sleeps at once takes it. */
	fake->line_is_up = true;
	CU_ASSERT_EQUAL(nvio_signals_take(&qpair, 1000000000), 1);
	CU_ASSERT_TRUE(*masked);
	nvio_qpair_drop_vector(&qpair);
	close(qpair.fd);
	nvio_vectors_free(&m.ctrl);
	ladder_teardown(&m);
	end();
}

/* By polls, and by whoever waits for an admin command. */
static void noticed(void)
{
	struct nvio_sqe sqe = { .opcode = 0x06 };

	begin(BY_NOTHING_MORE);
	m.ctrl.up = true;
	m.ctrl.dead = false;
	freeze(VFIO_EEH_PE_RESET_HOT);
	CU_ASSERT_EQUAL(nvio_qpair_check_ctrl(m.ctrl.admin), 0);
	nvio_recovery_settle(&m.ctrl);
	CU_ASSERT_FALSE(m.ctrl.admin->gone);
	CU_ASSERT_EQUAL(m.ctrl.recovery.stats.recoveries, 1);
	CU_ASSERT_EQUAL(m.ctrl.recovery.stats.hot_resets, 1);
	freeze(VFIO_EEH_PE_RESET_HOT);
	CU_ASSERT_EQUAL(nvio_admin(&m.ctrl, &sqe, NULL, 0, NULL), -EIO);
	says("was cut off by its host bridge");
	nvio_recovery_settle(&m.ctrl);
	CU_ASSERT_EQUAL(m.ctrl.recovery.stats.recoveries, 2);
	CU_ASSERT_EQUAL(nvio_admin(&m.ctrl, &sqe, NULL, 0, NULL), 0);
	/* Without recovery it is gone. */
	nvio_recovery_stop(&m.ctrl);
	m.ctrl.opts.no_recovery = true;
	freeze(VFIO_EEH_PE_RESET_HOT);
	CU_ASSERT_EQUAL(nvio_qpair_check_ctrl(m.ctrl.admin), 0);
	CU_ASSERT_TRUE(m.ctrl.admin->gone);
	eeh->state = VFIO_EEH_PE_STATE_NORMAL;
	ladder_teardown(&m);
	end();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "cut off", cut_off },
		{ "stuck", stuck },
		{ "not alone", not_alone },
		{ "interrupts", interrupts },
		{ "noticed", noticed },
		{ "a vector is kept", vector_is_kept },
		{ "a line is armed", line_is_armed },
	};

	return tap_run("ladder_eeh", tests, sizeof(tests) / sizeof(tests[0]));
}
