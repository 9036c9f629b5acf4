/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Character devices and iommufd on the unit tests' kernel: which way is taken, what is bound,
 * attached and mapped, files that are handed in, and every refusal without a file left open.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <nvio/iommu.h>

#include "fake_kernel.h"
#include "tap.h"
#include "vfio/uapi.h"

#define NAME       "0000:01:00.0"
#define UUID       "01234567-89ab-cdef-0123-456789abcdef"
#define OTHER_UUID "11234567-89ab-cdef-0123-456789abcdef"
#define IOVA       0x100000000ull

static char pages[16384] __attribute__((aligned(4096)));

static struct nvio_iommu *iommu;
static struct nvio_device *device;
static struct fake_device *const fake = &fake_kernel.devices[0];

static int open_named(const char *name, enum nvio_way way, const char *token)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	struct nvio_device_opts device_opts = NVIO_DEVICE_OPTS;
	int err;

	opts.way = way;
	device_opts.vf_token = token;
	err = nvio_iommu_open(&opts, &iommu);
	if (!err)
		err = nvio_device_open(iommu, name, &device_opts, &device);
	if (err)
		nvio_iommu_close(iommu);
	return err;
}

static void end(void)
{
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	CU_ASSERT_EQUAL(fake_kernel.nr_ioas, 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 0);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static void refused(enum nvio_way way, int err, const char *text)
{
	CU_ASSERT_EQUAL(open_named(NAME, way, NULL), -err);
	CU_ASSERT(strstr(nvio_last_error(), text) != NULL);
	if (!strstr(nvio_last_error(), text))
		puts(nvio_last_error());
	CU_ASSERT_EQUAL(fake_kernel.nr_ioas, 0);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static void taken(enum nvio_way way, const char *type, const char *why)
{
	struct nvio_device_info info;
	struct nvio_iommu_info space;

	CU_ASSERT_EQUAL_FATAL(open_named(NAME, way, NULL), 0);
	nvio_device_get_info(device, &info, sizeof(info));
	nvio_iommu_get_info(iommu, &space, sizeof(space));
	CU_ASSERT_STRING_EQUAL(info.way, type);
	CU_ASSERT_STRING_EQUAL(info.why, why);
	CU_ASSERT_STRING_EQUAL(space.type, type);
	CU_ASSERT_EQUAL(info.group, 7);
	end();
}

static void ways(void)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;

	fake_kernel_start(1, true);
	taken(NVIO_WAY_AUTO, "iommufd", "the kernel has iommufd and a file for this device alone");
	fake_kernel_start(1, true);
	taken(NVIO_WAY_GROUP, "type1v2", "it was asked for");
	fake_kernel_start(1, true);
	taken(NVIO_WAY_CDEV, "iommufd", "it was asked for");
	fake_kernel_start(1, true);
	fake_kernel_sys_remove("dev/iommu");
	taken(NVIO_WAY_AUTO, "type1v2", "the kernel's iommufd is not loaded");
	fake_kernel_start(1, false);
	taken(NVIO_WAY_AUTO, "type1v2", "the kernel has no file for this device alone");
	/* The directory is there on every kernel, the number of a file not. */
	fake_kernel_start(1, true);
	fake_kernel_sys_remove("sys/bus/pci/devices/" NAME "/vfio-dev/vfio0/dev");
	taken(NVIO_WAY_AUTO, "type1v2", "the kernel has no file for this device alone");
	/* Who may use the group only gets that. */
	fake_kernel_start(1, true);
	fake_kernel_fail(0, EACCES, 0, 1);
	taken(NVIO_WAY_AUTO, "type1v2", "this user may not open iommufd or the device's own file");
	fake_kernel_start(1, true);
	fake_kernel_fail(0, EACCES, 1, 1);
	taken(NVIO_WAY_AUTO, "type1v2", "this user may not open iommufd or the device's own file");
	/* Who has accepted for containers that interrupts are not isolated gets that. */
	fake_kernel_start(1, true);
	fake_kernel_fail(NVIO_VFIO_BIND_IOMMUFD, EPERM, 0, 1);
	taken(NVIO_WAY_AUTO, "type1v2", "iommufd refuses it");
	/* Neither: then it is the first that is told. */
	fake_kernel_start(1, true);
	fake_kernel_fail(0, EACCES, 0, 2);
	refused(NVIO_WAY_AUTO, EACCES, "/vfio/devices/vfio0");
	fake_kernel_start(1, false);
	refused(NVIO_WAY_CDEV, ENOTSUP, "no file for a device alone (VFIO_DEVICE_CDEV)");
	opts.way = (enum nvio_way)99;
	CU_ASSERT_EQUAL(nvio_iommu_open(&opts, &iommu), -EINVAL);
}

static void maps(void)
{
	struct nvio_iommu_info info;
	struct nvio_iova_range range;

	fake_kernel_start(1, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, NULL), 0);
	CU_ASSERT_EQUAL(fake->attached, 100);
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.page_sizes, ~0xfffull);
	CU_ASSERT_EQUAL(info.maps_left, UINT32_MAX);
	CU_ASSERT_EQUAL(info.nr_ranges, 3);
	CU_ASSERT_EQUAL(nvio_iommu_range(iommu, 0, &range), 0);
	CU_ASSERT_EQUAL(range.last, 0xfdffffff);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, IOVA, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].vaddr, (uintptr_t)pages);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].iova, IOVA);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].len, 8192);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].flags, NVIO_IOMMU_MAP_FIXED | NVIO_IOMMU_MAP_READ);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, IOVA + 4096, NVIO_DMA_RW), -EEXIST);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, IOVA, 4096), -EINVAL);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, IOVA, 8192), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 0);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, IOVA, 8192), -EINVAL);
	fake_kernel_fail(NVIO_IOMMU_MAP, EFAULT, 0, 1);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, IOVA, NVIO_DMA_READ), -EFAULT);
	fake_kernel_fail(NVIO_IOMMU_MAP, ENOMEM, 0, 1);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, IOVA, NVIO_DMA_READ), -ENOMEM);
	CU_ASSERT_EQUAL(nvio_iommu_unmap_all(iommu), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, IOVA, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, 2 * IOVA, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL(nvio_iommu_unmap_all(iommu), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 0);
	CU_ASSERT_EQUAL(nvio_iommu_dirty_start(iommu), -ENOTSUP);
	/* What is mapped at the end goes with the address space. */
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, IOVA, NVIO_DMA_WRITE), 0);
	end();
}

