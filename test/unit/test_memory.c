/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The heap, registered memory and the lookup of IOVAs, over an address space with no device.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem/memory.h"
#include "fake_iommu.h"
#include "tap.h"

#define PAGE 4096u

static void *user_pages(size_t len)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void heap_is_one_window(void)
{
	struct fake_iommu fake;
	struct nvio_iommu *iommu = fake_iommu_new(&fake);
	struct nvio_heap_opts opts = NVIO_HEAP_OPTS;
	struct nvio_heap_info info;
	uint64_t older[16];
	char *a, *b;
	uint64_t iova_a, iova_b;

	opts.page_len = NVIO_HEAP_NO_HUGE;
	CU_ASSERT_EQUAL(nvio_heap_open(iommu, &opts), 0);
	CU_ASSERT_EQUAL(nvio_heap_open(iommu, &opts), -EEXIST);
	a = nvio_alloc(iommu, 100, 0);
	b = nvio_alloc(iommu, 5u << 20, 4096);
	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	CU_ASSERT_EQUAL((uintptr_t)b % 4096, 0);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, a, 100, NVIO_DMA_RW, &iova_a), 100);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, b, 5u << 20, NVIO_DMA_RW, &iova_b), 5u << 20);
	CU_ASSERT_EQUAL(iova_b - iova_a, (uint64_t)(b - a));
	/* Two regions, two maps with an fd each, nothing in the interrupt window. */
	nvio_heap_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_STRING_EQUAL(info.backing, "memfd");
	/* A program built against a shorter struct, and one against a longer. */
	memset(older, 0x55, sizeof(older));
	nvio_heap_get_info(iommu, (struct nvio_heap_info *)older, 24);
	CU_ASSERT_EQUAL(older[2], 8u << 20);
	CU_ASSERT_EQUAL(older[3], 0x5555555555555555ull);
	nvio_heap_get_info(iommu, (struct nvio_heap_info *)older, sizeof(older));
	CU_ASSERT_EQUAL(older[15], 0);
	CU_ASSERT_EQUAL(info.nr_regions, 2);
	CU_ASSERT_EQUAL(info.len, 8u << 20);
	CU_ASSERT_EQUAL(info.used_len, 128 + (5u << 20));
	CU_ASSERT_EQUAL(fake.nr_maps, 2);
	CU_ASSERT_TRUE(fake.maps[0].fd >= 0);
	/* A server that gets it cannot cut it off. */
	CU_ASSERT_EQUAL(ftruncate(fake.maps[0].fd, PAGE), -1);
	CU_ASSERT_EQUAL(errno, EPERM);
	CU_ASSERT_TRUE(fake.maps[0].iova > 0xfeefffff);
	CU_ASSERT_EQUAL(fake.maps[1].iova, fake.maps[0].iova + fake.maps[0].len);
	memset(b, 1, 5u << 20);
	nvio_free(iommu, a);
	nvio_free(iommu, b);
	nvio_free(iommu, NULL);
	nvio_heap_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.used_len, 0);
	/* What was freed is handed out again. */
	b = nvio_alloc(iommu, 6u << 20, 0);
	nvio_heap_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.nr_regions, 2);
	nvio_iommu_close(iommu);
	CU_ASSERT_EQUAL(fake.nr_maps, 0);
}

