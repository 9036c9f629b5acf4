/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ways into a device on the unit tests' kernel: which one is taken, files that are handed in,
 * tokens, and every refusal without a file left open.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <nvio/iommu.h>

#include "cdev_bench.h"
#include "tap.h"
#include "vfio/uapi.h"

#define UUID       "01234567-89ab-cdef-0123-456789abcdef"
#define OTHER_UUID "11234567-89ab-cdef-0123-456789abcdef"

static char page[4096] __attribute__((aligned(4096)));

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
		fake_kernel_start(1, true);
		CU_ASSERT_EQUAL(open_named(NAME, both[i], UUID), -EINVAL);
		CU_ASSERT(strstr(nvio_last_error(), "takes no token (vf_token)") != NULL);
		CU_ASSERT_EQUAL(fake_kernel_end(), 0);
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
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, page, 4096, IOVA, NVIO_DMA_RW), 0);
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
	static const char *const malformed[] = { "fd:",     "fd:5",    "fd:5,",  "fd:5,6,7",
						 "fd:-1,5", "fd:5,-6", "fd:x,5", "fd: 5,6" };
	char name[32];
	int other;

	fake_kernel_start(1, true);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		CU_ASSERT_EQUAL(open_named(malformed[i], NVIO_WAY_AUTO, NULL), -EINVAL);
	other = fake_kernel_file(FAKE_OTHER, 0);
	/* No number of a file, though its lower 32 bits are one. */
	snprintf(name, sizeof(name), "fd:%lld,%d", (1ll << 32) + other, other);
	CU_ASSERT_EQUAL(open_named(name, NVIO_WAY_AUTO, NULL), -EINVAL);
	CU_ASSERT(strstr(nvio_last_error(), "expected the numbers of its file") != NULL);
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

static const struct tap_test tests[] = {
	{ "the way is chosen, or forced", ways },
	{ "tokens of virtual functions", tokens },
	{ "files that are handed in", handed_in },
	{ "wrong files", wrong_files },
	{ "each refusal has its sentence and leaves no file open", refusals },
};

int main(void)
{
	return tap_run("ways", tests, sizeof(tests) / sizeof(tests[0]));
}