/* By the file where the kernel can, else by the address, and never a file alone where it cannot. */
static void files(void)
{
	int fd;

	fake_kernel_start(1, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, NULL), 0);
	fd = fake_kernel_file(FAKE_OTHER, 0);
	CU_ASSERT_EQUAL(nvio_iommu_map_file(iommu, fd, 8192, 4096, IOVA, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].fd, fd);
	CU_ASSERT_EQUAL(fake_kernel.maps[0].vaddr, 8192);
	CU_ASSERT_EQUAL(nvio_iommu_map_file(iommu, fd, 100, 4096, IOVA, NVIO_DMA_RW), -EINVAL);
	CU_ASSERT_EQUAL(nvio_iommu_map_file(iommu, -1, 0, 4096, IOVA, NVIO_DMA_RW), -EINVAL);
	fake_kernel.map_file = false;
	CU_ASSERT_EQUAL(nvio_iommu_map_file(iommu, fd, 0, 4096, IOVA + 8192, NVIO_DMA_RW),
			-ENOTSUP);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 1);
	close(fd);
	fake_kernel.files[fd].kind = FAKE_CLOSED;
	end();
	/* A container has no such thing. */
	fake_kernel_start(1, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_GROUP, NULL), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map_file(iommu, 5, 0, 4096, IOVA, NVIO_DMA_RW), -ENOTSUP);
	end();
}

