/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of the application's own on the software controller, which cannot map it: data verified
 * over many commands, memory that comes and goes, and memory that is not what it was registered as.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nvio/nvio.h>

#include "tap.h"

#define PAGE        4096u
#define BLOCK       512u
#define DEPTH       16u
#define SLOT_LEN    (34u * PAGE) /* the longest at any offset */
#define SLOT_BLOCKS 256u
#define REGION      16384u /* blocks that the verification uses */
#define PATIENCE    60000000000ll
#define XFER_ERROR  0x004 /* Data Transfer Error */

struct stack {
	struct nvio_ctrl *ctrl;
	struct nvio_iommu *iommu;
	struct nvio_ns *ns;
	struct nvio_qpair *qpair;
};

static void stack_open(struct stack *s, const char *name, struct nvio_iommu *iommu)
{
	struct nvio_ctrl_opts opts = NVIO_CTRL_OPTS;
	struct nvio_qpair_opts qopts = NVIO_QPAIR_OPTS;

	opts.iommu = iommu;
	qopts.depth = DEPTH;
	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(name, &opts, &s->ctrl), 0);
	s->iommu = nvio_ctrl_iommu(s->ctrl);
	s->ns = nvio_ctrl_ns(s->ctrl, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->ns);
	CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(s->ctrl, &qopts, &s->qpair), 0);
}

static char *pages(size_t len)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CU_ASSERT_FATAL(p != MAP_FAILED);
	return p;
}

/* One command from beginning to end: its status, or -errno. */
static int one(struct stack *s, bool write, void *buf, uint64_t slba, uint32_t nr)
{
	struct nvio_completion done = { .status = 0xffff };
	int err = write ? nvio_write(s->qpair, s->ns, buf, slba, nr, 0, 1)
			: nvio_read(s->qpair, s->ns, buf, slba, nr, 0, 1);

	if (err)
		return err;
	err = nvio_wait(s->qpair, &done, 1, 1, PATIENCE);
	return err == 1 ? done.status : err;
}

static void fill(void *buf, size_t len, uint32_t key)
{
	uint32_t *at = buf;

	for (size_t i = 0; i < len / sizeof(*at); i++)
		at[i] = key * 0x9e3779b9u + (uint32_t)i;
}

static bool holds(const void *buf, size_t len, uint32_t key)
{
	const uint32_t *at = buf;
	uint32_t wrong = 0;

	for (size_t i = 0; i < len / sizeof(*at); i++)
		wrong |= at[i] ^ (key * 0x9e3779b9u + (uint32_t)i);
	return !wrong;
}

/* Writes and reads back through memory of the application's: whether it is the same. */
static bool goes_round(struct stack *s, char *buf, size_t len, uint32_t key)
{
	fill(buf, len, key);
	if (one(s, true, buf, 64, (uint32_t)(len / BLOCK)))
		return false;
	memset(buf, 0x55, len);
	return !one(s, false, buf, 64, (uint32_t)(len / BLOCK)) && holds(buf, len, key);
}

static long nr_threads(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long nr = -1;

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "Threads: %ld", &nr);
	if (file)
		fclose(file);
	return nr;
}

/* The library's thread is there as long as the device, and only when it has to be. */
static void a_thread_when_needed(void)
{
	char *mem = pages(4 * PAGE), *heap;
	struct stack s;
	long before;

	stack_open(&s, "emu:size=32M", NULL);
	heap = nvio_alloc(s.iommu, 4 * PAGE, 0);
	CU_ASSERT_TRUE(goes_round(&s, heap, 4 * PAGE, 1));
	before = nr_threads();
	CU_ASSERT_EQUAL(nvio_mem_register(s.iommu, mem, 4 * PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nr_threads(), before + 1);
	CU_ASSERT_TRUE(goes_round(&s, mem, 4 * PAGE, 2));
	CU_ASSERT_TRUE(goes_round(&s, heap, 4 * PAGE, 3));
	CU_ASSERT_EQUAL(nvio_mem_unregister(s.iommu, mem, 4 * PAGE), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(s.iommu, mem, PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nr_threads(), before + 1);
	nvio_ctrl_close(s.ctrl);
	/* The controller's thread has gone, too. */
	CU_ASSERT_EQUAL(nr_threads(), before - 1);
	munmap(mem, 4 * PAGE);
}

static uint64_t seed = 88172645463325252ull;

static uint32_t below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20) % n;
}

/* What each block was written with last; a command in a slot of the arena. */
struct verify {
	struct stack s;
	char *arena;
	uint32_t keys[REGION];
	bool locked[REGION];
	struct {
		char *buf;
		uint32_t slba, nr;
		bool busy, write;
	} slots[DEPTH];
	uint32_t nr_writes, nr_wrong, completed;
};

