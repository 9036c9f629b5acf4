/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Containers, groups and their devices on the unit tests' kernel: the order of calls, what is
 * mapped and counted, every refusal, and that no file stays open.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <nvio/iommu.h>

#include "fake_kernel.h"
#include "tap.h"

#define NAME "0000:01:00.0"

static char pages[8192] __attribute__((aligned(4096)));

static struct nvio_iommu *iommu;
static struct nvio_device *device;

static int open_one(void)
{
	int err = nvio_iommu_open(NULL, &iommu);

	if (!err)
		err = nvio_device_open(iommu, NAME, NULL, &device);
	if (err)
		nvio_iommu_close(iommu);
	return err;
}

static void close_one(void)
{
	nvio_device_close(device);
	nvio_iommu_close(iommu);
}

/* Opening has to fail, for this reason, and leave nothing behind. */
static void refused(int err, const char *text)
{
	CU_ASSERT_EQUAL(open_one(), -err);
	CU_ASSERT(strstr(nvio_last_error(), text) != NULL);
	if (!strstr(nvio_last_error(), text))
		puts(nvio_last_error());
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static void opens_and_maps(void)
{
	struct nvio_iommu_info info;
	struct nvio_iova_range range;

	fake_kernel_start(1, false);
	CU_ASSERT_EQUAL_FATAL(open_one(), 0);
	CU_ASSERT_EQUAL(fake_kernel.container_type, VFIO_TYPE1v2_IOMMU);
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_STRING_EQUAL(info.type, "type1v2");
	CU_ASSERT_EQUAL(info.maps_left, 65535);
	/* The function's own BAR is taken out of what the kernel allows. */
	CU_ASSERT_EQUAL(info.nr_ranges, 3);
	CU_ASSERT_EQUAL(nvio_iommu_range(iommu, 0, &range), 0);
	CU_ASSERT_EQUAL(range.last, 0xfdffffff);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, 0x100000, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 1);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].vaddr, (uintptr_t)pages);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].iova, 0x100000);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].len, 8192);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].flags, VFIO_DMA_MAP_FLAG_READ);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, 0x101000, NVIO_DMA_RW), -EEXIST);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, 0x100000, 4096), -EINVAL);
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.nr_maps, 1);
	CU_ASSERT_EQUAL(info.maps_left, 65534);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, 0x100000, 8192), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 0);
	close_one();
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static void old_kernels(void)
{
	struct nvio_iommu_info info;

	fake_kernel_start(1, false);
	fake_kernel.extensions = 1u << VFIO_TYPE1_IOMMU;
	fake_kernel.iova_caps = false;
	CU_ASSERT_EQUAL_FATAL(open_one(), 0);
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_STRING_EQUAL(info.type, "type1");
	CU_ASSERT_EQUAL(info.maps_left, UINT32_MAX);
	close_one();
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);

	/* Version 2 is offered but refused. */
	fake_kernel_start(1, false);
	fake_kernel_fail(VFIO_SET_IOMMU, ENODEV, 0, 1);
	CU_ASSERT_EQUAL_FATAL(open_one(), 0);
	CU_ASSERT_EQUAL(fake_kernel.container_type, VFIO_TYPE1_IOMMU);
	close_one();
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static void refusals(void)
{
	fake_kernel_start(1, false);
	fake_kernel.api_version = 1;
	refused(EPROTO, "speaks VFIO API version 1, nvio speaks 0");
	fake_kernel_start(1, false);
	fake_kernel.extensions = 0;
	refused(ENOTSUP, "no TYPE1 IOMMU driver");
	fake_kernel_start(1, false);
	fake_kernel.viable = false;
	refused(EPERM, "IOMMU group 7 is not viable: every device in it must be bound to vfio-pci "
		       "or to no driver; it holds " NAME " (vfio-pci)");
	fake_kernel_start(1, false);
	fake_kernel_fail(VFIO_SET_IOMMU, EPERM, 0, 2);
	refused(EPERM, "does not isolate interrupts");
	fake_kernel_start(1, false);
	fake_kernel_fail(VFIO_GROUP_SET_CONTAINER, EBUSY, 0, 1);
	refused(EBUSY, "IOMMU group 7 is attached elsewhere");
	fake_kernel_start(1, false);
	fake_kernel_fail(VFIO_GROUP_GET_STATUS, EIO, 0, 1);
	refused(EIO, "group 7 does not tell its status");
	fake_kernel_start(1, false);
	fake_kernel_fail(VFIO_IOMMU_GET_INFO, EIO, 0, 1);
	refused(EIO, "the IOMMU does not tell its limits");
	fake_kernel_start(1, false);
	fake_kernel_fail(VFIO_GROUP_GET_DEVICE_FD, EIO, 0, 1);
	refused(EIO, "does not hand the device out");
	fake_kernel_start(1, false);
	fake_kernel_fail(VFIO_DEVICE_GET_INFO, EIO, 0, 1);
	refused(EIO, "does not tell what it is");
	fake_kernel_start(1, false);
	fake_kernel_fail(VFIO_DEVICE_GET_REGION_INFO, EIO, 4, 1);
	refused(EIO, "does not tell what region 3 is");
	fake_kernel_start(1, false);
	fake_kernel_fail(0, EACCES, 0, 1);
	refused(EACCES, "it should be mode 0666");
	fake_kernel_start(1, false);
	fake_kernel_fail(0, EACCES, 1, 1);
	refused(EACCES, "give this user access with `chown");
	fake_kernel_start(1, false);
	fake_kernel_fail(0, EBUSY, 1, 1);
	refused(EBUSY, "/vfio/7 is in use");
}