static void devices_share(void)
{
	struct nvio_device *second;

	fake_kernel_start(2, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, NULL), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, IOVA, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_device_open(iommu, "0000:02:00.0", NULL, &second), 0);
	CU_ASSERT_EQUAL(fake_kernel.devices[1].attached, fake->attached);
	CU_ASSERT_EQUAL(fake_kernel.nr_ioas, 1);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 1);
	/* Open means taken. */
	CU_ASSERT_EQUAL(nvio_device_open(iommu, NAME, NULL, &second), -EBUSY);
	CU_ASSERT(strstr(nvio_last_error(), "vfio0 is in use") != NULL);
	nvio_device_close(second);
	CU_ASSERT_EQUAL(fake_kernel.devices[1].attached, 0);
	CU_ASSERT_EQUAL(nvio_device_detach(device), 0);
	CU_ASSERT_EQUAL(fake->attached, 0);
	CU_ASSERT_EQUAL(nvio_device_detach(device), -ENOTSUP);
	end();
}

static void copies(void)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	struct nvio_device *second;
	struct nvio_iommu *to;

	fake_kernel_start(2, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, NULL), 0);
	opts.beside = iommu;
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_open(&opts, &to), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_device_open(to, "0000:02:00.0", NULL, &second), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_ioas, 2);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, IOVA, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_iommu_copy(iommu, IOVA, 4096, to, IOVA, NVIO_DMA_READ), -EINVAL);
	CU_ASSERT_EQUAL(nvio_iommu_copy(to, IOVA, 8192, iommu, IOVA, NVIO_DMA_READ), -EINVAL);
	CU_ASSERT_EQUAL(nvio_iommu_copy(iommu, IOVA, 8192, to, 2 * IOVA, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL_FATAL(fake_kernel.nr_maps, 2);
	CU_ASSERT_EQUAL(fake_kernel.maps[1].space, 101);
	CU_ASSERT_EQUAL(fake_kernel.maps[1].iova, 2 * IOVA);
	CU_ASSERT_EQUAL(fake_kernel.maps[1].flags, NVIO_IOMMU_MAP_FIXED | NVIO_IOMMU_MAP_READ);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(to, 2 * IOVA, 8192), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 1);
	nvio_device_close(second);
	nvio_iommu_close(to);
	end();
}

static void settings(void)
{
	const struct nvio_iova_range ranges[] = { { 0x1000, 0x1fff } };
	struct nvio_iommu_hw hw;
	bool value = false;

	fake_kernel_start(1, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, NULL), 0);
	CU_ASSERT_EQUAL(nvio_iommu_option(iommu, NVIO_IOMMU_LARGE_PAGES, false, &value), 0);
	CU_ASSERT(value);
	value = false;
	CU_ASSERT_EQUAL(nvio_iommu_option(iommu, NVIO_IOMMU_LARGE_PAGES, true, &value), 0);
	CU_ASSERT_EQUAL(fake_kernel.huge_pages, 0);
	value = true;
	CU_ASSERT_EQUAL(nvio_iommu_option(iommu, NVIO_IOMMU_MEMLOCK_OF_PROCESS, true, &value), 0);
	CU_ASSERT_EQUAL(fake_kernel.rlimit_mode, 1);
	CU_ASSERT_EQUAL(nvio_iommu_allow(iommu, ranges, 1), 0);
	CU_ASSERT_EQUAL(nvio_iommu_allow(iommu, ranges, 0), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_iommu_hw(device, &hw, sizeof(hw)), 0);
	CU_ASSERT(hw.type == 1 && hw.dirty_tracking && hw.max_pasid_log2 == 20);
	end();
	fake_kernel_start(1, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_GROUP, NULL), 0);
	CU_ASSERT_EQUAL(nvio_iommu_option(iommu, NVIO_IOMMU_LARGE_PAGES, false, &value), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_iommu_allow(iommu, ranges, 1), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_device_iommu_hw(device, &hw, sizeof(hw)), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_device_detach(device), -ENOTSUP);
	end();
}

