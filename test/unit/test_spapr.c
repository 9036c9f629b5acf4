/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Containers of sPAPR TCE on the unit tests' kernel: which version is taken, which window is made,
 * each refusal, and that nothing is left. Maps are in test_spapr_maps.c.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/vfio.h>
#include <string.h>

#include <nvio/iommu.h>

#include "nvio/view.h"
#include "spapr_bench.h"
#include "tap.h"

/* As they are in the kernel's interface on POWER. */
static_assert(VFIO_SPAPR_TCE_IOMMU == 2 && VFIO_SPAPR_TCE_v2_IOMMU == 7, "number");
static_assert(VFIO_IOMMU_SPAPR_TCE_GET_INFO == _IO(';', 112), "number");
static_assert(VFIO_IOMMU_ENABLE == _IO(';', 115), "number");
static_assert(VFIO_IOMMU_DISABLE == _IO(';', 116), "number");
static_assert(VFIO_IOMMU_SPAPR_REGISTER_MEMORY == _IO(';', 117), "number");
static_assert(VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY == _IO(';', 118), "number");
static_assert(VFIO_IOMMU_SPAPR_TCE_CREATE == _IO(';', 119), "number");
static_assert(VFIO_IOMMU_SPAPR_TCE_REMOVE == _IO(';', 120), "number");
static_assert(sizeof(struct vfio_iommu_spapr_tce_info) == 32, "layout");
static_assert(offsetof(struct vfio_iommu_spapr_tce_info, ddw) == 16, "layout");
static_assert(sizeof(struct vfio_iommu_spapr_register_memory) == 24, "layout");
static_assert(sizeof(struct vfio_iommu_spapr_tce_create) == 40, "layout");
static_assert(offsetof(struct vfio_iommu_spapr_tce_create, start_addr) == 32, "layout");
static_assert(sizeof(struct vfio_iommu_spapr_tce_remove) == 16, "layout");

#define HIGH (1ull << 59)

static char pages[4 * MIB] __attribute__((aligned(2 * MIB)));

static void fails(enum nvio_way way, int err, const char *text)
{
	CU_ASSERT_EQUAL(open_with(way, 0), -err);
	says(text);
	CU_ASSERT_EQUAL(tce->locked, 0);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

/* Where the window is, and its entries. */
static void window_is(int slot, uint64_t at, uint64_t len, uint32_t shift)
{
	struct nvio_tce_info info;

	CU_ASSERT_EQUAL(tce->of[0].windows[slot].start, at);
	CU_ASSERT_EQUAL(tce->of[0].windows[slot].len, len);
	CU_ASSERT_EQUAL(tce->of[0].windows[slot].shift, shift);
	CU_ASSERT_EQUAL(nvio_device_tce_info(device, &info, sizeof(info)), 0);
	CU_ASSERT_EQUAL(info.window_start, at);
	CU_ASSERT_EQUAL(info.window_len, len);
	CU_ASSERT_EQUAL(info.entry_len, 1ull << shift);
}

static void version_2(void)
{
	struct nvio_iommu_info info;
	struct nvio_iova_range range;
	struct nvio_tce_info windows;

	tce_start(BOTH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
	CU_ASSERT_EQUAL(fake_kernel.container_type, VFIO_SPAPR_TCE_v2_IOMMU);
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_STRING_EQUAL(info.type, "spapr-tce-v2");
	CU_ASSERT_EQUAL(info.page_sizes, 4096);
	window_is(0, 0, 4 * GIB, 12);
	CU_ASSERT_EQUAL(tce->of[0].windows[1].len, 0);
	/* Without the addresses of the host bridge's own. */
	CU_ASSERT_EQUAL(info.nr_ranges, 1);
	CU_ASSERT_EQUAL(nvio_iommu_range(iommu, 0, &range), 0);
	CU_ASSERT_EQUAL(range.last, 2 * GIB - 1);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, LOW, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 1);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].vaddr, (uintptr_t)pages);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].iova, LOW);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].len, 8192);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].flags, VFIO_DMA_MAP_FLAG_READ);
	CU_ASSERT_EQUAL(tce->locked, 8192);
	nvio_device_tce_info(device, &windows, sizeof(windows));
	CU_ASSERT_EQUAL(windows.version, 2);
	CU_ASSERT_EQUAL(windows.max_windows, 2);
	CU_ASSERT_EQUAL(windows.default_len, GIB);
	CU_ASSERT_EQUAL(windows.entry_lens, 0x1211000);
	CU_ASSERT_EQUAL(windows.levels, 1);
	CU_ASSERT_EQUAL(windows.nr_registered, 1);
	CU_ASSERT_EQUAL(windows.registered_len, 8192);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, LOW, 8192), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 0);
	CU_ASSERT_EQUAL(tce->nr_regions, 0);
	CU_ASSERT_EQUAL(tce->locked, 0);
	CU_ASSERT_EQUAL(nvio_iommu_dirty_start(iommu), -ENOTSUP);
	/* What is mapped at the end goes with the container. */
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, LOW, NVIO_DMA_RW), 0);
	end();
}