/* Signals and passing states: asked again, and given up at some time. */
static void asks_again(void)
{
	fake_kernel_start(1, false);
	fake_kernel_fail(VFIO_GROUP_GET_DEVICE_FD, EINTR, 0, 3);
	fake_kernel_fail(VFIO_IOMMU_MAP_DMA, EAGAIN, 0, 20);
	CU_ASSERT_EQUAL_FATAL(open_one(), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, 0x100000, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 1);
	fake_kernel_fail(VFIO_DEVICE_RESET, EAGAIN, 0, UINT32_MAX);
	CU_ASSERT_EQUAL(nvio_device_reset(device), -EAGAIN);
	CU_ASSERT_EQUAL(fake_kernel.devices[0].resets, 0);
	close_one();
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

/* The last group that joins narrows nothing here, but has to be in the same container. */
static void groups_share(void)
{
	struct nvio_device *second;

	fake_kernel_start(2, false);
	CU_ASSERT_EQUAL_FATAL(open_one(), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, 0x100000, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_device_open(iommu, "0000:02:00.0", NULL, &second), 0);
	CU_ASSERT_EQUAL(fake_kernel.group_container[0], fake_kernel.group_container[1]);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 1);
	nvio_device_close(second);
	close_one();
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static void regions(void)
{
	struct nvio_region_info info;
	uint32_t word = 0x12345678;
	void *addr;

	fake_kernel_start(1, false);
	CU_ASSERT_EQUAL_FATAL(open_one(), 0);
	CU_ASSERT_EQUAL(nvio_device_region(device, 0, &info, sizeof(info)), 0);
	CU_ASSERT_EQUAL(info.len, FAKE_BAR_LEN);
	CU_ASSERT(info.msix_mappable);
	CU_ASSERT_EQUAL(info.nr_areas, 1);
	CU_ASSERT_EQUAL(info.areas[0].offset, FAKE_BAR_LEN / 2);
	CU_ASSERT_EQUAL(nvio_device_region_map(device, 0, 0, 4096, &addr), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_device_region_map(device, 0, 8200, 4, &addr), 0);
	CU_ASSERT_EQUAL(nvio_device_region_write(device, 0, 8200, &word, 4), 0);
	CU_ASSERT_EQUAL(*(volatile uint32_t *)addr, 0x12345678);
	CU_ASSERT_EQUAL(nvio_device_region(device, VFIO_PCI_VGA_REGION_INDEX, &info, sizeof(info)),
			0);
	CU_ASSERT_EQUAL(info.len, 0);
	CU_ASSERT_EQUAL(nvio_device_bus_master(device, true), 0);
	CU_ASSERT_EQUAL(fake_kernel.devices[0].config[4], 6);
	close_one();
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static void interrupts(void)
{
	struct fake_device *fake = &fake_kernel.devices[0];
	struct nvio_irq_info info;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	fake_kernel_start(1, false);
	fake->nr_vectors[NVIO_IRQ_MSI] = 4;
	CU_ASSERT_EQUAL_FATAL(open_one(), 0);
	CU_ASSERT_EQUAL(nvio_device_irq(device, NVIO_IRQ_MSIX, &info, sizeof(info)), 0);
	CU_ASSERT_EQUAL(info.nr_vectors, FAKE_VECTORS);
	CU_ASSERT_EQUAL(nvio_device_irq_enable(device, NVIO_IRQ_MSIX, FAKE_VECTORS + 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_irq_enable(device, NVIO_IRQ_MSI, 4), -ENOSPC);
	CU_ASSERT(strstr(nvio_last_error(), "the host has 2 interrupt vectors left") != NULL);
	CU_ASSERT_EQUAL(nvio_device_irq_enable(device, NVIO_IRQ_MSIX, 3), 0);
	CU_ASSERT_EQUAL(fake->enabled[NVIO_IRQ_MSIX], 3);
	CU_ASSERT_EQUAL(fake->eventfd[NVIO_IRQ_MSIX][2], -1);
	CU_ASSERT_EQUAL(nvio_device_irq_set(device, NVIO_IRQ_MSIX, 2, fd), 0);
	CU_ASSERT_EQUAL(fake->eventfd[NVIO_IRQ_MSIX][2], fd);
	CU_ASSERT_EQUAL(nvio_device_irq_set(device, NVIO_IRQ_MSIX, 3, fd), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_irq_enable(device, NVIO_IRQ_INTX, 1), -EBUSY);
	CU_ASSERT_EQUAL(nvio_device_irq_disable(device, NVIO_IRQ_MSIX), 0);
	CU_ASSERT_EQUAL(fake->enabled[NVIO_IRQ_MSIX], 0);
	fake->nr_vectors[NVIO_IRQ_MSIX] = 0;
	CU_ASSERT_EQUAL(nvio_device_irq_enable(device, NVIO_IRQ_MSIX, 1), -EINVAL);
	close_one();
	close(fd);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static const struct tap_test tests[] = {
	{ "a container of type1v2, its ranges and maps", opens_and_maps },
	{ "kernels with type1 alone, without capabilities", old_kernels },
	{ "each refusal has its sentence and leaves no file open", refusals },
	{ "interrupted calls are made again, for a bounded time", asks_again },
	{ "groups share a container", groups_share },
	{ "regions and configuration space", regions },
	{ "interrupts", interrupts },
};

int main(void)
{
	return tap_run("group", tests, sizeof(tests) / sizeof(tests[0]));
}