static void heap_refuses(void)
{
	struct fake_iommu fake;
	struct nvio_iommu *iommu = fake_iommu_new(&fake);
	struct nvio_heap_opts opts = NVIO_HEAP_OPTS;
	struct nvio_heap_info info;
	struct {
		struct nvio_heap_opts known;
		int unknown;
	} later = { NVIO_HEAP_OPTS, 1 };

	opts.page_len = 12345;
	CU_ASSERT_EQUAL(nvio_heap_open(iommu, &opts), -EINVAL);
	/* Options without a size, and from a later version with something set. */
	opts = (struct nvio_heap_opts){ 0 };
	CU_ASSERT_EQUAL(nvio_heap_open(iommu, &opts), -EINVAL);
	later.known.size = sizeof(later);
	CU_ASSERT_EQUAL(nvio_heap_open(iommu, &later.known), -E2BIG);
	opts.size = sizeof(opts);
	opts.page_len = NVIO_HEAP_NO_HUGE;
	opts.max_len = 16u << 20;
	CU_ASSERT_EQUAL(nvio_heap_open(iommu, &opts), 0);
	CU_ASSERT_PTR_NULL(nvio_alloc(iommu, 0, 0));
	CU_ASSERT_PTR_NULL(nvio_alloc(iommu, 64, 3));
	/* More alignment than a region has: refused before memory is taken. */
	CU_ASSERT_PTR_NULL(nvio_alloc(iommu, 64, 4u << 20));
	CU_ASSERT_EQUAL(fake.nr_maps, 0);
	CU_ASSERT_PTR_NULL(nvio_alloc(iommu, SIZE_MAX - 10, 0));
	CU_ASSERT_PTR_NULL(nvio_alloc(iommu, 17u << 20, 0));
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "limit of 16777216"));
	fake.map_error = -ENOMEM;
	CU_ASSERT_PTR_NULL(nvio_alloc(iommu, 64, 0));
	fake.map_error = 0;
	CU_ASSERT_PTR_NOT_NULL(nvio_alloc(iommu, 64, 0));
	nvio_heap_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.nr_regions, 1);
	nvio_iommu_close(iommu);
}

static void registers(void)
{
	struct fake_iommu fake;
	struct nvio_iommu *iommu = fake_iommu_new(&fake);
	char *p = user_pages(64 * PAGE);
	uint64_t iova;

	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p + PAGE, 3 * PAGE, NVIO_DMA_WRITE), 0);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, p + PAGE + 12, 100, NVIO_DMA_WRITE, &iova), 100);
	CU_ASSERT_EQUAL(iova, fake.maps[0].iova + 12);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, p + PAGE, 4 * PAGE, NVIO_DMA_WRITE, &iova), 3 * PAGE);
	/* Not registered, or not with these rights. */
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, p, 10, NVIO_DMA_WRITE, &iova), -EFAULT);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, p + 4 * PAGE, 10, NVIO_DMA_WRITE, &iova), -EFAULT);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, p + PAGE, 10, NVIO_DMA_READ, &iova), -EFAULT);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, (char *)UINTPTR_MAX, 1, NVIO_DMA_READ, &iova),
			-EFAULT);
	CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, p + PAGE, PAGE), -ENOENT);
	CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, p + PAGE, 3 * PAGE), 0);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, p + PAGE, 10, NVIO_DMA_WRITE, &iova), -EFAULT);
	CU_ASSERT_EQUAL(fake.nr_maps, 0);
	CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, p + PAGE, 3 * PAGE), -ENOENT);
	nvio_iommu_close(iommu);
	munmap(p, 64 * PAGE);
}

static void refuses_to_register(void)
{
	struct fake_iommu fake;
	struct nvio_iommu *iommu = fake_iommu_new(&fake), *empty;
	char *p = user_pages(64 * PAGE), *heap = nvio_alloc(iommu, PAGE, PAGE);

	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p + 512, PAGE, NVIO_DMA_RW), -EINVAL);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p, 100, NVIO_DMA_RW), -EINVAL);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p, 0, NVIO_DMA_RW), -EINVAL);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p, PAGE, 0), -EINVAL);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p, PAGE, 4), -EINVAL);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, (void *)(1ull << 48), PAGE, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, heap, PAGE, NVIO_DMA_RW), -EEXIST);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p + PAGE, 4 * PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p, 2 * PAGE, NVIO_DMA_RW), -EEXIST);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p + 4 * PAGE, 4 * PAGE, NVIO_DMA_RW), -EEXIST);
	/* A refused map leaves nothing behind. */
	fake.map_error = -ENOMEM;
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p + 8 * PAGE, PAGE, NVIO_DMA_RW), -ENOMEM);
	fake.map_error = 0;
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p + 8 * PAGE, PAGE, NVIO_DMA_RW), 0);
	nvio_iommu_close(iommu);
	CU_ASSERT_EQUAL(fake.nr_maps, 0);
	CU_ASSERT_EQUAL(nvio_iommu_open(NULL, &empty), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(empty, p, PAGE, NVIO_DMA_RW), -ENODEV);
	CU_ASSERT_PTR_NULL(nvio_alloc(empty, 64, 0));
	nvio_iommu_close(empty);
	munmap(p, 64 * PAGE);
}

