/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMA_MAP and DMA_UNMAP: what the controller reaches of the client's memory, and above all what it
 * does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "emu_client.h"
#include "tap.h"

#define CONFIG 7
#define PAGE   4096u
#define RW     3u

static struct client c;
static int file;
static uint8_t *mem;

#define FILE_LEN (64u * PAGE)

static void setup(void)
{
	client_open(&c);
	CU_ASSERT_EQUAL_FATAL(client_version(&c, 1, NULL), 0);
	client_write32(&c, CONFIG, 4, 6);
	file = memfd_create("test", MFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(ftruncate(file, FILE_LEN), 0);
	mem = mmap(NULL, FILE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CU_ASSERT_FATAL(mem != MAP_FAILED);
}

static void teardown(void)
{
	munmap(mem, FILE_LEN);
	close(file);
	client_close(&c);
}

static uint8_t *dma(uint64_t iova, size_t len, bool write)
{
	return c.server->bus.dma(&c.server->bus, iova, len, write);
}

static void reaches_the_file(void)
{
	uint64_t generation;
	uint8_t *at;
	void *run;

	setup();
	generation = c.server->bus.generation;
	CU_ASSERT_EQUAL(client_map(&c, 0x10000, 4 * PAGE, file, 2 * PAGE, RW), 0);
	CU_ASSERT_NOT_EQUAL(c.server->bus.generation, generation);
	mem[2 * PAGE + 5] = 42;
	at = dma(0x10005, 1, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	CU_ASSERT_EQUAL(*at, 42);
	at = dma(0x13ffc, 4, true);
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	memcpy(at, "wxyz", 4);
	CU_ASSERT_EQUAL(memcmp(mem + 6 * PAGE - 4, "wxyz", 4), 0);
	CU_ASSERT_PTR_NULL(dma(0x13ffd, 4, true));
	CU_ASSERT_PTR_NULL(dma(0xffff, 1, false));
	CU_ASSERT_PTR_NULL(dma(0x14000, 1, false));
	CU_ASSERT_PTR_NULL(dma(0x10000, 0, false));
	CU_ASSERT_EQUAL(c.server->bus.dma_run(&c.server->bus, 0x12000, 1u << 20, true, &run),
			2 * PAGE);
	CU_ASSERT_EQUAL(c.server->bus.dma_run(&c.server->bus, 0x12000, 100, true, &run), 100);
	generation = c.server->bus.generation;
	CU_ASSERT_EQUAL(client_unmap(&c, 0x10000, 4 * PAGE, 0), 0);
	CU_ASSERT_EQUAL(c.reply_len, 40);
	CU_ASSERT_EQUAL(get64(c.reply + 24), 0x10000);
	CU_ASSERT_EQUAL(get64(c.reply + 32), 4 * PAGE);
	CU_ASSERT_NOT_EQUAL(c.server->bus.generation, generation);
	CU_ASSERT_PTR_NULL(dma(0x10005, 1, false));
	teardown();
}

static void honours_rights(void)
{
	int read_only;

	setup();
	read_only = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(client_map(&c, 0, PAGE, file, 0, 1), 0);
	CU_ASSERT_EQUAL(client_map(&c, PAGE, PAGE, file, 0, 2), 0);
	CU_ASSERT_EQUAL(client_map(&c, 2 * PAGE, PAGE, read_only, 0, RW), EACCES);
	CU_ASSERT_EQUAL(client_map(&c, 2 * PAGE, PAGE, read_only, 0, 1), 0);
	CU_ASSERT_PTR_NOT_NULL(dma(0, 1, false));
	CU_ASSERT_PTR_NULL(dma(0, 1, true));
	CU_ASSERT_PTR_NULL(dma(PAGE, 1, false));
	CU_ASSERT_PTR_NOT_NULL(dma(PAGE, 1, true));
	CU_ASSERT_PTR_NOT_NULL(dma(2 * PAGE, 1, false));
	CU_ASSERT_PTR_NULL(dma(2 * PAGE, 1, true));
	close(read_only);
	teardown();
}

static void needs_bus_master(void)
{
	uint64_t generation;

	setup();
	CU_ASSERT_EQUAL(client_map(&c, 0, PAGE, file, 0, RW), 0);
	generation = c.server->bus.generation;
	client_write32(&c, CONFIG, 4, 2);
	CU_ASSERT_NOT_EQUAL(c.server->bus.generation, generation);
	CU_ASSERT_PTR_NULL(dma(0, 1, false));
	client_write32(&c, CONFIG, 4, 6);
	CU_ASSERT_PTR_NOT_NULL(dma(0, 1, false));
	client_write32(&c, CONFIG, 0x44, 3);
	CU_ASSERT_PTR_NULL(dma(0, 1, false));
	client_write32(&c, CONFIG, 0x44, 0);
	CU_ASSERT_PTR_NOT_NULL(dma(0, 1, false));
	teardown();
}

static void without_descriptor(void)
{
	setup();
	CU_ASSERT_EQUAL(client_map(&c, 0xc0000, 8 * PAGE, -1, 0, 1), 0);
	CU_ASSERT_PTR_NULL(dma(0xc0000, 1, false));
	CU_ASSERT_EQUAL(client_map(&c, 0xc0000, PAGE, file, 0, RW), EEXIST);
	CU_ASSERT_EQUAL(client_unmap(&c, 0xc0000, 8 * PAGE, 0), 0);
	CU_ASSERT_EQUAL(client_map(&c, 0xc0000, PAGE, file, 0, RW), 0);
	teardown();
}

static void refuses_overlaps(void)
{
	setup();
	CU_ASSERT_EQUAL(client_map(&c, 4 * PAGE, 4 * PAGE, file, 0, RW), 0);
	CU_ASSERT_EQUAL(client_map(&c, 4 * PAGE, 4 * PAGE, file, 0, RW), EEXIST);
	CU_ASSERT_EQUAL(client_map(&c, 7 * PAGE, PAGE, file, 0, RW), EEXIST);
	CU_ASSERT_EQUAL(client_map(&c, 0, 5 * PAGE, file, 0, RW), EEXIST);
	CU_ASSERT_EQUAL(client_map(&c, 0, 60 * PAGE, file, 0, RW), EEXIST);
	CU_ASSERT_EQUAL(client_map(&c, 8 * PAGE, PAGE, file, 0, RW), 0);
	CU_ASSERT_EQUAL(client_map(&c, 0, 4 * PAGE, file, 0, RW), 0);
	teardown();
}

/* All regions in a range at once, or a range without any; never a part of one. */
static void unmaps_whole_regions(void)
{
	static const uint8_t untouched = 7;

	setup();
	CU_ASSERT_EQUAL(client_unmap(&c, 0, PAGE, 0), 0);
	CU_ASSERT_EQUAL(client_map(&c, 4 * PAGE, 4 * PAGE, file, 0, RW), 0);
	CU_ASSERT_EQUAL(client_map(&c, 8 * PAGE, PAGE, file, 0, RW), 0);
	CU_ASSERT_EQUAL(client_map(&c, 12 * PAGE, PAGE, file, 7 * PAGE, RW), 0);
	mem[7 * PAGE] = untouched;
	CU_ASSERT_EQUAL(client_unmap(&c, 4 * PAGE, 3 * PAGE, 0), EINVAL);
	CU_ASSERT_EQUAL(client_unmap(&c, 5 * PAGE, 4 * PAGE, 0), EINVAL);
	CU_ASSERT_EQUAL(client_unmap(&c, 0, 5 * PAGE, 0), EINVAL);
	CU_ASSERT_EQUAL(client_unmap(&c, 4 * PAGE, 0, 0), EINVAL);
	CU_ASSERT_EQUAL(client_unmap(&c, 4 * PAGE, UINT64_MAX - PAGE, 0), EINVAL);
	CU_ASSERT_EQUAL(client_unmap(&c, 4 * PAGE, 4 * PAGE, 1), EINVAL);
	CU_ASSERT_EQUAL(client_unmap(&c, 4 * PAGE, 4 * PAGE, 2), EINVAL);
	CU_ASSERT_EQUAL(client_unmap(&c, 0, 4 * PAGE, 0), 0);
	CU_ASSERT_EQUAL(client_unmap(&c, 13 * PAGE, 1ull << 47, 0), 0);
	CU_ASSERT_EQUAL(c.server->dma.nr, 3);
	CU_ASSERT_PTR_NOT_NULL(dma(4 * PAGE, 1, true));
	CU_ASSERT_EQUAL(client_unmap(&c, 0, 12 * PAGE, 0), 0);
	CU_ASSERT_EQUAL(c.server->dma.nr, 1);
	CU_ASSERT_PTR_NULL(dma(4 * PAGE, 1, true));
	CU_ASSERT_PTR_NULL(dma(8 * PAGE, 1, true));
	CU_ASSERT_PTR_NOT_NULL_FATAL(dma(12 * PAGE, 1, true));
	CU_ASSERT_EQUAL(*(uint8_t *)dma(12 * PAGE, 1, true), untouched);
	CU_ASSERT_EQUAL(client_unmap(&c, 12 * PAGE, PAGE, 0), 0);
	CU_ASSERT_EQUAL(c.server->dma.nr, 0);
	teardown();
}

static void refuses_nonsense(void)
{
	int pipe_fds[2], two[2], directory;

	setup();
	directory = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	CU_ASSERT_EQUAL(client_map(&c, 0, 0, file, 0, RW), EINVAL);
	CU_ASSERT_EQUAL(client_map(&c, 1, PAGE, file, 0, RW), EINVAL);
	CU_ASSERT_EQUAL(client_map(&c, 0, PAGE + 1, file, 0, RW), EINVAL);
	CU_ASSERT_EQUAL(client_map(&c, 0, PAGE, file, 512, RW), EINVAL);
	CU_ASSERT_EQUAL(client_map(&c, 0, PAGE, file, FILE_LEN, RW), EINVAL);
	CU_ASSERT_EQUAL(client_map(&c, 0, FILE_LEN + PAGE, file, 0, RW), EINVAL);
	CU_ASSERT_EQUAL(client_map(&c, 0, PAGE, file, -(uint64_t)PAGE, RW), EINVAL);
	CU_ASSERT_EQUAL(client_map(&c, -(uint64_t)PAGE, 2 * PAGE, file, 0, RW), EINVAL);
	CU_ASSERT_EQUAL(client_map(&c, 0, -(uint64_t)PAGE, file, PAGE, RW), EINVAL);
	CU_ASSERT_EQUAL(client_map(&c, 0, PAGE, file, 0, 0), EINVAL);
	CU_ASSERT_EQUAL(client_map(&c, 0, PAGE, file, 0, 7), EINVAL);
	CU_ASSERT_EQUAL(client_map(&c, 0, PAGE, pipe_fds[1], 0, RW), EINVAL);
	CU_ASSERT_EQUAL(client_map(&c, 0, PAGE, directory, 0, 1), EINVAL);
	two[0] = two[1] = file;
	CU_ASSERT_EQUAL(client_request(&c, 2, mem, 32, two, 2), EINVAL);
	CU_ASSERT_EQUAL(c.server->dma.nr, 0);
	/* The last page of all is a page like any other. */
	CU_ASSERT_EQUAL(client_map(&c, -(uint64_t)PAGE, PAGE, file, 0, RW), 0);
	CU_ASSERT_PTR_NOT_NULL(dma(UINT64_MAX, 1, true));
	CU_ASSERT_PTR_NULL(dma(UINT64_MAX, 2, true));
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	close(directory);
	teardown();
}

/* As a guest behind a virtual IOMMU does it: page by page, in no order. */
static void thousands_of_regions(void)
{
	const uint32_t nr = 5000;
	uint32_t i, failed = 0;

	setup();
	for (i = 0; i < nr; i++) {
		uint64_t page = (uint64_t)i * 2477 % nr;

		failed += client_map(&c, page * 2 * PAGE, PAGE, file, page % 64 * PAGE, RW) != 0;
	}
	CU_ASSERT_EQUAL(failed, 0);
	CU_ASSERT_EQUAL(c.server->dma.nr, nr);
	for (i = 0; i < 64; i++)
		mem[i * PAGE] = (uint8_t)i;
	for (i = 0; i < nr; i++) {
		uint64_t page = (uint64_t)i * 101 % nr;
		const uint8_t *at = dma(page * 2 * PAGE, PAGE, true);

		failed += !at || *at != page % 64 || dma((page * 2 + 1) * PAGE, 1, false);
	}
	CU_ASSERT_EQUAL(failed, 0);
	for (i = 0; i < nr; i += 2)
		failed += client_unmap(&c, i * 2ull * PAGE, PAGE, 0) != 0;
	CU_ASSERT_EQUAL(failed, 0);
	CU_ASSERT_PTR_NULL(dma(0, 1, false));
	CU_ASSERT_PTR_NOT_NULL(dma(2 * PAGE, 1, false));
	CU_ASSERT_EQUAL(client_unmap(&c, 0, 0, 2), 0);
	CU_ASSERT_EQUAL(c.server->dma.nr, 0);
	CU_ASSERT_PTR_NULL(dma(2 * PAGE, 1, false));
	teardown();
}

/* Regions are rounded to the pages that the file's memory is made of. */
static void huge_pages(void)
{
	int huge = memfd_create("test", MFD_CLOEXEC | MFD_HUGETLB);
	unsigned int before;

	setup();
	before = count_fds();
	if (huge < 0 || ftruncate(huge, 4 << 20) ||
	    client_map(&c, 0, PAGE, huge, (2 << 20) + 3 * PAGE, RW)) {
		printf("# no hugepages here\n");
	} else {
		CU_ASSERT_EQUAL(c.server->dma.regions[0].map_len, 2 << 20);
		CU_ASSERT_PTR_EQUAL(c.server->dma.regions[0].addr,
				    c.server->dma.regions[0].map + 3 * PAGE);
		CU_ASSERT_EQUAL(client_unmap(&c, 0, PAGE, 0), 0);
	}
	CU_ASSERT_EQUAL(count_fds(), before);
	close(huge);
	teardown();
}

/* A client that cuts its memory off gets zeroes in its place; the server goes on. */
static void rescue(void)
{
	const uint8_t *at;

	setup();
	CU_ASSERT_EQUAL(client_map(&c, 0, 4 * PAGE, file, 0, RW), 0);
	mem[PAGE] = 1;
	at = dma(PAGE, 1, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	CU_ASSERT_EQUAL(*at, 1);
	CU_ASSERT_FALSE(nvio_emu_dma_rescue(&c.server->dma, &at));
	CU_ASSERT(nvio_emu_dma_rescue(&c.server->dma, at));
	CU_ASSERT_EQUAL(*at, 0);
	CU_ASSERT_EQUAL(client_unmap(&c, 0, 4 * PAGE, 0), 0);
	teardown();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "mapped memory is the file's", reaches_the_file },
		{ "read and write rights", honours_rights },
		{ "nothing without bus master", needs_bus_master },
		{ "a region without a descriptor", without_descriptor },
		{ "overlaps", refuses_overlaps },
		{ "unmap takes whole regions", unmaps_whole_regions },
		{ "nonsense", refuses_nonsense },
		{ "thousands of regions", thousands_of_regions },
		{ "huge pages", huge_pages },
		{ "memory that was cut off", rescue },
	};

	return tap_run("emu_dma", tests, sizeof(tests) / sizeof(tests[0]));
}