/* As large as the pages are, and the machine allows. */
static void entries(void)
{
	tce_start(BOTH);
	tce->backing = 2 * MIB;
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_GROUP, 2 * MIB), 0);
	window_is(0, 0, 1024 * GIB, 21);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4 * MIB, 4 * MIB, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, MIB, 64 * MIB, NVIO_DMA_RW), -EINVAL);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 2 * MIB, 65 * MIB, NVIO_DMA_RW), -EINVAL);
	end();
	tce_start(BOTH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 65536), 0);
	window_is(0, 0, 64 * GIB, 16);
	end();
	tce_start(BOTH);
	tce->page_sizes = 1 << 12 | 2 * MIB;
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 16 * MIB), 0);
	window_is(0, 0, 1024 * GIB, 21);
	end();
}

/* None that memory in such pages would do for, or none at all: the default one is kept. */
static void default_window(void)
{
	for (int i = 0; i < 2; i++) {
		tce_start(BOTH);
		tce->page_sizes = 1 << 12 | 1 << 24;
		if (i)
			tce->max_windows = 0;
		else
			tce->page_sizes = 1 << 24;
		CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
		CU_ASSERT_TRUE(tce->of[0].pending);
		tce->page_sizes |= 1 << 12;
		CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, LOW, NVIO_DMA_RW), 0);
		window_is(0, 0, GIB, 12);
		end();
	}
}

static void fallbacks(void)
{
	struct nvio_iova_range range;

	/* As long as it can be, with as many levels as that takes. */
	tce_start(BOTH);
	tce->longest = 4 * GIB;
	tce->levels = 3;
	tce->levels_needed = 2;
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 2 * MIB), 0);
	window_is(0, 0, 4 * GIB, 21);
	end();
	/* Smaller entries where there is no room for larger ones. */
	tce_start(BOTH);
	fake_kernel_fail(VFIO_IOMMU_SPAPR_TCE_CREATE, ENOMEM, 0, 15);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 2 * MIB), 0);
	window_is(0, 0, 64 * GIB, 16);
	end();
	/* The default one again. */
	tce_start(BOTH);
	fake_kernel_fail(VFIO_IOMMU_SPAPR_TCE_CREATE, ENOMEM, 0, 33);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 2 * MIB), 0);
	window_is(0, 0, GIB, 12);
	end();
	/* One that cannot be removed stays beside the other. */
	tce_start(BOTH);
	fake_kernel_fail(VFIO_IOMMU_SPAPR_TCE_REMOVE, EPERM, 0, 1);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 65536), 0);
	window_is(1, HIGH, 64 * GIB, 16);
	CU_ASSERT_EQUAL(nvio_iommu_range(iommu, 0, &range), 0);
	CU_ASSERT_EQUAL(range.start, HIGH);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 65536, LOW, NVIO_DMA_RW), -EINVAL);
	end();
	tce_start(BOTH);
	fake_kernel_fail(VFIO_IOMMU_SPAPR_TCE_CREATE, EIO, 0, UINT32_MAX);
	fails(NVIO_WAY_AUTO, EIO, "no DMA window can be made");
	/* It is of no use to go on after this. */
	tce_start(BOTH);
	fake_kernel_fail(VFIO_IOMMU_SPAPR_TCE_CREATE, ENODEV, 0, UINT32_MAX);
	fails(NVIO_WAY_AUTO, ENODEV, "boot it with disable_ddw");
}

static void version_1(void)
{
	static const enum nvio_way ways[] = { NVIO_WAY_AUTO, NVIO_WAY_TCE_V1 };
	struct nvio_iommu_info info;

	for (int i = 0; i < 2; i++) {
		tce_start(i ? BOTH : 1u << VFIO_SPAPR_TCE_IOMMU);
		CU_ASSERT_EQUAL_FATAL(open_with(ways[i], 0), 0);
		nvio_iommu_get_info(iommu, &info, sizeof(info));
		CU_ASSERT_STRING_EQUAL(info.type, "spapr-tce");
		window_is(0, 0, GIB, 12);
		CU_ASSERT_EQUAL(tce->locked, GIB);
		CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, 0, NVIO_DMA_WRITE), 0);
		CU_ASSERT_EQUAL(fake_kernel.maps[0].flags, VFIO_DMA_MAP_FLAG_WRITE);
		CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, 0, 8192), 0);
		tce->backing = 2048;
		CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, 0, NVIO_DMA_WRITE), -EINVAL);
		says("is in smaller pages than the entries");
		CU_ASSERT_EQUAL(tce->nr_regions, 0);
		nvio_device_close(device);
		nvio_iommu_close(iommu);
		CU_ASSERT_EQUAL(tce->disables, 1);
		CU_ASSERT_EQUAL(fake_kernel_end(), 0);
	}
	/* v2 is offered and refused. */
	tce_start(BOTH);
	fake_kernel_fail(VFIO_SET_IOMMU, EPERM, 0, 1);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
	CU_ASSERT_EQUAL(fake_kernel.container_type, VFIO_SPAPR_TCE_IOMMU);
	end();
}

