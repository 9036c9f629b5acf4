/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of namespaces that go wrong while they are served: cut off by somebody, on a disk that is
 * full. Each command that meets it gets a status, the others go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emu_bench.h"

#define PAGE        4096u
#define READ_ERROR  MEDIA(NVME_SC_READ_ERROR)
#define WRITE_FAULT MEDIA(NVME_SC_WRITE_FAULT)

static char path[64];
static struct emu_bench b;

static void open_bench(const char *directory, const char *options)
{
	char text[160];

	snprintf(path, sizeof(path), "%s/emu-store-XXXXXX", directory);
	close(mkstemp(path));
	snprintf(text, sizeof(text), "%s,file=%s", options, path);
	bench_new(&b, text);
	bench_start(&b, 16);
}

static void close_bench(void)
{
	bench_free(&b);
	unlink(path);
}

/* One block or more at the data buffer. */
static uint16_t io(uint8_t opcode, uint64_t slba, uint32_t nr)
{
	return bench_io(&b, bench_rw(opcode, slba, nr, BENCH_DATA));
}

static uint16_t write_block(uint64_t slba, uint8_t seed)
{
	bench_fill(&b, BENCH_DATA, seed, PAGE);
	return io(NVIO_NVM_WRITE, slba, 1);
}

static bool reads_as(uint64_t slba, uint8_t seed)
{
	bench_fill(&b, BENCH_DATA, (uint8_t)(seed + 1), PAGE);
	return !io(NVIO_NVM_READ, slba, 1) && !bench_differs(&b, BENCH_DATA, seed, PAGE);
}

static uint64_t media_errors(void)
{
	struct nvio_sqe log = { .opcode = nvme_admin_get_log_page,
				.nsid = 0xffffffff,
				.prp1 = BENCH_DATA + 0x10000,
				.cdw10 = 127u << 16 | NVME_LOG_LID_SMART };
	struct nvme_smart_log smart;
	uint64_t value;

	CU_ASSERT_EQUAL(bench_admin(&b, log), 0);
	bench_get(&b, BENCH_DATA + 0x10000, &smart, sizeof(smart));
	memcpy(&value, smart.media_errors, sizeof(value));
	return value;
}

static void cut_off(void)
{
	open_bench("/dev/shm", "size=1M,lba=4096");
	CU_ASSERT_EQUAL(write_block(0, 1), 0);
	CU_ASSERT_EQUAL(write_block(100, 2), 0);
	CU_ASSERT_EQUAL(write_block(200, 3), 0);
	CU_ASSERT_EQUAL(truncate(path, 100 * PAGE + 1000), 0);
	CU_ASSERT_TRUE(reads_as(0, 1));
	CU_ASSERT_EQUAL(io(NVIO_NVM_READ, 100, 1), READ_ERROR);
	CU_ASSERT_EQUAL(io(NVIO_NVM_READ, 99, 2), READ_ERROR);
	CU_ASSERT_EQUAL(io(NVIO_NVM_READ, 200, 1), READ_ERROR);
	CU_ASSERT_EQUAL(io(nvme_cmd_compare, 200, 1), READ_ERROR);
	CU_ASSERT_EQUAL(media_errors(), 4);
	CU_ASSERT_EQUAL(io(NVIO_NVM_FLUSH, 0, 1), 0);
	/* Written, it is there again, and what is before it is zero. */
	CU_ASSERT_EQUAL(write_block(200, 4), 0);
	CU_ASSERT_TRUE(reads_as(200, 4));
	CU_ASSERT_EQUAL(io(NVIO_NVM_READ, 150, 1), 0);
	CU_ASSERT_EQUAL(*(uint8_t *)bench_at(&b, BENCH_DATA), 0);
	CU_ASSERT_EQUAL(truncate(path, 0), 0);
	CU_ASSERT_EQUAL(io(NVIO_NVM_READ, 0, 1), READ_ERROR);
	CU_ASSERT_EQUAL(io(nvme_cmd_write_zeroes, 0, 16), 0);
	CU_ASSERT_EQUAL(io(NVIO_NVM_READ, 0, 2), 0);
	close_bench();
}

