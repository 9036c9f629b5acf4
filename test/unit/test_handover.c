/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handing an address space over, on the unit tests' kernel: the same process takes it over, as
 * after an execve() that failed. Files and maps are the same ones, the memory has what it had, and
 * where something is wrong nothing is left open.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <string.h>
#include <unistd.h>

#include <nvio/feature.h>
#include <nvio/handover.h>

#include "vfio/device.h"
#include "vfio/handover.h"
#include "cdev_bench.h"
#include "tap.h"
#include "vfio/uapi.h"

#define OTHER "0000:02:00.0"

static char *data;
static uint64_t data_iova;

static void start(enum nvio_way way, unsigned int nr)
{
	fake_kernel_start(nr, way == NVIO_WAY_CDEV);
	if (open_named(NAME, way, NULL))
		CU_FAIL_FATAL(nvio_last_error());
	data = nvio_alloc(iommu, 8192, 4096);
	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, data, 8192, NVIO_DMA_RW, &data_iova), 8192);
	strcpy(data, "still there");
}

static bool closes_on_exec(int fd)
{
	return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

/* Everything is given up; only files and maps are left. */
static int give_up(void)
{
	int file = -1;

	CU_ASSERT_EQUAL_FATAL(nvio_device_hand_over(device), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_hand_over(iommu, &file), 0);
	CU_ASSERT(file >= 0 && !closes_on_exec(file));
	return file;
}

static void take_up(int file)
{
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_take_over(file, &iommu), 0);
	CU_ASSERT_EQUAL(fcntl(file, F_GETFD), -1);
	CU_ASSERT_EQUAL_FATAL(nvio_device_open(iommu, "01:00.0", NULL, &device), 0);
	data = nvio_mem_at(iommu, data_iova, 8192);
	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	CU_ASSERT_STRING_EQUAL(data, "still there");
}

/* One after the other: @way's files are open all the time, and no device is opened twice. */
static void hand_over(enum nvio_way way)
{
	uint32_t opens, devid;
	struct nvio_device_info info;
	struct nvio_heap_info before, after;
	struct fake_mapping map;
	int fd, file;

	start(way, 1);
	nvio_heap_get_info(iommu, &before, sizeof(before));
	opens = fake_kernel.opens;
	devid = fake->bound;
	fd = fake->fd;
	map = fake_kernel.maps[0];
	CU_ASSERT_EQUAL(nvio_device_irq_enable(device, NVIO_IRQ_MSIX, 2), 0);
	fake->features = 0xfff;
	CU_ASSERT_EQUAL(nvio_device_sleep(device, -1), 0);
	for (int i = 0; i < 3; i++) {
		file = give_up();
		CU_ASSERT_EQUAL(fake->enabled[NVIO_IRQ_MSIX], 0);
		CU_ASSERT_FALSE(fake->low_power);
		CU_ASSERT(fake->fd == fd && !closes_on_exec(fd));
		take_up(file);
		CU_ASSERT(closes_on_exec(fd));
		CU_ASSERT_EQUAL(fake_kernel.nr_maps, 1);
		CU_ASSERT_EQUAL(fake_kernel.maps[0].iova, map.iova);
		CU_ASSERT_EQUAL(fake_kernel.maps[0].flags, map.flags);
		CU_ASSERT_EQUAL(fake_kernel.maps[0].vaddr,
				way == NVIO_WAY_CDEV ? 0 : (uintptr_t)data & -2097152ul);
	}
	CU_ASSERT_EQUAL(fake->bound, devid);
	CU_ASSERT_EQUAL(fake_kernel.opens, opens);
	CU_ASSERT_EQUAL(fake->resets, 0);
	nvio_device_get_info(device, &info, sizeof(info));
	CU_ASSERT_STRING_EQUAL(info.way, way == NVIO_WAY_CDEV ? "iommufd" : "type1v2");
	CU_ASSERT_STRING_EQUAL(info.why, "it was handed over");
	nvio_heap_get_info(iommu, &after, sizeof(after));
	CU_ASSERT_STRING_EQUAL(after.backing, before.backing);
	CU_ASSERT_EQUAL(after.page_len, before.page_len);
	CU_ASSERT_EQUAL(after.len, before.len);
	CU_ASSERT_EQUAL(after.used_len, before.used_len);
	CU_ASSERT_EQUAL(after.max_len, before.max_len);
	CU_ASSERT_EQUAL(after.nr_regions, before.nr_regions);
	nvio_free(iommu, data);
	nvio_heap_get_info(iommu, &after, sizeof(after));
	CU_ASSERT_EQUAL(after.used_len, 0);
	end();
}

static void by_group(void)
{
	hand_over(NVIO_WAY_GROUP);
}

static void by_cdev(void)
{
	hand_over(NVIO_WAY_CDEV);
	CU_ASSERT_EQUAL(fake_kernel.process_changes, 3);
}

static void hears_of_errors(void *arg)
{
	(void)arg;
}

