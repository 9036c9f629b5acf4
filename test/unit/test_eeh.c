/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EEH on the unit tests' kernel: each operation and how it fails, and a device that is cut off and
 * brought back.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "spapr_bench.h"
#include "tap.h"
#include "vfio/eeh.h"

/* As they are in the kernel's interface on POWER. */
static_assert(VFIO_EEH == 5, "number");
static_assert(VFIO_EEH_PE_OP == _IO(';', 121), "number");
static_assert(sizeof(struct vfio_eeh_pe_op) == 40, "layout");
static_assert(offsetof(struct vfio_eeh_pe_op, op) == 8, "layout");
static_assert(offsetof(struct vfio_eeh_pe_op, err) == 16, "layout");
static_assert(sizeof(struct vfio_eeh_pe_err) == 24, "layout");
static_assert(NVIO_EEH_IN_RESET == VFIO_EEH_PE_STATE_RESET, "state");
static_assert(NVIO_EEH_STOPPED == VFIO_EEH_PE_STATE_STOPPED, "state");
static_assert(NVIO_EEH_STOPPED_DMA == VFIO_EEH_PE_STATE_STOPPED_DMA, "state");
static_assert(NVIO_EEH_UNAVAILABLE == VFIO_EEH_PE_STATE_UNAVAIL, "state");
static_assert(NVIO_EEH_IO == VFIO_EEH_PE_UNFREEZE_IO, "operation");
static_assert(NVIO_EEH_DMA == VFIO_EEH_PE_UNFREEZE_DMA, "operation");
static_assert(NVIO_EEH_DEACTIVATE == VFIO_EEH_PE_RESET_DEACTIVATE, "operation");
static_assert(NVIO_EEH_HOT == VFIO_EEH_PE_RESET_HOT, "operation");
static_assert(NVIO_EEH_FUNDAMENTAL == VFIO_EEH_PE_RESET_FUNDAMENTAL, "operation");

static struct fake_eeh *const eeh = &fake_kernel.devices[0].eeh;