static void tokens(void)
{
	static const enum nvio_way both[] = { NVIO_WAY_GROUP, NVIO_WAY_CDEV };

	for (int i = 0; i < 2; i++) {
		fake_kernel_start(1, true);
		strcpy(fake->token, UUID);
		CU_ASSERT_EQUAL(open_named(NAME, both[i], NULL), -EACCES);
		CU_ASSERT(strstr(nvio_last_error(), "is wanted (vf_token)") != NULL);
		CU_ASSERT_EQUAL(open_named(NAME, both[i], "01234567"), -EINVAL);
		CU_ASSERT(strstr(nvio_last_error(), "is no UUID") != NULL);
		CU_ASSERT_EQUAL(open_named(NAME, both[i], OTHER_UUID), -EACCES);
		CU_ASSERT_EQUAL_FATAL(open_named(NAME, both[i], UUID), 0);
		end();
	}
	/* Left to choose, it is the group's. */
	fake_kernel_start(1, true);
	strcpy(fake->token, UUID);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, UUID), 0);
	CU_ASSERT_EQUAL(fake_kernel.nr_ioas, 0);
	end();
}

/* No path is touched: the machine has none. */
static void handed_in(void)
{
	struct nvio_device_info info;
	struct nvio_iova_range range;
	char name[32];
	int fd, iommufd;

	fake_kernel_start(1, false);
	fd = fake_kernel_file(FAKE_CDEV, 0);
	iommufd = fake_kernel_file(FAKE_IOMMUFD, 0);
	fake_kernel_fail(0, ENOENT, 0, UINT32_MAX);
	snprintf(name, sizeof(name), "fd:%d,%d", fd, iommufd);
	CU_ASSERT_EQUAL_FATAL(open_named(name, NVIO_WAY_AUTO, NULL), 0);
	nvio_device_get_info(device, &info, sizeof(info));
	CU_ASSERT_STRING_EQUAL(info.name, name);
	CU_ASSERT_EQUAL(info.class_code, 0x010802);
	CU_ASSERT_EQUAL(info.vendor, 0x1b36);
	CU_ASSERT_EQUAL(info.device, 0x10);
	CU_ASSERT_EQUAL(info.group, -1);
	CU_ASSERT_EQUAL(nvio_iommu_range(iommu, 0, &range), 0);
	CU_ASSERT_EQUAL(range.start, 1ull << 32);
	CU_ASSERT_EQUAL(range.last, (4ull << 32) - 1);
	CU_ASSERT_EQUAL(nvio_iommu_range(iommu, 1, &range), 0);
	CU_ASSERT_EQUAL(range.start, 5ull << 32);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 4096, IOVA, NVIO_DMA_RW), 0);
	/* Ours are still open when theirs are not. */
	close(fd);
	close(iommufd);
	fake_kernel.files[fd].kind = FAKE_CLOSED;
	fake_kernel.files[iommufd].kind = FAKE_CLOSED;
	CU_ASSERT_EQUAL(nvio_device_reset(device), 0);
	CU_ASSERT_EQUAL(fake->resets, 1);
	end();
}

static void wrong_files(void)
{
	static const char *const malformed[] = { "fd:",     "fd:5",    "fd:5,", "fd:5,6,7",
						 "fd:-1,5", "fd:5,-6", "fd:x,5" };
	char name[32];
	int other;

	fake_kernel_start(1, true);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		CU_ASSERT_EQUAL(open_named(malformed[i], NVIO_WAY_AUTO, NULL), -EINVAL);
	other = fake_kernel_file(FAKE_OTHER, 0);
	snprintf(name, sizeof(name), "fd:%d,%d", other, other);
	CU_ASSERT_EQUAL(open_named(name, NVIO_WAY_AUTO, NULL), -EINVAL);
	CU_ASSERT(strstr(nvio_last_error(), "no address space of iommufd comes out of file") !=
		  NULL);
	CU_ASSERT_EQUAL(open_named("fd:200,201", NVIO_WAY_AUTO, NULL), -EBADF);
	fake_kernel.files[other].kind = FAKE_IOMMUFD;
	CU_ASSERT_EQUAL(open_named(name, NVIO_WAY_AUTO, NULL), -EINVAL);
	CU_ASSERT(strstr(nvio_last_error(), "is no device of VFIO that can be bound") != NULL);
	CU_ASSERT_EQUAL(fake_kernel_end(), 1);
}

