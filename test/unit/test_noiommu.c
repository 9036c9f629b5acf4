/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices without an IOMMU on the unit tests' kernel: only on request; memory where a made-up
 * pagemap says that it is, page by page.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nvio/mem.h>

#include "fake_kernel.h"
#include "mem/memory.h"
#include "tap.h"
#include "vfio/sysfs.h"

#define NAME     "0000:01:00.0"
#define PRESENT  (1ull << 63)
#define NR_PAGES 4

static char pages[NR_PAGES * 4096] __attribute__((aligned(4096)));
static char proc[64];

static struct nvio_iommu *iommu;
static struct nvio_device *device;

static bool allowed;

static int open_by(enum nvio_way way)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	int err;

	opts.way = way;
	opts.allow_noiommu = allowed;
	err = nvio_iommu_open(&opts, &iommu);
	if (!err)
		err = nvio_device_open(iommu, NAME, NULL, &device);
	if (err)
		nvio_iommu_close(iommu);
	return err;
}

/* The frames of the pages, 0 for one that is not there. */
static void put_pagemap(const uint64_t *frames)
{
	uint64_t entries[NR_PAGES];
	char path[128];
	int fd;

	for (int i = 0; i < NR_PAGES; i++)
		entries[i] = frames[i] ? PRESENT | frames[i] : 0;
	snprintf(path, sizeof(path), "%s/self/pagemap", proc);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || pwrite(fd, entries, sizeof(entries), (off_t)((uintptr_t)pages / 4096 * 8)) !=
			      sizeof(entries))
		abort();
	close(fd);
}

static void start(const char *group_name)
{
	char path[128];

	fake_kernel_start(1, false);
	fake_kernel.extensions = 1u << VFIO_NOIOMMU_IOMMU | 1u << VFIO_TYPE1_IOMMU;
	fake_kernel_sys("kernel/iommu_groups/7/name", group_name);
	fake_kernel_dev("vfio/noiommu-7");
	snprintf(proc, sizeof(proc), "/tmp/nvio-proc.XXXXXX");
	if (!mkdtemp(proc))
		abort();
	snprintf(path, sizeof(path), "%s/self", proc);
	mkdir(path, 0700);
	nvio_roots.proc = proc;
}

static void end(void)
{
	char command[128];

	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
	snprintf(command, sizeof(command), "rm -r %s", proc);
	CU_ASSERT_EQUAL(system(command), 0);
}

static void on_request(void)
{
	struct nvio_device_info info;

	start("vfio-noiommu\n");
	CU_ASSERT_EQUAL(open_by(NVIO_WAY_AUTO), -ENOTSUP);
	CU_ASSERT(strstr(nvio_last_error(), "has no IOMMU") != NULL);
	CU_ASSERT_EQUAL(open_by(NVIO_WAY_GROUP), -ENOTSUP);
	CU_ASSERT_EQUAL(fake_kernel.opens, 0);
	CU_ASSERT_EQUAL_FATAL(open_by(NVIO_WAY_NOIOMMU), 0);
	CU_ASSERT_EQUAL(fake_kernel.container_type, VFIO_NOIOMMU_IOMMU);
	nvio_device_get_info(device, &info, sizeof(info));
	CU_ASSERT_STRING_EQUAL(info.way, "noiommu");
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	fake_kernel.extensions = 1u << VFIO_TYPE1_IOMMU;
	CU_ASSERT_EQUAL(open_by(NVIO_WAY_NOIOMMU), -ENOTSUP);
	CU_ASSERT(strstr(nvio_last_error(), "the kernel has no way without") != NULL);
	end();
	start("\n");
	CU_ASSERT_EQUAL(open_by(NVIO_WAY_NOIOMMU), -EINVAL);
	CU_ASSERT(strstr(nvio_last_error(), "has an IOMMU") != NULL);
	fake_kernel_sys_remove("sys/bus/pci/devices/" NAME "/iommu_group");
	CU_ASSERT_EQUAL(open_by(NVIO_WAY_NOIOMMU), -ENOTSUP);
	CU_ASSERT(strstr(nvio_last_error(), "enable_unsafe_noiommu_mode") != NULL);
	end();
}

/* Allowed, it is taken where there is no IOMMU, and nowhere else; another way that is asked for
 * stays what was asked for. */
static void when_allowed(void)
{
	struct nvio_device_info info;

	allowed = true;
	start("vfio-noiommu\n");
	CU_ASSERT_EQUAL(open_by(NVIO_WAY_GROUP), -ENOTSUP);
	CU_ASSERT_EQUAL_FATAL(open_by(NVIO_WAY_AUTO), 0);
	nvio_device_get_info(device, &info, sizeof(info));
	CU_ASSERT_STRING_EQUAL(info.way, "noiommu");
	CU_ASSERT_STRING_EQUAL(info.why, "it has no IOMMU, and that was allowed");
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	end();
	start("\n");
	fake_kernel.extensions |= 1u << VFIO_TYPE1v2_IOMMU;
	CU_ASSERT_EQUAL_FATAL(open_by(NVIO_WAY_AUTO), 0);
	nvio_device_get_info(device, &info, sizeof(info));
	CU_ASSERT_STRING_EQUAL(info.way, "type1v2");
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	end();
	allowed = false;
}