/* What was made for its handle is not handed over. */
static void closes_what_it_made(void)
{
	int errors;

	start(NVIO_WAY_GROUP, 1);
	nvio_device_on_error(device, hears_of_errors, NULL);
	errors = fake->eventfd[NVIO_IRQ_ERR][0];
	CU_ASSERT(fcntl(errors, F_GETFD) >= 0);
	CU_ASSERT_EQUAL_FATAL(nvio_device_hand_over(device), 0);
	CU_ASSERT_EQUAL(fake->enabled[NVIO_IRQ_ERR], 0);
	CU_ASSERT_EQUAL(fcntl(errors, F_GETFD), -1);
	CU_ASSERT_EQUAL_FATAL(nvio_device_open(iommu, NAME, NULL, &device), 0);
	nvio_free(iommu, data);
	end();
}

/* What may be used is what could be before, whoever says it; and memory grows behind what is there.
 */
static void goes_on(void)
{
	struct nvio_iova_range before, range;
	struct nvio_iommu_info info, now;
	struct nvio_device *other;
	char *more;

	start(NVIO_WAY_GROUP, 2);
	CU_ASSERT_EQUAL(nvio_device_open(iommu, OTHER, NULL, &other), 0);
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(nvio_iommu_range(iommu, info.nr_ranges - 1, &before), 0);
	CU_ASSERT_EQUAL(nvio_device_hand_over(other), 0);
	take_up(give_up());
	nvio_iommu_get_info(iommu, &now, sizeof(now));
	CU_ASSERT_EQUAL(now.nr_ranges, info.nr_ranges);
	CU_ASSERT_EQUAL(now.nr_maps, info.nr_maps);
	CU_ASSERT_EQUAL(now.maps_left, info.maps_left);
	CU_ASSERT_EQUAL(now.mapped_len, info.mapped_len);
	CU_ASSERT_EQUAL(nvio_iommu_range(iommu, now.nr_ranges - 1, &range), 0);
	CU_ASSERT(range.start == before.start && range.last == before.last);
	more = nvio_alloc(iommu, 4 << 20, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(more);
	memset(more, 1, 4 << 20);
	CU_ASSERT_STRING_EQUAL(data, "still there");
	CU_ASSERT_EQUAL(fake_kernel.nr_maps, 2);
	/* A device that nobody opens again is closed in the end. */
	CU_ASSERT(fake_kernel.devices[1].fd >= 0);
	end();
	CU_ASSERT_EQUAL(fake_kernel.devices[1].fd, -1);
}

/* What a driver leaves goes to whoever opens the device first, and to nobody after that. */
static void notes_go_along(void)
{
	struct nvio_device *other;
	int file = -1;

	start(NVIO_WAY_GROUP, 2);
	CU_ASSERT_EQUAL(nvio_device_open(iommu, OTHER, NULL, &other), 0);
	CU_ASSERT_EQUAL(nvio_device_keep(other, false, NULL), 0);
	CU_ASSERT_EQUAL(nvio_device_keep(device, true, strdup("09ab 77")), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_hand_over(iommu, &file), 0);
	take_up(file);
	CU_ASSERT_EQUAL(nvio_device_open(iommu, OTHER, NULL, &other), 0);
	CU_ASSERT_PTR_NULL(other->notes);
	CU_ASSERT_PTR_NOT_NULL_FATAL(device->notes);
	CU_ASSERT_STRING_EQUAL(device->notes, "09ab 77");
	CU_ASSERT(device->was_running);
	CU_ASSERT_EQUAL(nvio_device_hand_over(other), 0);
	take_up(give_up());
	CU_ASSERT_PTR_NULL(device->notes);
	/* Nor does anything stay when nobody opens it. */
	CU_ASSERT_EQUAL(nvio_device_keep(device, true, strdup("1")), 0);
	nvio_iommu_close(iommu);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static void refuse(int err, const char *text)
{
	int file = -1;

	CU_ASSERT_EQUAL(nvio_iommu_hand_over(iommu, &file), -err);
	CU_ASSERT(strstr(nvio_last_error(), text) != NULL);
	if (!strstr(nvio_last_error(), text))
		puts(nvio_last_error());
	CU_ASSERT_EQUAL(file, -1);
}

/* Whatever is refused, all of it is as it was. */
static void refused_before(void)
{
	static char own[4096] __attribute__((aligned(4096)));

	start(NVIO_WAY_GROUP, 1);
	refuse(EBUSY, "still used by a controller, a device");
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, own, sizeof(own), NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_device_hand_over(device), 0);
	refuse(EBUSY, "1 pieces of memory are registered");
	CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, own, sizeof(own)), 0);
	fake_kernel.extensions &= ~(1u << VFIO_UPDATE_VADDR);
	refuse(ENOTSUP, "VFIO_UPDATE_VADDR");
	fake_kernel.extensions |= 1u << VFIO_UPDATE_VADDR;
	fake_kernel_fail(VFIO_IOMMU_UNMAP_DMA, EBUSY, 0, 1);
	refuse(EBUSY, "keep their addresses");
	CU_ASSERT_EQUAL(nvio_device_open(iommu, NAME, NULL, &device), 0);
	take_up(give_up());
	end();

	fake_kernel_start(1, false);
	CU_ASSERT_EQUAL(nvio_iommu_open(NULL, &iommu), 0);
	refuse(ENODEV, "nothing to hand over");
	nvio_iommu_close(iommu);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static void beside_another(void)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	struct nvio_iommu *first;

	start(NVIO_WAY_CDEV, 2);
	opts.beside = first = iommu;
	refuse(EBUSY, "another address space");
	CU_ASSERT_EQUAL(nvio_iommu_open(&opts, &iommu), 0);
	nvio_device_close(device);
	CU_ASSERT_EQUAL(nvio_device_open(iommu, OTHER, NULL, &device), 0);
	CU_ASSERT_EQUAL(nvio_device_hand_over(device), 0);
	refuse(ENOTSUP, "opened beside another");
	nvio_iommu_close(iommu);
	nvio_iommu_close(first);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