static void refusals(void)
{
	tce_start(0);
	fails(NVIO_WAY_AUTO, ENOTSUP, "the kernel has no TYPE1 IOMMU driver");
	tce_start(1u << VFIO_TYPE1v2_IOMMU);
	fails(NVIO_WAY_TCE_V1, ENOTSUP, "no IOMMU driver for sPAPR TCE v1");
	tce_start(BOTH);
	fake_kernel_fail(VFIO_SET_IOMMU, EPERM, 0, 2);
	fails(NVIO_WAY_AUTO, EPERM, "the DMA windows of IOMMU group 7 are not for spapr-tce");
	tce_start(BOTH);
	fake_kernel_fail(VFIO_SET_IOMMU, EBUSY, 0, 2);
	fails(NVIO_WAY_AUTO, EBUSY, "IOMMU group 7 is attached elsewhere");
	tce_start(BOTH);
	fake_kernel_fail(VFIO_IOMMU_SPAPR_TCE_GET_INFO, ENXIO, 0, 1);
	fails(NVIO_WAY_AUTO, ENXIO, "the IOMMU does not tell its windows");
	tce_start(BOTH);
	tce->default_len = 0;
	tce->max_windows = 0;
	fails(NVIO_WAY_AUTO, EPROTO, "makes no sense");
	tce_start(BOTH);
	tce->memlock = 64 * MIB;
	fails(NVIO_WAY_TCE_V1, ENOMEM,
	      "sPAPR TCE v1 charges its whole DMA window of 1073741824 bytes as locked memory");
	tce_start(BOTH);
	fake_kernel_fail(VFIO_IOMMU_ENABLE, ENODEV, 0, 1);
	fails(NVIO_WAY_TCE_V1, ENODEV, "its DMA window cannot be enabled");
	tce_start(BOTH);
	fake_kernel_fail(VFIO_GROUP_GET_DEVICE_FD, EIO, 0, 1);
	fails(NVIO_WAY_AUTO, EIO, "does not hand the device out");
	tce_start(BOTH);
	CU_ASSERT_EQUAL(open_with((enum nvio_way)5, 0), -EINVAL);
	CU_ASSERT_EQUAL(open_with(NVIO_WAY_AUTO, 12345), -EINVAL);
	says("memory is not in pages of 12345 bytes");
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
	/* What others have is not there. */
	tce_start(1u << VFIO_TYPE1v2_IOMMU);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 2 * MIB), 0);
	CU_ASSERT_EQUAL(nvio_device_tce_info(device, &(struct nvio_tce_info){ 0 }, 8), -ENOTSUP);
	end();
}

/* As nvio vfio does. */
static char *print(bool as_json)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct json json = { .out = f };
	struct view v = { .out = f, .json = as_json ? &json : NULL };

	if (as_json)
		json_open(&json, NULL, '{');
	view_tce(&v, device);
	view_eeh(&v, device);
	if (as_json)
		json_close(&json, '}');
	fclose(f);
	return text;
}

static void printed(void)
{
	char *text;

	tce_start(BOTH | EEH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 65536), 0);
	fake_kernel.devices[0].eeh.state = VFIO_EEH_PE_STATE_STOPPED_DMA;
	text = print(false);
	CU_ASSERT_STRING_EQUAL(text, "DMA window: 0x0 + 0x1000000000 in entries of 65536 bytes; by "
				     "default 0x0 + 0x40000000\n"
				     "windows that can be made: 2, entries of (bits) 0x1211000, up "
				     "to 1 levels\n"
				     "EEH state: DMA stopped\n");
	free(text);
	text = print(true);
	CU_ASSERT(strstr(text, "\"entry_bytes\": 65536") != NULL);
	CU_ASSERT(strstr(text, "\"eeh_state\": \"DMA stopped\"") != NULL);
	free(text);
	end();
	/* Nothing where there is none. */
	tce_start(1u << VFIO_TYPE1v2_IOMMU | EEH);
	CU_ASSERT_EQUAL_FATAL(open_with(NVIO_WAY_AUTO, 0), 0);
	text = print(false);
	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
	end();
}

static const struct tap_test tests[] = {
	{ "version 2: a window, memory registered around maps", version_2 },
	{ "entries as large as the pages", entries },
	{ "the default window", default_window },
	{ "windows that cannot be", fallbacks },
	{ "version 1", version_1 },
	{ "each refusal has its sentence and leaves no file open", refusals },
	{ "what nvio vfio prints", printed },
};

int main(void)
{
	return tap_run("spapr", tests, sizeof(tests) / sizeof(tests[0]));
}