/* Memory cannot be mapped anywhere but where it is. */
static void maps(void)
{
	const uint64_t frames[] = { 0x1000, 0x1001, 0x2000, 0 };

	start("vfio-noiommu\n");
	put_pagemap(frames);
	CU_ASSERT_EQUAL_FATAL(open_by(NVIO_WAY_NOIOMMU), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, 0x1000000, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_iommu_unmap(iommu, 0x1000000, 8192), 0);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 8192, 0x1001000, NVIO_DMA_RW), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages, 12288, 0x1000000, NVIO_DMA_RW), -ENOTSUP);
	CU_ASSERT(strstr(nvio_last_error(), "page 2 of it is at 0x2000000") != NULL);
	CU_ASSERT_EQUAL(nvio_iommu_map(iommu, pages + 12288, 4096, 0x1000, NVIO_DMA_RW), -EFAULT);
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	end();
}

static void registered(void)
{
	const uint64_t frames[] = { 0x1000, 0x1001, 0x2000, 0x1003 };
	const uint64_t absent[] = { 0x1000, 0, 0x2000, 0x1003 };
	struct nvio_buffer *buffer;
	uint64_t iova;

	start("vfio-noiommu\n");
	put_pagemap(frames);
	CU_ASSERT_EQUAL_FATAL(open_by(NVIO_WAY_NOIOMMU), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, pages, sizeof(pages), NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, pages + 16, 16000, NVIO_DMA_READ, &iova), 8192 - 16);
	CU_ASSERT_EQUAL(iova, 0x1000010);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, pages + 8192, 8192, NVIO_DMA_READ, &iova), 4096);
	CU_ASSERT_EQUAL(iova, 0x2000000);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, pages + 12288, 8, NVIO_DMA_WRITE, &iova), -EFAULT);
	/* A handle is for what devices see in one piece. */
	CU_ASSERT_EQUAL(nvio_buffer_open(iommu, pages, 8193, NVIO_DMA_READ, &buffer), -EFAULT);
	CU_ASSERT(strstr(nvio_last_error(), "only 8192 bytes") != NULL);
	CU_ASSERT_EQUAL_FATAL(nvio_buffer_open(iommu, pages + 16, 8000, NVIO_DMA_READ, &buffer), 0);
	CU_ASSERT_EQUAL(buffer->window.iova, 0x1000010);
	nvio_buffer_close(buffer);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, pages, 4096, NVIO_DMA_READ), -EEXIST);
	CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, pages, sizeof(pages)), 0);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, pages, 8, NVIO_DMA_READ, &iova), -EFAULT);
	put_pagemap(absent);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, pages, sizeof(pages), NVIO_DMA_RW), -EFAULT);
	CU_ASSERT(strstr(nvio_last_error(), "page 1 of the memory") != NULL);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, pages, 8, NVIO_DMA_READ, &iova), -EFAULT);
	/* What is still registered ends with the address space. */
	put_pagemap(frames);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, pages, sizeof(pages), NVIO_DMA_RW), 0);
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	end();
}

/* A kernel that shows frames to nobody but the privileged shows zeros. */
static void not_allowed(void)
{
	char path[128];
	uint64_t entry = PRESENT;
	int fd;

	start("vfio-noiommu\n");
	CU_ASSERT_EQUAL_FATAL(open_by(NVIO_WAY_NOIOMMU), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, pages, 4096, NVIO_DMA_RW), -ENOENT);
	snprintf(path, sizeof(path), "%s/self/pagemap", proc);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	CU_ASSERT_EQUAL(pwrite(fd, &entry, 8, (off_t)((uintptr_t)pages / 4096 * 8)), 8);
	close(fd);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, pages, 4096, NVIO_DMA_RW), -EPERM);
	CU_ASSERT(strstr(nvio_last_error(), "CAP_SYS_ADMIN") != NULL);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, pages, 8192, NVIO_DMA_RW), -EIO);
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	end();
}

static const struct tap_test tests[] = {
	{ "where it is allowed", when_allowed },
	{ "only on request", on_request },
	{ "memory is mapped where it is", maps },
	{ "registered memory, page by page", registered },
	{ "who may not know where memory is", not_allowed },
};

int main(void)
{
	return tap_run("noiommu", tests, sizeof(tests) / sizeof(tests[0]));
}
