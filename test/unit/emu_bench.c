/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's side of the software controller's tests. Asserts only what every test relies on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emu_bench.h"

#define PAGE 4096u

bool bench_remote;
static bool in_files;

/* Swaps pages, so that no two are neighbours in the same order. */
static uint64_t scatter(uint64_t offset)
{
	uint64_t page = offset / PAGE;

	return ((page & ~7ull) | (page * 5 & 7)) * PAGE + offset % PAGE;
}

static void *find(struct emu_bench *b, uint64_t iova, size_t len, bool write)
{
	if (iova % PAGE + len > PAGE)
		abort();
	if (iova < BENCH_BASE || iova - BENCH_BASE >= BENCH_LEN)
		return NULL;
	if (iova / PAGE == b->unmapped / PAGE || (write && iova / PAGE == b->read_only / PAGE))
		return NULL;
	return b->mem + scatter(iova - BENCH_BASE);
}

static void *dma(struct emu_bus *bus, uint64_t iova, size_t len, bool write)
{
	/* The checks of find() in any case. */
	void *addr = find((struct emu_bench *)bus, iova, len, write);

	return bench_remote ? NULL : addr;
}

static size_t dma_run(struct emu_bus *bus, uint64_t iova, size_t len, bool write, void **addr)
{
	size_t n = PAGE - iova % PAGE;

	if (n > len)
		n = len;
	*addr = dma(bus, iova, n, write);
	return *addr ? n : 0;
}

static size_t remote_run(struct emu_bus *bus, uint64_t iova, size_t len, bool write)
{
	size_t n = PAGE - iova % PAGE;

	if (n > len)
		n = len;
	return bench_remote && find((struct emu_bench *)bus, iova, n, write) ? n : 0;
}

static void do_moves(struct emu_bench *b)
{
	for (unsigned int i = 0; i < b->nr_moves; i++) {
		const struct bench_move *move = &b->moves[i];
		void *addr = find(b, move->iova, move->len, move->write);

		if (!addr)
			abort();
		if (move->write)
			memcpy(addr, move->local, move->len);
		else
			memcpy(move->local, addr, move->len);
	}
	b->nr_moves = 0;
}

static bool remote_settle(struct emu_bus *bus)
{
	struct emu_bench *b = (struct emu_bench *)bus;

	do_moves(b);
	if (!b->fail_settles)
		return true;
	b->fail_settles--;
	return false;
}

static void remote_move(struct emu_bus *bus, uint64_t iova, void *local, size_t len, bool write)
{
	struct emu_bench *b = (struct emu_bench *)bus;

	if (b->nr_moves == BENCH_MOVES)
		do_moves(b);
	b->moves[b->nr_moves++] = (struct bench_move){ iova, local, len, write };
}

static void raise_vector(struct emu_bus *bus, unsigned int vector)
{
	struct emu_bench *b = (struct emu_bench *)bus;

	if (vector >= BENCH_VECTORS)
		abort();
	b->raised[vector]++;
}

static void report(struct emu_bus *bus)
{
	((struct emu_bench *)bus)->reported++;
}

static void lower(struct emu_bus *bus)
{
	((struct emu_bench *)bus)->lowered++;
}

/* Every namespace in a file, where it does not have one and keeps anything at all. */
static void add_files(struct emu_bench *b)
{
	for (unsigned int i = 0; i < b->opts.nr_ns; i++) {
		struct emu_ns_opts *ns = &b->opts.ns[i];

		if (ns->null || ns->file[0])
			continue;
		strcpy(ns->file, "/dev/shm/emu-bench-XXXXXX");
		close(mkstemp(ns->file));
		b->in_files = true;
	}
}

void bench_new(struct emu_bench *b, const char *options)
{
	struct emu_error error = { "" };

	memset(b, 0, sizeof(*b));
	b->bus.dma = dma;
	b->bus.dma_run = dma_run;
	b->bus.remote_run = remote_run;
	b->bus.remote_move = remote_move;
	b->bus.remote_settle = remote_settle;
	b->bus.raise = raise_vector;
	b->bus.lower = lower;
	b->bus.report = report;
	b->bus.doorbells = b->doorbells;
	b->bus.doorbells_len = sizeof(b->doorbells);
	b->mem = aligned_alloc(PAGE, BENCH_LEN);
	memset(b->mem, 0, BENCH_LEN);
	nvio_emu_opts_default(&b->opts);
	CU_ASSERT_EQUAL_FATAL(nvio_emu_opts_parse(&b->opts, options, &error), 0);
	if (in_files)
		add_files(b);
	CU_ASSERT_EQUAL_FATAL(nvio_emu_ctrl_new(&b->opts, &b->bus, &b->ctrl, &error), 0);
}