static void begin(void)
{
	tce_start(BOTH | EEH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
}

static void operations(void)
{
	struct nvio_eeh_error error = { 1, 6, 0x1000, 0xfff };

	begin();
	CU_ASSERT_TRUE(nvio_eeh_exists(device));
	/* Opening enabled it. */
	CU_ASSERT_TRUE(eeh->enabled);
	CU_ASSERT_EQUAL(nvio_eeh_disable(device), 0);
	CU_ASSERT_FALSE(eeh->enabled);
	CU_ASSERT_FALSE(nvio_eeh_is_alone(device));
	CU_ASSERT_EQUAL(nvio_eeh_enable(device), 0);
	CU_ASSERT_TRUE(eeh->enabled);
	CU_ASSERT_EQUAL(nvio_eeh_state(device), NVIO_EEH_NORMAL);
	/* Most machines do not. */
	CU_ASSERT_EQUAL(nvio_eeh_inject(device, &error), -EIO);
	says("0000:01:00.0: EEH, injecting an error: Input/output error");
	CU_ASSERT_EQUAL(eeh->injected.type, 1);
	CU_ASSERT_EQUAL(eeh->injected.func, 6);
	CU_ASSERT_EQUAL(eeh->injected.addr, 0x1000);
	CU_ASSERT_EQUAL(eeh->injected.mask, 0xfff);
	eeh->can_inject = true;
	CU_ASSERT_EQUAL(nvio_eeh_inject(device, &error), 0);
	CU_ASSERT_EQUAL(nvio_eeh_state(device), NVIO_EEH_STOPPED);
	CU_ASSERT_TRUE(nvio_eeh_is_frozen(device));
	/* Registers first, then DMA. */
	CU_ASSERT_EQUAL(nvio_eeh_unfreeze(device, NVIO_EEH_IO), 0);
	CU_ASSERT_EQUAL(nvio_eeh_state(device), NVIO_EEH_STOPPED_DMA);
	CU_ASSERT_TRUE(nvio_eeh_is_frozen(device));
	CU_ASSERT_EQUAL(nvio_eeh_unfreeze(device, NVIO_EEH_DMA), 0);
	CU_ASSERT_EQUAL(nvio_eeh_state(device), NVIO_EEH_NORMAL);
	CU_ASSERT_FALSE(nvio_eeh_is_frozen(device));
	CU_ASSERT_EQUAL(nvio_eeh_reset(device, NVIO_EEH_FUNDAMENTAL), 0);
	CU_ASSERT_EQUAL(eeh->asserted, VFIO_EEH_PE_RESET_FUNDAMENTAL);
	CU_ASSERT_EQUAL(nvio_eeh_state(device), NVIO_EEH_IN_RESET);
	CU_ASSERT_EQUAL(nvio_eeh_reset(device, NVIO_EEH_DEACTIVATE), 0);
	CU_ASSERT_EQUAL(eeh->asserted, 0);
	CU_ASSERT_EQUAL(nvio_eeh_configure(device), 0);
	CU_ASSERT_EQUAL(eeh->configured, 1);
	eeh->state = VFIO_EEH_PE_STATE_UNAVAIL;
	CU_ASSERT_EQUAL(nvio_eeh_state(device), NVIO_EEH_UNAVAILABLE);
	CU_ASSERT_FALSE(nvio_eeh_is_frozen(device));
	end();
}

static void failures(void)
{
	begin();
	CU_ASSERT_EQUAL(nvio_eeh_unfreeze(device, (enum nvio_eeh_traffic)4), -EINVAL);
	CU_ASSERT_EQUAL(nvio_eeh_reset(device, (enum nvio_eeh_reset)8), -EINVAL);
	CU_ASSERT_EQUAL(nvio_eeh_reset(device, (enum nvio_eeh_reset)4), -EINVAL);
	CU_ASSERT_EQUAL(nvio_eeh_recover(device, NVIO_EEH_DEACTIVATE), -EINVAL);
	fake_kernel_fail(VFIO_EEH_PE_OP, ENODEV, 0, 1);
	CU_ASSERT_EQUAL(nvio_eeh_state(device), -ENODEV);
	says("EEH, its state: No such device");
	fake_kernel_fail(VFIO_EEH_PE_OP, -3, 0, 1);
	CU_ASSERT_EQUAL(nvio_eeh_configure(device), -EIO);
	says("EEH, configuring: the kernel answers 3");
	fake_kernel_fail(VFIO_EEH_PE_OP, EIO, 0, 1);
	CU_ASSERT_EQUAL(nvio_eeh_recover(device, NVIO_EEH_HOT), -EIO);
	says("EEH, a hot reset");
	CU_ASSERT_EQUAL(eeh->hot_resets, 0);
	end();
	/* A kernel without it. */
	tce_start(BOTH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
	CU_ASSERT_FALSE(nvio_eeh_exists(device));
	CU_ASSERT_FALSE(nvio_eeh_is_frozen(device));
	CU_ASSERT_EQUAL(nvio_eeh_enable(device), -ENOTSUP);
	says("the kernel has no EEH");
	end();
	/* A machine without it, whatever the kernel says. */
	tce_start(1u << VFIO_TYPE1v2_IOMMU | EEH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
	CU_ASSERT_FALSE(nvio_eeh_exists(device));
	CU_ASSERT_EQUAL(nvio_eeh_recover(device, NVIO_EEH_HOT), -ENOTSUP);
	says("only containers of sPAPR TCE have EEH");
	end();
	/* Where it cannot be enabled a device is opened nevertheless. */
	tce_start(BOTH | EEH);
	fake_kernel_fail(VFIO_EEH_PE_OP, EIO, 0, 1);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
	CU_ASSERT_FALSE(nvio_eeh_is_alone(device));
	end();
}

/* Cut off: ones from everywhere, until a reset that is strong enough. */
static void frozen(void)
{
	const uint32_t mark = 0x600dcafe;
	uint32_t word = 0;

	begin();
	CU_ASSERT_EQUAL(nvio_device_region_write(device, 0, 64, &mark, 4), 0);
	CU_ASSERT_EQUAL(nvio_device_bus_master(device, true), 0);
	eeh->state = VFIO_EEH_PE_STATE_STOPPED;
	eeh->cure = VFIO_EEH_PE_RESET_FUNDAMENTAL;
	CU_ASSERT_EQUAL(nvio_device_region_read(device, 0, 64, &word, 4), 0);
	CU_ASSERT_EQUAL(word, UINT32_MAX);
	CU_ASSERT_EQUAL(nvio_device_bus_master(device, false), -ENODEV);
	CU_ASSERT_EQUAL(nvio_eeh_recover(device, NVIO_EEH_HOT), -ENODEV);
	says("does not come back within two seconds of a reset by EEH");
	CU_ASSERT_EQUAL(eeh->hot_resets, 1);
	CU_ASSERT_EQUAL(nvio_eeh_recover(device, NVIO_EEH_FUNDAMENTAL), 0);
	CU_ASSERT_EQUAL(eeh->fundamental_resets, 1);
	CU_ASSERT_EQUAL(eeh->configured, 2);
	CU_ASSERT_EQUAL(eeh->asserted, 0);
	CU_ASSERT_EQUAL(nvio_device_region_read(device, 0, 64, &word, 4), 0);
	CU_ASSERT_EQUAL(word, mark);
	/* Bus mastering is off. */
	CU_ASSERT_EQUAL(fake->config[4], 0);
	CU_ASSERT_EQUAL(nvio_device_bus_master(device, true), 0);
	CU_ASSERT_EQUAL(fake->config[4], 4);
	end();
}

/* The function has forgotten them, which the kernel has not. */
static void interrupts(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	begin();
	CU_ASSERT_EQUAL(nvio_device_irq_enable(device, NVIO_IRQ_MSIX, 2), 0);
	CU_ASSERT_TRUE(fake->armed[NVIO_IRQ_MSIX]);
	CU_ASSERT_EQUAL(nvio_eeh_recover(device, NVIO_EEH_HOT), 0);
	CU_ASSERT_FALSE(fake->armed[NVIO_IRQ_MSIX]);
	CU_ASSERT_EQUAL(fake->enabled[NVIO_IRQ_MSIX], 0);
	CU_ASSERT_EQUAL(nvio_device_irq_enable(device, NVIO_IRQ_MSIX, 2), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_set(device, NVIO_IRQ_MSIX, 1, fd), 0);
	CU_ASSERT_TRUE(fake->armed[NVIO_IRQ_MSIX]);
	CU_ASSERT_EQUAL(fake->eventfd[NVIO_IRQ_MSIX][1], fd);
	end();
	close(fd);
}

/* Whether something else would be reset along with it: another function, but no other group. */
static void alone(void)
{
	struct nvio_device *second;

	begin();
	CU_ASSERT_TRUE(nvio_eeh_is_alone(device));
	fake_kernel_sys("kernel/iommu_groups/7/devices/0000:00:1c.0", "");
	fake_kernel_sys("bus/pci/devices/0000:00:1c.0/class", "0x060400\n");
	CU_ASSERT_TRUE(nvio_eeh_is_alone(device));
	CU_ASSERT_EQUAL_FATAL(nvio_device_open(iommu, "0000:02:00.0", NULL, &second), 0);
	CU_ASSERT_TRUE(nvio_eeh_is_alone(device));
	fake_kernel.devices[1].eeh.state = VFIO_EEH_PE_STATE_STOPPED;
	CU_ASSERT_EQUAL(nvio_eeh_state(device), NVIO_EEH_NORMAL);
	CU_ASSERT_EQUAL(nvio_eeh_state(second), NVIO_EEH_STOPPED);
	CU_ASSERT_EQUAL(nvio_eeh_recover(second, NVIO_EEH_HOT), 0);
	CU_ASSERT_EQUAL(eeh->hot_resets, 0);
	nvio_device_close(second);
	end();
	begin();
	fake_kernel_sys("kernel/iommu_groups/7/devices/0000:01:00.1", "");
	fake_kernel_sys("bus/pci/devices/0000:01:00.1/class", "0x010802\n");
	CU_ASSERT_FALSE(nvio_eeh_is_alone(device));
	end();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "each operation", operations },
		{ "each failure has its sentence", failures },
		{ "a device that is cut off, and brought back", frozen },
		{ "interrupts after a reset", interrupts },
		{ "what is reset along with it", alone },
	};

	return tap_run("eeh", tests, sizeof(tests) / sizeof(tests[0]));
}