/* Who gets something wrong gets nothing, and nothing stays open. */
static void take_refused(int file, int err, const char *text)
{
	CU_ASSERT_EQUAL(nvio_iommu_take_over(file, &iommu), -err);
	CU_ASSERT(strstr(nvio_last_error(), text) != NULL);
	if (!strstr(nvio_last_error(), text))
		puts(nvio_last_error());
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static void refused_after(void)
{
	start(NVIO_WAY_GROUP, 1);
	fake_kernel_fail(VFIO_IOMMU_GET_INFO, EINVAL, 0, 1);
	take_refused(give_up(), EINVAL, "does not tell its limits");
	start(NVIO_WAY_GROUP, 1);
	fake_kernel_fail(VFIO_IOMMU_MAP_DMA, EFAULT, 0, 1);
	take_refused(give_up(), EFAULT, "cannot be pinned");
	start(NVIO_WAY_CDEV, 1);
	fake_kernel_fail(NVIO_IOMMU_CHANGE_PROCESS, ENOMEM, 0, 1);
	take_refused(give_up(), ENOMEM, "RLIMIT_MEMLOCK");
	start(NVIO_WAY_CDEV, 1);
	fake_kernel_fail(NVIO_IOMMU_IOVA_RANGES, EIO, 0, 1);
	take_refused(give_up(), EIO, "does not tell its IOVAs");
}

/* Kernels before 6.14, and maps of other memory: it goes on all the same. */
static void old_kernels(void)
{
	start(NVIO_WAY_CDEV, 1);
	fake_kernel_fail(NVIO_IOMMU_CHANGE_PROCESS, ENOTTY, 0, 1);
	take_up(give_up());
	CU_ASSERT_EQUAL(fake_kernel.process_changes, 0);
	end();
	fake_kernel_start(1, true);
	fake_kernel.map_file = false;
	CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_CDEV, NULL), 0);
	data = nvio_alloc(iommu, 8192, 4096);
	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	nvio_mem_iova(iommu, data, 8192, NVIO_DMA_RW, &data_iova);
	strcpy(data, "still there");
	take_up(give_up());
	CU_ASSERT_EQUAL(fake_kernel.process_changes, 0);
	end();
}

/* Files that somebody else opened: nothing under /dev or /sys is asked, before and after. */
static void given_files(void)
{
	struct nvio_iova_range before, after;
	char name[32];
	int fd, iommufd, file;

	fake_kernel_start(1, true);
	fd = fake_kernel_file(FAKE_CDEV, 0);
	iommufd = fake_kernel_file(FAKE_IOMMUFD, 0);
	snprintf(name, sizeof(name), "fd:%d,%d", fd, iommufd);
	CU_ASSERT_EQUAL_FATAL(open_named(name, NVIO_WAY_AUTO, NULL), 0);
	nvio_iommu_range(iommu, 0, &before);
	file = give_up();
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_take_over(file, &iommu), 0);
	nvio_iommu_range(iommu, 0, &after);
	CU_ASSERT(before.start == after.start && before.last == after.last);
	CU_ASSERT_EQUAL_FATAL(nvio_device_open(iommu, name, NULL, &device), 0);
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	CU_ASSERT_EQUAL(fake_kernel_end(), 2);
}

static const struct tap_test tests[] = {
	{ "a container", by_group },
	{ "iommufd", by_cdev },
	{ "what it made is closed", closes_what_it_made },
	{ "it goes on", goes_on },
	{ "notes go along", notes_go_along },
	{ "what is refused before", refused_before },
	{ "address spaces that share a file", beside_another },
	{ "what is refused after", refused_after },
	{ "old kernels", old_kernels },
	{ "files that were handed in", given_files },
};

int main(void)
{
	return tap_run("handover", tests, sizeof(tests) / sizeof(tests[0]));
}