/* Metadata are behind all data: they go first. */
static void metadata_cut_off(void)
{
	struct nvio_sqe verify = { .opcode = nvme_cmd_verify, .nsid = 1, .cdw12 = 7u << 26 };
	struct nvio_sqe copy = bench_rw(nvme_cmd_copy, 50, 1, BENCH_LISTS);
	uint64_t source[4] = { 0 };

	open_bench("/dev/shm", "size=1M,lba=4096,md=8,pi=1");
	bench_put(&b, BENCH_LISTS, source, sizeof(source));
	CU_ASSERT_EQUAL(bench_io(&b, verify), 0);
	CU_ASSERT_EQUAL(truncate(path, 1 << 20), 0);
	CU_ASSERT_EQUAL(bench_io(&b, verify), READ_ERROR);
	CU_ASSERT_EQUAL(bench_io(&b, copy), READ_ERROR);
	verify = bench_rw(NVIO_NVM_READ, 0, 1, BENCH_DATA);
	verify.cdw12 |= 8u << 26;
	CU_ASSERT_EQUAL(bench_io(&b, verify), READ_ERROR);
	verify.opcode = NVIO_NVM_WRITE;
	CU_ASSERT_EQUAL(bench_io(&b, verify), 0);
	verify.opcode = NVIO_NVM_READ;
	CU_ASSERT_EQUAL(bench_io(&b, verify), 0);
	close_bench();
}

static void copies_in_the_file(void)
{
	struct nvio_sqe copy = bench_rw(nvme_cmd_copy, 10, 1, BENCH_LISTS);
	uint64_t source[4] = { 0, 8, 39 };

	open_bench("/dev/shm", "size=1M,lba=4096");
	for (uint8_t i = 0; i < 60; i++)
		CU_ASSERT_EQUAL(write_block(i, i), 0);
	/* 40 blocks from 8 on to 10 on, and then back: each overlaps itself. */
	bench_put(&b, BENCH_LISTS, source, sizeof(source));
	CU_ASSERT_EQUAL(bench_io(&b, copy), 0);
	for (uint8_t i = 0; i < 40; i++)
		CU_ASSERT_TRUE(reads_as(10 + i, (uint8_t)(8 + i)));
	CU_ASSERT_TRUE(reads_as(50, 50));
	CU_ASSERT_TRUE(reads_as(9, 9));
	source[1] = 10;
	copy.cdw10 = 5;
	bench_put(&b, BENCH_LISTS, source, sizeof(source));
	CU_ASSERT_EQUAL(bench_io(&b, copy), 0);
	for (uint8_t i = 0; i < 40; i++)
		CU_ASSERT_TRUE(reads_as(5 + i, (uint8_t)(8 + i)));
	CU_ASSERT_TRUE(reads_as(4, 4));
	CU_ASSERT_EQUAL(truncate(path, 20 * PAGE), 0);
	CU_ASSERT_EQUAL(bench_io(&b, copy), READ_ERROR);
	close_bench();
}

/* A disk of 64 pages, for this process alone. */
static bool mount_small(const char *directory)
{
	return !unshare(CLONE_NEWNS) && !mount("none", "/", "", MS_REC | MS_PRIVATE, NULL) &&
	       !mount("none", directory, "tmpfs", 0, "size=256k");
}