static void refusals(void)
{
	fake_kernel_start(1, true);
	fake_kernel_fail(NVIO_IOMMU_IOAS_ALLOC, ENOMEM, 0, 1);
	refused(NVIO_WAY_AUTO, ENOMEM, "no address space of iommufd");
	fake_kernel_start(1, true);
	fake_kernel_fail(NVIO_VFIO_BIND_IOMMUFD, EBUSY, 0, 1);
	refused(NVIO_WAY_AUTO, EBUSY, "it holds " NAME " (vfio-pci)");
	fake_kernel_start(1, true);
	fake_kernel_fail(NVIO_VFIO_ATTACH_PT, EPERM, 0, 1);
	refused(NVIO_WAY_CDEV, EPERM, "allow_unsafe_interrupts=1 of iommufd");
	fake_kernel_start(1, true);
	fake_kernel_fail(NVIO_VFIO_ATTACH_PT, EADDRINUSE, 0, 1);
	refused(NVIO_WAY_AUTO, EADDRINUSE, "something is mapped where it cannot reach");
	fake_kernel_start(1, true);
	fake_kernel_fail(NVIO_IOMMU_IOVA_RANGES, EIO, 0, 1);
	refused(NVIO_WAY_AUTO, EIO, "does not tell its IOVAs");
	fake_kernel_start(1, true);
	fake_kernel_fail(VFIO_DEVICE_GET_INFO, EIO, 0, 1);
	CU_ASSERT_EQUAL(open_named(NAME, NVIO_WAY_AUTO, NULL), -EIO);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
	/* A reset that ends is waited for. */
	fake_kernel_start(1, true);
	fake->attach_busy = 200;
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, NULL), 0);
	CU_ASSERT_EQUAL(fake->attach_busy, 0);
	end();
	fake_kernel_start(1, true);
	fake->attach_busy = UINT32_MAX;
	refused(NVIO_WAY_AUTO, EBUSY, "cannot be attached to the address space");
}

static void hot_resets(void)
{
	struct nvio_reset_device devices[2];
	struct nvio_device *second;

	fake_kernel_start(2, true);
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_AUTO, NULL), 0);
	CU_ASSERT_EQUAL(nvio_device_hot_reset_info(device, devices, 2), 2);
	CU_ASSERT(devices[0].owned && !devices[1].owned && devices[0].group == -1);
	CU_ASSERT_EQUAL(nvio_device_hot_reset(device), -EPERM);
	CU_ASSERT(strstr(nvio_last_error(), "whose devices are not all ours") != NULL);
	CU_ASSERT_EQUAL_FATAL(nvio_device_open(iommu, "0000:02:00.0", NULL, &second), 0);
	CU_ASSERT_EQUAL(nvio_device_hot_reset(device), 0);
	CU_ASSERT_EQUAL(fake->hot_resets, 1);
	nvio_device_close(second);
	end();
}

static const struct tap_test tests[] = {
	{ "the way is chosen, or forced", ways },
	{ "maps", maps },
	{ "maps of files", files },
	{ "devices share an address space; detach", devices_share },
	{ "copies of maps", copies },
	{ "options, allowed IOVAs, hardware", settings },
	{ "tokens of virtual functions", tokens },
	{ "files that are handed in", handed_in },
	{ "wrong files", wrong_files },
	{ "each refusal has its sentence and leaves no file open", refusals },
	{ "hot resets", hot_resets },
};

int main(void)
{
	return tap_run("cdev", tests, sizeof(tests) / sizeof(tests[0]));
}
