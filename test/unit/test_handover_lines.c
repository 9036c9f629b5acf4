/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that do not say what was handed over, or say what makes no sense: -EPROTO or the like, and
 * nothing is left open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nvio/handover.h>

#include "cdev_bench.h"
#include "tap.h"

static int file_of(const char *text)
{
	int fd = memfd_create("text", 0);

	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

static void malformed(void)
{
	static const struct {
		const char *text;
		int err;
		bool closed;
	} files[] = {
		{ "", EINVAL, false },
		{ "something else\n", EINVAL, false },
		{ "nvio-handover -1 2 0 0\nend -1\n", EINVAL, false },
		{ "nvio-handover -1 1 0 0\n", EPROTO, true },
		{ "nvio-handover -1 1 0 0\nend", EPROTO, true },
		{ "nvio-handover -1 1 77 0\nend -1\n", EINVAL, true },
		{ "nvio-handover -1 1 0 0\nfurther -1 3\nend -1\n", EPROTO, true },
		{ "nvio-handover -1 1 0 0\nheap -1 4096 0 0 0 0 0 0\nend -1\n", EPROTO, true },
		{ "nvio-handover -1 1 0 0\ngap -1 5 4\nend -1\n", EPROTO, true },
		{ "nvio-handover -1 1 0 0\ngroup -1 4\nend -1\n", EPROTO, true },
		{ "nvio-handover -1 1 0 0\ndevice -1 4\nend -1\n", EPROTO, true },
		{ "nvio-handover -1 1 0 0\ndevice -1 4 0 0 \nend -1\n", EPROTO, true },
		{ "nvio-handover -1 1 0 0\nnotes -1 09\nend -1\n", EPROTO, true },
		{ "nvio-handover -1 1 0 0\ncontainer -1 x\nend -1\n", EPROTO, true },
		{ "nvio-handover -1 1 0 0\niommufd -1 x\nend -1\n", EPROTO, true },
		{ "nvio-handover -1 1 0 0\ncontainer 200 3 0\nend -1\n", EBADF, true },
	};

	fake_kernel_start(1, true);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = file_of(files[i].text);

		CU_ASSERT_EQUAL(nvio_iommu_take_over(fd, &iommu), -files[i].err);
		CU_ASSERT_EQUAL(fcntl(fd, F_GETFD) < 0, files[i].closed);
		if (!files[i].closed)
			close(fd);
	}
	CU_ASSERT_EQUAL(nvio_iommu_take_over(-1, &iommu), -EINVAL);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

/* A heap whose lines do not fit each other, in a container that is all right. */
static void malformed_heap(void)
{
	static const char *const heaps[] = {
		"heap -1 16777216 1 0 -1 0 0 0\n", /* outside of the IOVAs */
		"heap -1 16777216 2097152 3 -1 0 0 0\n",
		"region -1 4096 4096 memfd\n",
		"heap -1 16777216 2097152 0 -1 0 0 0\nregion -1 2097152 4096 paper\n",
		"heap -1 16777216 2097152 0 -1 0 0 0\nregion -1 33554432 4096 memfd\n",
		"heap -1 16777216 2097152 0 -1 0 0 0\nregion -1 2097152 4096 memfd\n",
		"heap -1 16777216 2097152 0 -1 0 0 0\nblock -1 0 64\n",
	};

	for (size_t i = 0; i < sizeof(heaps) / sizeof(heaps[0]); i++) {
		char text[256];

		fake_kernel_start(1, true);
		CU_ASSERT_EQUAL_FATAL(open_named(NAME, NVIO_WAY_CDEV, NULL), 0);
		nvio_device_close(device);
		nvio_iommu_close(iommu);
		fake_kernel.next_ioas = 101;
		fake_kernel.nr_ioas = 1;
		snprintf(text, sizeof(text), "nvio-handover -1 1 0 1\niommufd %d 100 0\n%send -1\n",
			 fake_kernel_file(FAKE_IOMMUFD, 0), heaps[i]);
		CU_ASSERT_EQUAL(nvio_iommu_take_over(file_of(text), &iommu), -EPROTO);
		if (!strstr(nvio_last_error(), "heap") && !strstr(nvio_last_error(), "mapped"))
			puts(nvio_last_error());
		CU_ASSERT_EQUAL(fake_kernel.nr_ioas, 0);
		CU_ASSERT_EQUAL(fake_kernel_end(), 0);
	}
}

static const struct tap_test tests[] = {
	{ "files that say something else", malformed },
	{ "heaps that make no sense", malformed_heap },
};

int main(void)
{
	return tap_run("handover_lines", tests, sizeof(tests) / sizeof(tests[0]));
}
