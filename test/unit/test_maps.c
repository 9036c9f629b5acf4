/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Maps of a container on the unit tests' kernel: those that fail, their limit, all of them taken
 * back, and which pages were written.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include <nvio/iommu.h>
#include <nvio/mem.h>

#include "cdev_bench.h"
#include "tap.h"

static char pages[8192] __attribute__((aligned(4096)));

static void map_errors(void)
{
	struct nvio_iommu_info info;

	fake_kernel_start(1, false);
	fake_kernel.dma_avail = 2;
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_GROUP, NULL), 0);
	fake_kernel_fail(VFIO_IOMMU_MAP_DMA, ENOMEM, 0, 1);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, 0x100000, NVIO_DMA_RW), -ENOMEM);
	fake_kernel_fail(VFIO_IOMMU_MAP_DMA, EFAULT, 0, 1);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, 0x100000, NVIO_DMA_RW), -EFAULT);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, 0x100000, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, 0x101000, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, 0x102000, NVIO_DMA_RW), -ENOSPC);
	CU_ASSERT(strstr(nvio_last_error(), "all 2 DMA mappings that the kernel allows") != NULL);
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.maps_left, 0);
	CU_ASSERT_EQUAL(info.mapped_len, 8192);
	/* What the kernel does not take back stays counted. */
	fake_kernel_fail(VFIO_IOMMU_UNMAP_DMA, EBUSY, 0, 1);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, 0x100000, 4096), -EBUSY);
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.nr_maps, 2);
	end();
}

/* Each takes a map, and is told to need none. Rights that differ do not go into one. */
static void neighbours(void)
{
	static char own[6][4096] __attribute__((aligned(4096)));
	static const unsigned int rights[] = { NVIO_DMA_RW, NVIO_DMA_RW, NVIO_DMA_RW,
					       NVIO_DMA_READ };
	struct nvio_iommu_info info;

	fake_kernel_start(1, false);
	fake_kernel.dma_avail = 4;
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_GROUP, NULL), 0);
	/* Not in their order. */
	for (unsigned int i = 4; i-- > 0;)
		CU_ASSERT_EQUAL(nvio_mem_register(iommu, own[i], 4096, rights[i]), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, own[5], 4096, NVIO_DMA_RW), -ENOSPC);
	CU_ASSERT(strstr(nvio_last_error(), "all 4 DMA mappings that the kernel allows") != NULL);
	CU_ASSERT(strstr(nvio_last_error(), "; 2 of 4 pieces of registered memory begin where") !=
		  NULL);
	for (unsigned int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, own[i], 4096), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, own, sizeof(own), NVIO_DMA_RW), 0);
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.maps_left, 3);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 1);
	CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, own, sizeof(own)), 0);
	/* With none there is nothing to say. */
	for (unsigned int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(nvio_mem_register(iommu, own[2 * i], 4096, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, 1ull << 33, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, own[1], 4096, NVIO_DMA_RW), -ENOSPC);
	CU_ASSERT_PTR_NULL(strstr(nvio_last_error(), "pieces of registered memory"));
	end();
}

static uint32_t nr_maps(void)
{
	struct nvio_iommu_info info;

	nvio_iommu_get_info(iommu, &info, sizeof(info));
	return info.nr_maps;
}

/* At once where the kernel can, else one by one. */
static void all_maps(void)
{
	for (int at_once = 0; at_once < 2; at_once++) {
		uint32_t calls;

		fake_kernel_start(1, false);
		if (!at_once)
			fake_kernel.extensions &= ~(1u << VFIO_UNMAP_ALL);
		CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_GROUP, NULL), 0);
		for (uint64_t i = 0; i < 5; i++)
			CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, i << 20, NVIO_DMA_RW),
					0);
		fake_kernel_fail(VFIO_IOMMU_UNMAP_DMA, EBUSY, 0, 1);
		CU_ASSERT_EQUAL(nvio_iommu_unmap_all(iommu), -EBUSY);
		CU_ASSERT_EQUAL(nr_maps(), 5);
		if (!at_once)
			CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, 9 << 20, NVIO_DMA_RW),
					0);
		if (at_once) {
			calls = fake_kernel.calls;
			CU_ASSERT_EQUAL(nvio_iommu_unmap_all(iommu), 0);
			CU_ASSERT_EQUAL(fake_kernel.calls - calls, 2);
			CU_ASSERT_EQUAL(nr_maps(), 0);
			CU_ASSERT_EQUAL(fake_kernel.nr_maps, 0);
		}
		end();
	}
}

static void written_pages(void)
{
	uint64_t bitmap[2] = { 0, 0 };

	fake_kernel_start(1, false);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_GROUP, NULL), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, 1 << 20, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_iommu_dirty_read(iommu, 1 << 20, 8192, 4096, bitmap, 8, false),
			-EINVAL);
	CU_ASSERT_EQUAL(nvio_iommu_dirty_start(iommu), 0);
	CU_ASSERT(fake_kernel.dirty);
	CU_ASSERT_EQUAL(nvio_iommu_dirty_read(iommu, 1 << 20, 4096, 4096, bitmap, 8, false),
			-EINVAL);
	CU_ASSERT(strstr(nvio_last_error(), "is no whole mapping") != NULL);
	CU_ASSERT_EQUAL(nvio_iommu_dirty_read(iommu, 1 << 20, 8192, 4096, bitmap, 0, false),
			-EINVAL);
	CU_ASSERT_EQUAL(nvio_iommu_dirty_read(iommu, 1 << 20, 8192, 4096, bitmap, 8, false), 0);
	CU_ASSERT_EQUAL(bitmap[0], 0xaaaaaaaaaaaaaaaa);
	CU_ASSERT_EQUAL(bitmap[1], 0);
	CU_ASSERT_EQUAL(nr_maps(), 1);
	CU_ASSERT_EQUAL(nvio_iommu_dirty_read(iommu, 1 << 20, 8192, 4096, bitmap, 8, true), 0);
	CU_ASSERT_EQUAL(bitmap[0], 0x5555555555555555);
	CU_ASSERT_EQUAL(nr_maps(), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 0);
	CU_ASSERT_EQUAL(nvio_iommu_dirty_stop(iommu), 0);
	CU_ASSERT_FALSE(fake_kernel.dirty);
	fake_kernel_fail(VFIO_IOMMU_DIRTY_PAGES, ENOTTY, 0, 1);
	CU_ASSERT_EQUAL(nvio_iommu_dirty_start(iommu), -ENOTSUP);
	end();
}

static const struct tap_test tests[] = {
	{ "maps that fail, and the limit of maps", map_errors },
	{ "neighbours take a map each", neighbours },
	{ "all maps taken back", all_maps },
	{ "written pages", written_pages },
};

int main(void)
{
	return tap_run("maps", tests, sizeof(tests) / sizeof(tests[0]));
}