static bool lock(struct verify *v, uint32_t slba, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		if (v->locked[slba + i])
			return false;
	memset(&v->locked[slba], true, nr);
	return true;
}

static void start_one(struct verify *v, unsigned int slot)
{
	uint32_t nr = 1 + below(below(2) ? 16 : SLOT_BLOCKS), slba = below(REGION - nr + 1);
	bool write = below(2);
	/* Every offset that a PRP can have, and ends of registrations in any place. */
	char *buf = v->arena + slot * SLOT_LEN + 4 * below(PAGE / 4);
	int err;

	if (!lock(v, slba, nr))
		return;
	for (uint32_t i = 0; write && i < nr; i++) {
		v->keys[slba + i] = ++v->nr_writes;
		fill(buf + i * BLOCK, BLOCK, v->nr_writes);
	}
	if (!write)
		memset(buf, 0x55, nr * BLOCK);
	v->slots[slot].buf = buf;
	v->slots[slot].slba = slba;
	v->slots[slot].nr = nr;
	v->slots[slot].busy = true;
	v->slots[slot].write = write;
	err = write ? nvio_write(v->s.qpair, v->s.ns, buf, slba, nr, 0, slot)
		    : nvio_read(v->s.qpair, v->s.ns, buf, slba, nr, 0, slot);
	CU_ASSERT_EQUAL_FATAL(err, 0);
}

static void finish_one(struct verify *v, const struct nvio_completion *done)
{
	unsigned int slot = (unsigned int)done->user_data;
	uint32_t slba = v->slots[slot].slba, nr = v->slots[slot].nr;

	v->nr_wrong += done->status || !v->slots[slot].busy;
	for (uint32_t i = 0; !v->slots[slot].write && i < nr; i++) {
		const char *block = v->slots[slot].buf + i * BLOCK;
		uint32_t key = v->keys[slba + i];

		v->nr_wrong += key ? !holds(block, BLOCK, key)
				   : block[0] || memcmp(block, block + 1, BLOCK - 1);
	}
	memset(&v->locked[slba], false, nr);
	v->slots[slot].busy = false;
	v->completed++;
}

static void run_commands(struct verify *v, uint32_t total)
{
	struct nvio_completion done[DEPTH];

	while (v->completed < total) {
		int n;

		for (unsigned int slot = 0; slot < DEPTH; slot++)
			if (!v->slots[slot].busy && below(4))
				start_one(v, slot);
		n = nvio_wait(v->s.qpair, done, 1, DEPTH, PATIENCE);
		CU_ASSERT_FATAL(n > 0);
		for (int i = 0; i < n; i++)
			finish_one(v, &done[i]);
	}
}

/* Registered in pieces, so that buffers begin in one and end in another. */
static void verified(void)
{
	static struct verify v;
	const size_t len = DEPTH * SLOT_LEN;
	size_t piece;

	memset(&v, 0, sizeof(v));
	v.arena = pages(len);
	stack_open(&v.s, "emu:size=32M", NULL);
	for (size_t at = 0; at < len; at += piece) {
		piece = (1 + below(40)) * PAGE;
		piece = piece < len - at ? piece : len - at;
		CU_ASSERT_EQUAL_FATAL(
			nvio_mem_register(v.s.iommu, v.arena + at, piece, NVIO_DMA_RW), 0);
	}
	run_commands(&v, 3000);
	CU_ASSERT_EQUAL(v.nr_wrong, 0);
	CU_ASSERT(v.nr_writes > 10000);
	printf("# %u commands, %u blocks written\n", v.completed, v.nr_writes);
	nvio_ctrl_close(v.s.ctrl);
	munmap(v.arena, len);
}