void bench_free(struct emu_bench *b)
{
	nvio_emu_ctrl_free(b->ctrl);
	for (unsigned int i = 0; i < b->opts.nr_ns && b->in_files; i++)
		unlink(b->opts.ns[i].file);
	free(b->mem);
}

void *bench_at(struct emu_bench *b, uint64_t iova)
{
	return b->mem + scatter(iova - BENCH_BASE);
}

void bench_put(struct emu_bench *b, uint64_t iova, const void *from, size_t len)
{
	const uint8_t *at = from;

	while (len--)
		*(uint8_t *)bench_at(b, iova++) = *at++;
}

void bench_get(struct emu_bench *b, uint64_t iova, void *to, size_t len)
{
	uint8_t *at = to;

	while (len--)
		*at++ = *(uint8_t *)bench_at(b, iova++);
}

static uint8_t pattern(uint8_t seed, size_t i)
{
	return (uint8_t)(seed + i * 7 + i / 256);
}

void bench_fill(struct emu_bench *b, uint64_t iova, uint8_t seed, size_t len)
{
	for (size_t i = 0; i < len; i++)
		*(uint8_t *)bench_at(b, iova + i) = pattern(seed, i);
}

size_t bench_differs(struct emu_bench *b, uint64_t iova, uint8_t seed, size_t len)
{
	size_t wrong = 0;

	for (size_t i = 0; i < len; i++)
		wrong += *(uint8_t *)bench_at(b, iova + i) != pattern(seed, i);
	return wrong;
}

static void init_queue(struct bench_queue *q, uint64_t sq, uint64_t cq, uint16_t entries,
		       uint16_t id)
{
	*q = (struct bench_queue){ .sq = sq, .cq = cq, .entries = entries, .id = id, .phase = 1 };
}

/* The client clears a completion queue before it uses it: phase tags start at 0. */
static void clear(struct emu_bench *b, uint64_t iova, size_t len)
{
	while (len--)
		*(uint8_t *)bench_at(b, iova++) = 0;
}

uint32_t bench_enable(struct emu_bench *b)
{
	init_queue(&b->admin, BENCH_ASQ, BENCH_ACQ, 32, 0);
	clear(b, BENCH_ACQ, 32 * sizeof(struct nvio_cqe));
	nvio_emu_ctrl_write(b->ctrl, NVME_REG_AQA, 4, 31u << 16 | 31);
	nvio_emu_ctrl_write(b->ctrl, NVME_REG_ASQ, 8, BENCH_ASQ);
	nvio_emu_ctrl_write(b->ctrl, NVME_REG_ACQ, 8, BENCH_ACQ);
	nvio_emu_ctrl_write(b->ctrl, NVME_REG_CC, 4,
			    1 | (uint32_t)b->mps << 7 | (uint32_t)b->ams << 11 | 6u << 16 |
				    4u << 20);
	return (uint32_t)nvio_emu_ctrl_read(b->ctrl, NVME_REG_CSTS, 4);
}

void bench_start(struct emu_bench *b, uint16_t entries)
{
	struct nvio_sqe cq = { .opcode = NVIO_ADMIN_CREATE_CQ, .prp1 = BENCH_CQ };
	struct nvio_sqe sq = { .opcode = NVIO_ADMIN_CREATE_SQ, .prp1 = BENCH_SQ };

	CU_ASSERT_EQUAL_FATAL(bench_enable(b), 1);
	init_queue(&b->io, BENCH_SQ, BENCH_CQ, entries, 1);
	clear(b, BENCH_CQ, entries * sizeof(struct nvio_cqe));
	cq.cdw10 = sq.cdw10 = 1 | (entries - 1u) << 16;
	cq.cdw11 = 1u << 16 | 3;
	sq.cdw11 = 1u << 16 | 1;
	CU_ASSERT_EQUAL_FATAL(bench_admin(b, cq), 0);
	CU_ASSERT_EQUAL_FATAL(bench_admin(b, sq), 0);
}