static bool always_uses(struct nvio_mem_user *user, uintptr_t addr, size_t len)
{
	(void)user;
	(void)addr;
	(void)len;
	return true;
}

static void keeps_what_is_in_use(void)
{
	struct fake_iommu fake;
	struct nvio_iommu *iommu = fake_iommu_new(&fake);
	struct nvio_mem_user user = { .uses = always_uses };
	char *p = user_pages(PAGE);
	uint64_t iova;

	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p, PAGE, NVIO_DMA_RW), 0);
	nvio_mem_user_add(nvio_memory_of(iommu), &user);
	CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, p, PAGE), -EBUSY);
	CU_ASSERT_EQUAL(nvio_mem_iova(iommu, p, PAGE, NVIO_DMA_RW, &iova), PAGE);
	CU_ASSERT_EQUAL(fake.nr_maps, 1);
	nvio_mem_user_remove(nvio_memory_of(iommu), &user);
	CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, p, PAGE), 0);
	nvio_iommu_close(iommu);
	munmap(p, PAGE);
}

/* Registrations of random sizes at random places against a plain array, pages at large-page borders
 * too. */
static void table_agrees_with_a_model(void)
{
	enum { NR_PAGES = 2048 };
	struct fake_iommu fake;
	struct nvio_iommu *iommu = fake_iommu_new(&fake);
	char *p = user_pages(NR_PAGES * PAGE);
	static uint64_t model[NR_PAGES];
	int wrong = 0;

	srand(2);
	for (int i = 0; i < 200; i++) {
		size_t at = (size_t)rand() % NR_PAGES, nr = 1 + (size_t)rand() % 40;
		int err;

		if (at + nr > NR_PAGES)
			continue;
		err = nvio_mem_register(iommu, p + at * PAGE, nr * PAGE, NVIO_DMA_RW);
		if (err) {
			wrong += err != -EEXIST && err != -ENOSPC;
			continue;
		}
		for (size_t k = 0; k < nr; k++) {
			wrong += model[at + k] != 0;
			model[at + k] = fake.maps[fake.nr_maps - 1].iova + k * PAGE;
		}
	}
	for (size_t k = 0; k < NR_PAGES; k++) {
		uint64_t iova = 0;
		int64_t run = nvio_mem_iova(iommu, p + k * PAGE, 1, NVIO_DMA_RW, &iova);

		wrong += model[k] ? run != 1 || iova != model[k] : run != -EFAULT;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(fake.nr_maps > 20);
	nvio_iommu_close(iommu);
	munmap(p, NR_PAGES * PAGE);
}

/* The options of a heap wait for the first device. */
static void options_wait(void)
{
	struct fake_iommu fake;
	struct nvio_iommu *iommu;
	struct nvio_heap_opts opts = NVIO_HEAP_OPTS;
	struct nvio_heap_info info;

	fake_domain_init(&fake);
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_open(NULL, &iommu), 0);
	opts.page_len = NVIO_HEAP_NO_HUGE;
	opts.first_len = 4u << 20;
	opts.max_len = 64u << 20;
	CU_ASSERT_EQUAL(nvio_heap_open(iommu, &opts), 0);
	CU_ASSERT_PTR_NULL(nvio_alloc(iommu, 64, 0));
	CU_ASSERT_EQUAL(nvio_iommu_join(iommu, &fake.domain), 0);
	CU_ASSERT_PTR_NOT_NULL(nvio_alloc(iommu, 64, 0));
	nvio_heap_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.len, 4u << 20);
	CU_ASSERT_EQUAL(info.max_len, 64u << 20);
	CU_ASSERT_EQUAL(nvio_heap_open(iommu, &opts), -EEXIST);
	nvio_iommu_close(iommu);
}