static void any_kind_of_memory(void)
{
	char *file = NULL, *heap = aligned_alloc(PAGE, 4 * PAGE), *large = pages(8u << 20);
	char stack[3 * PAGE];
	char *on_stack = (char *)(((uintptr_t)stack + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct stack s;

	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, 4 * PAGE), 0);
	file = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CU_ASSERT_FATAL(file != MAP_FAILED);
	stack_open(&s, "emu:size=32M", NULL);
	CU_ASSERT_EQUAL(nvio_mem_register(s.iommu, file, 4 * PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(s.iommu, heap, 4 * PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(s.iommu, on_stack, 2 * PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(s.iommu, large, 8u << 20, NVIO_DMA_RW), 0);
	CU_ASSERT_TRUE(goes_round(&s, file, 4 * PAGE, 1));
	CU_ASSERT_TRUE(goes_round(&s, heap, 4 * PAGE, 2));
	CU_ASSERT_TRUE(goes_round(&s, on_stack, 2 * PAGE, 3));
	CU_ASSERT_TRUE(goes_round(&s, large + 77 * PAGE + 4, 512u << 10, 4));
	nvio_ctrl_close(s.ctrl);
	munmap(file, 4 * PAGE);
	munmap(large, 8u << 20);
	free(heap);
	close(fd);
}

/* A device that comes later is told of what is registered already. */
static void two_devices(void)
{
	struct nvio_iommu *iommu;
	struct stack a, b;
	char *mem = pages(8 * PAGE);

	CU_ASSERT_EQUAL_FATAL(nvio_iommu_open(NULL, &iommu), 0);
	stack_open(&a, "emu:size=32M", iommu);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, mem, 4 * PAGE, NVIO_DMA_RW), 0);
	stack_open(&b, "emu:size=16M,lba=512", iommu);
	CU_ASSERT_EQUAL(nvio_mem_register(iommu, mem + 4 * PAGE, 4 * PAGE, NVIO_DMA_RW), 0);
	CU_ASSERT_TRUE(goes_round(&b, mem, 8 * PAGE, 1));
	CU_ASSERT_TRUE(goes_round(&a, mem, 8 * PAGE, 2));
	nvio_ctrl_close(a.ctrl);
	CU_ASSERT_TRUE(goes_round(&b, mem, 8 * PAGE, 3));
	CU_ASSERT_EQUAL(nvio_mem_unregister(iommu, mem, 4 * PAGE), 0);
	CU_ASSERT_EQUAL(one(&b, false, mem, 0, 1), -EFAULT);
	nvio_ctrl_close(b.ctrl);
	nvio_iommu_close(iommu);
	munmap(mem, 8 * PAGE);
}

static void unregistered(void)
{
	struct nvio_completion done;
	char *mem = pages(4 * PAGE);
	struct stack s;

	/* The command takes its time, so that there is one outstanding for certain. */
	stack_open(&s, "emu:size=32M,latency=20ms", NULL);
	for (int i = 0; i < 20; i++) {
		CU_ASSERT_EQUAL(nvio_mem_register(s.iommu, mem, 4 * PAGE, NVIO_DMA_RW), 0);
		CU_ASSERT_EQUAL(nvio_read(s.qpair, s.ns, mem, 0, 8, 0, 0), 0);
		CU_ASSERT_EQUAL(nvio_submit(s.qpair), 1);
		CU_ASSERT_EQUAL(nvio_mem_unregister(s.iommu, mem, 4 * PAGE), -EBUSY);
		CU_ASSERT_EQUAL(nvio_wait(s.qpair, &done, 1, 1, PATIENCE), 1);
		CU_ASSERT_EQUAL(done.status, 0);
		CU_ASSERT_EQUAL(nvio_mem_unregister(s.iommu, mem, 4 * PAGE), 0);
		CU_ASSERT_EQUAL(one(&s, false, mem, 0, 1), -EFAULT);
	}
	nvio_ctrl_close(s.ctrl);
	munmap(mem, 4 * PAGE);
}

/* A status, and neither a signal nor the end of the controller. */
static void memory_that_went(void)
{
	char *mem = pages(8 * PAGE);
	struct stack s;

	stack_open(&s, "emu:size=32M", NULL);
	munmap(mem + 6 * PAGE, PAGE);
	CU_ASSERT_EQUAL(nvio_mem_register(s.iommu, mem + 4 * PAGE, 4 * PAGE, NVIO_DMA_RW), -EFAULT);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "is not mapped in this process"));
	CU_ASSERT_EQUAL(nvio_mem_register(s.iommu, mem, 4 * PAGE, NVIO_DMA_RW), 0);
	mprotect(mem + PAGE, PAGE, PROT_READ);
	CU_ASSERT_EQUAL(one(&s, false, mem + PAGE, 0, 8) & 0x7ff, XFER_ERROR);
	CU_ASSERT_EQUAL(one(&s, false, mem, 0, 32) & 0x7ff, XFER_ERROR);
	CU_ASSERT_EQUAL(one(&s, true, mem + PAGE, 0, 8), 0);
	munmap(mem + 2 * PAGE, PAGE);
	CU_ASSERT_EQUAL(one(&s, true, mem + 2 * PAGE, 0, 8) & 0x7ff, XFER_ERROR);
	CU_ASSERT_EQUAL(one(&s, false, mem + 2 * PAGE, 0, 1) & 0x7ff, XFER_ERROR);
	CU_ASSERT_TRUE(goes_round(&s, mem, PAGE, 9));
	nvio_ctrl_close(s.ctrl);
	munmap(mem, 8 * PAGE);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a thread when it is needed", a_thread_when_needed },
		{ "verified", verified },
		{ "any kind of memory", any_kind_of_memory },
		{ "two devices", two_devices },
		{ "unregistered", unregistered },
		{ "memory that went", memory_that_went },
	};

	return tap_run("registered", tests, sizeof(tests) / sizeof(tests[0]));
}