uint16_t bench_know_formats(struct emu_bench *b, uint8_t value)
{
	struct nvio_sqe set = { .opcode = NVIO_ADMIN_SET_FEATURES,
				.prp1 = BENCH_LISTS,
				.cdw10 = NVIO_FEATURE_HOST_BEHAVIOR };
	uint8_t host[512] = { 0 };

	host[2] = value;
	bench_put(b, BENCH_LISTS, host, sizeof(host));
	return bench_admin(b, set);
}

uint16_t bench_submit(struct emu_bench *b, struct bench_queue *q, struct nvio_sqe sqe, bool ring)
{
	sqe.cid = q->cid++;
	bench_put(b, q->sq + q->tail * sizeof(sqe), &sqe, sizeof(sqe));
	q->tail = (uint16_t)((q->tail + 1) % q->entries);
	if (ring)
		b->doorbells[2 * q->id << b->opts.dstrd] = q->tail;
	return sqe.cid;
}

void bench_poll(struct emu_bench *b)
{
	for (int i = 0; i < 4; i++)
		nvio_emu_ctrl_poll(b->ctrl);
}

bool bench_reap(struct emu_bench *b, struct bench_queue *q, struct nvio_cqe *cqe)
{
	bench_get(b, q->cq + q->head * sizeof(*cqe), cqe, sizeof(*cqe));
	if ((cqe->status & 1) != q->phase)
		return false;
	cqe->status >>= 1;
	if (++q->head == q->entries) {
		q->head = 0;
		q->phase ^= 1;
	}
	b->doorbells[(2 * q->id + 1) << b->opts.dstrd] = q->head;
	return true;
}

uint16_t bench_do(struct emu_bench *b, struct bench_queue *q, struct nvio_sqe sqe, uint32_t *result)
{
	uint16_t cid = bench_submit(b, q, sqe, true);
	struct nvio_cqe cqe;

	bench_poll(b);
	if (!bench_reap(b, q, &cqe))
		return NO_COMPLETION;
	CU_ASSERT_EQUAL(cqe.cid, cid);
	CU_ASSERT_EQUAL(cqe.sq_id, q->id);
	CU_ASSERT_EQUAL(cqe.sq_head, q->tail);
	if (result)
		*result = cqe.result;
	return cqe.status & 0x7ff;
}

uint16_t bench_admin(struct emu_bench *b, struct nvio_sqe sqe)
{
	return bench_do(b, &b->admin, sqe, NULL);
}

uint16_t bench_io(struct emu_bench *b, struct nvio_sqe sqe)
{
	return bench_do(b, &b->io, sqe, NULL);
}

struct nvio_sqe bench_rw(uint8_t opcode, uint64_t slba, uint32_t nr, uint64_t iova)
{
	struct nvio_sqe sqe = {
		.opcode = opcode,
		.nsid = 1,
		.prp1 = iova,
		.prp2 = (iova & ~(uint64_t)(PAGE - 1)) + PAGE,
		.cdw10 = (uint32_t)slba,
		.cdw11 = (uint32_t)(slba >> 32),
		.cdw12 = nr - 1,
	};

	return sqe;
}

static const struct tap_test *again;
static size_t nr_again, nr_done;

/* The tests run in their order: all of them once more, and then again. */
static void run_again(void)
{
	bench_remote = nr_done < nr_again;
	in_files = !bench_remote;
	again[nr_done++ % nr_again].run();
	bench_remote = in_files = false;
}

int bench_run(const char *suite, const struct tap_test *tests, size_t nr_tests)
{
	struct tap_test *all = calloc(3 * nr_tests, sizeof(*all));
	char(*names)[80] = calloc(2 * nr_tests, sizeof(*names));
	int status;

	if (!all || !names)
		abort();
	memcpy(all, tests, nr_tests * sizeof(*all));
	for (size_t i = 0; i < 2 * nr_tests; i++) {
		snprintf(names[i], sizeof(names[i]), "%s in %s", tests[i % nr_tests].name,
			 i < nr_tests ? "remote memory" : "files");
		all[nr_tests + i] = (struct tap_test){ names[i], run_again };
	}
	again = tests;
	nr_again = nr_tests;
	status = tap_run(suite, all, 3 * nr_tests);
	free(names);
	free(all);
	return status;
}