static void disk_full(void)
{
	char directory[] = "/tmp/emu-store-XXXXXX";
	uint32_t written = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
	if (!mount_small(directory)) {
		printf("# not allowed to mount a disk that is full: %s\n", strerror(errno));
		rmdir(directory);
		CU_PASS("nothing to test");
		return;
	}
	open_bench(directory, "size=1M,lba=4096");
	while (written < 100 && !write_block(written, (uint8_t)written))
		written++;
	printf("# %u blocks fit\n", written);
	CU_ASSERT(written > 32 && written <= 64);
	CU_ASSERT_EQUAL(write_block(200, 1), WRITE_FAULT);
	CU_ASSERT_EQUAL(io(nvme_cmd_write_zeroes, 200, 1), WRITE_FAULT);
	for (uint32_t i = 0; i < written; i++)
		CU_ASSERT_TRUE(reads_as(i, (uint8_t)i));
	CU_ASSERT_EQUAL(io(NVIO_NVM_READ, 200, 1), 0);
	CU_ASSERT_EQUAL(write_block(0, 77), 0);
	CU_ASSERT_TRUE(reads_as(0, 77));
	/* What is given back can be written elsewhere. */
	CU_ASSERT_EQUAL(io(nvme_cmd_write_zeroes, 0, 16), 0);
	CU_ASSERT_EQUAL(write_block(200, 1), 0);
	CU_ASSERT_TRUE(reads_as(200, 1));
	close_bench();
	umount(directory);
	rmdir(directory);
}

/* The embedded controller's thread blocks all signals, nvme_emu ignores this one. */
static void file_size_limit(void)
{
	struct rlimit before, limit;

	open_bench("/dev/shm", "size=1M,lba=4096");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 10 * PAGE;
	setrlimit(RLIMIT_FSIZE, &limit);
	CU_ASSERT_EQUAL(write_block(9, 1), 0);
	CU_ASSERT_EQUAL(write_block(10, 1), WRITE_FAULT);
	setrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, SIG_DFL);
	CU_ASSERT_TRUE(reads_as(9, 1));
	CU_ASSERT_EQUAL(write_block(10, 1), 0);
	close_bench();
}

/* What is in the file behind the namespace stays, and the file grows where the format needs it. */
static void formatted(void)
{
	struct nvio_sqe write, format = { .opcode = nvme_admin_format_nvm, .nsid = 1, .cdw10 = 1 };
	const char text[] = "somebody else's";
	char found[sizeof(text)];
	struct stat st;
	int fd;

	open_bench("/dev/shm", "size=1M,lba=4096");
	CU_ASSERT_EQUAL(write_block(0, 1), 0);
	CU_ASSERT_EQUAL(write_block(255, 2), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CU_ASSERT_EQUAL(pwrite(fd, text, sizeof(text), 3 << 20), sizeof(text));
	CU_ASSERT_EQUAL(bench_admin(&b, format), 0);
	CU_ASSERT_EQUAL(pread(fd, found, sizeof(found), 3 << 20), sizeof(found));
	CU_ASSERT_STRING_EQUAL(found, text);
	for (uint64_t slba = 0; slba < 256; slba += 255) {
		CU_ASSERT_EQUAL(io(NVIO_NVM_READ, slba, 1), 0);
		CU_ASSERT_EQUAL(*(uint8_t *)bench_at(&b, BENCH_DATA + 77), 0);
	}
	/* With 64 bytes of metadata for each block. */
	CU_ASSERT_EQUAL(ftruncate(fd, 1 << 20), 0);
	format.cdw10 = 7;
	CU_ASSERT_EQUAL(bench_admin(&b, format), 0);
	CU_ASSERT(!fstat(fd, &st) && st.st_size >= (1 << 20) + 256 * 64);
	write = bench_rw(NVIO_NVM_WRITE, 255, 1, BENCH_DATA);
	write.mptr = BENCH_LISTS;
	CU_ASSERT_EQUAL(bench_io(&b, write), 0);
	close(fd);
	close_bench();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "cut off", cut_off },           { "metadata cut off", metadata_cut_off },
		{ "copied", copies_in_the_file }, { "a limit of file sizes", file_size_limit },
		{ "disk full", disk_full },       { "formatted", formatted },
	};

	return tap_run("emu_store", tests, sizeof(tests) / sizeof(tests[0]));
}