/* 4 GiB in one piece, as a window of POWER's has: not all of it is the heap's. */
static void small_space(void)
{
	struct fake_iommu fake;
	struct nvio_iommu *iommu;
	struct nvio_heap_info info;
	char *p = user_pages(PAGE);

	fake_domain_init(&fake);
	fake.domain.ranges =
		(struct nvio_ranges){ 1, { { 1ull << 59, (1ull << 59) + (4ull << 30) - 1 } } };
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_open(NULL, &iommu), 0);
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_join(iommu, &fake.domain), 0);
	CU_ASSERT_PTR_NOT_NULL(nvio_alloc(iommu, PAGE, PAGE));
	nvio_heap_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.max_len, 2ull << 30);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p, PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, p, PAGE), 0);
	nvio_iommu_close(iommu);
	munmap(p, PAGE);
}

/* A second way to devices sees what the first one sees, or is refused and changes nothing. */
static void domains_share_maps(void)
{
	struct fake_iommu fake, second, third;
	struct nvio_iommu *iommu = fake_iommu_new(&fake);
	struct nvio_iommu_info info;
	char *a = nvio_alloc(iommu, PAGE, PAGE), *p = user_pages(PAGE);

	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	fake_domain_init(&second);
	CU_ASSERT_EQUAL(nvio_iommu_join(iommu, &second.domain), 0);
	CU_ASSERT_EQUAL(second.nr_maps, 1);
	CU_ASSERT_EQUAL(second.maps[0].iova, fake.maps[0].iova);
	CU_ASSERT_EQUAL(second.maps[0].fd, fake.maps[0].fd);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p, PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(second.nr_maps, 2);
	CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, p, PAGE), 0);
	/* One domain refuses: neither has it. */
	fake.map_error = -EFAULT;
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, p, PAGE, NVIO_DMA_RW), -EFAULT);
	CU_ASSERT_EQUAL(second.nr_maps, 1);
	CU_ASSERT_EQUAL(fake.nr_maps, 1);
	/* A domain that cannot reach what is mapped, and one that refuses it. */
	fake_domain_init(&third);
	third.domain.ranges = (struct nvio_ranges){ 1, { { 0, 0xffff } } };
	CU_ASSERT_EQUAL(nvio_iommu_join(iommu, &third.domain), -EINVAL);
	fake_domain_init(&third);
	third.domain.page_sizes = 1u << 21;
	CU_ASSERT_EQUAL(nvio_iommu_join(iommu, &third.domain), -EINVAL);
	fake_domain_init(&third);
	third.map_error = -ENOMEM;
	CU_ASSERT_EQUAL(nvio_iommu_join(iommu, &third.domain), -ENOMEM);
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.nr_maps, 1);
	nvio_iommu_leave(iommu, &second.domain);
	nvio_free(iommu, a);
	nvio_iommu_close(iommu);
	CU_ASSERT_EQUAL(fake.nr_maps, 0);
	munmap(p, PAGE);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the heap is one window", heap_is_one_window },
		{ "the heap refuses", heap_refuses },
		{ "registers and looks up", registers },
		{ "refuses to register", refuses_to_register },
		{ "keeps what is in use", keeps_what_is_in_use },
		{ "the table agrees with a model", table_agrees_with_a_model },
		{ "heap options wait for a device", options_wait },
		{ "a small space is not all the heap's", small_space },
		{ "domains share maps", domains_share_maps },
	};

	return tap_run("memory", tests, sizeof(tests) / sizeof(tests[0]));
}
