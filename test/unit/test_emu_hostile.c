/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client that means harm: random registers, doorbells, commands and lists, for many rounds. What
 * is tested is that nothing but statuses comes of it: the sanitizers watch.
 */
#include <stdlib.h>
#include <string.h>

#include "emu_bench.h"

#define ROUNDS 20000

static uint64_t state;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Mostly addresses that exist, with odd offsets now and then; sometimes anything. */
static uint64_t rnd_iova(void)
{
	switch (rnd() % 8) {
	case 0:
		return rnd();
	case 1:
		return BENCH_BASE + BENCH_LEN - rnd() % 8192;
	case 2:
		return BENCH_BASE + rnd() % BENCH_LEN;
	default:
		return BENCH_BASE + rnd() % (BENCH_LEN / 4096) * 4096;
	}
}

static uint32_t rnd_edge(void)
{
	static const uint32_t edges[] = {
		0, 1, 2, 7, 0xff, 0xffff, 0x10000, 0x7fffffff, 0xffffffff
	};

	return rnd() % 2 ? edges[rnd() % (sizeof(edges) / sizeof(edges[0]))] : (uint32_t)rnd();
}

static struct nvio_sqe rnd_sqe(bool admin)
{
	/* Those that take namespaces away come last, and seldom. */
	static const uint8_t admin_ops[] = { 0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x08, 0x09,
					     0x0a, 0x0c, 0x18, 0x7c, 0x0d, 0x15, 0x80 };
	static const uint8_t flags[] = { 0x40, 0x40, 0x80, 0x80, 0x01, 0x02, 0xc0, 0x04 };
	static const uint8_t io_ops[] = { 0x00, 0x01, 0x02, 0x04, 0x05, 0x08, 0x09, 0x0c, 0x19 };
	struct nvio_sqe sqe = {
		.opcode = admin ? admin_ops[rnd() % (rnd() % 16 ? 12 : 15)]
				: io_ops[rnd() % sizeof(io_ops)],
		.cid = (uint16_t)rnd(),
		.nsid = rnd() % 8 ? 1 : (uint32_t)(rnd() % 4),
		.cdw2 = rnd_edge(),
		.cdw3 = rnd_edge(),
		.mptr = rnd_iova(),
		.prp1 = rnd_iova(),
		.prp2 = rnd_iova(),
		.cdw10 = rnd() % 8 ? (uint32_t)(rnd() % 0x80) : rnd_edge(),
		.cdw11 = rnd() % 8 ? (admin ? rnd() % 4 : 0) : rnd_edge(),
		.cdw12 = rnd() % 4 ? (uint32_t)rnd() & (rnd() % 2 ? 0xc0000007 : 0xfc00000f)
				   : rnd_edge(),
		.cdw13 = rnd() % 4 ? 0 : rnd_edge(),
		.cdw14 = rnd_edge(),
		.cdw15 = rnd_edge(),
	};

	if (!(rnd() % 3)) {
		sqe.flags = flags[rnd() % sizeof(flags)];
		sqe.prp2 = (rnd() % 0x4000) | (rnd() % 6) << 60;
	}
	if (admin && sqe.opcode == NVIO_ADMIN_IDENTIFY)
		sqe.cdw10 = (uint32_t)(rnd() % 0x20);
	return sqe;
}

static void scribble(struct emu_bench *b)
{
	uint64_t at = BENCH_LISTS + rnd() % 0x40000 / 8 * 8;

	for (int i = 0; i < 64; i++) {
		uint64_t value = rnd() % 2 ? rnd_iova() : (rnd() % 0x8000) | (rnd() % 6) << 60;

		bench_put(b, at + 8 * i, &value, 8);
	}
}

static void abuse(struct emu_bench *b)
{
	uint32_t n = (uint32_t)rnd() % 32;

	switch (rnd() % 16) {
	case 0:
		nvio_emu_ctrl_write(b->ctrl, (uint32_t)rnd() % 0x1100, 1u << rnd() % 4, rnd());
		break;
	case 1:
		nvio_emu_ctrl_read(b->ctrl, (uint32_t)rnd(), (unsigned int)rnd() % 10);
		break;
	case 2:
		b->doorbells[rnd() % 64] = rnd() % 2 ? rnd_edge() : n;
		break;
	case 3:
		b->bus.generation++;
		break;
	case 4:
		b->unmapped = rnd() % 4 ? 0 : rnd_iova();
		break;
	case 5:
		scribble(b);
		break;
	case 6:
		b->read_only = rnd() % 2 ? 0 : rnd_iova();
		break;
	default:
		break;
	}
}

static void start_again(struct emu_bench *b)
{
	b->unmapped = b->read_only = 0;
	nvio_emu_ctrl_write(b->ctrl, NVME_REG_CC, 4, 0);
	bench_start(b, 32);
}

static void live_through(const char *options, uint64_t seed)
{
	struct emu_bench b;
	struct nvio_cqe cqe;

	state = seed;
	bench_new(&b, options);
	for (int round = 0; round < ROUNDS; round++) {
		if (round % 50 == 0)
			start_again(&b);
		for (unsigned int i = 0; i < 1 + rnd() % 4; i++)
			bench_submit(&b, &b.io, rnd_sqe(false), true);
		if (rnd() % 3 == 0)
			bench_submit(&b, &b.admin, rnd_sqe(true), true);
		abuse(&b);
		bench_poll(&b);
		while (bench_reap(&b, &b.io, &cqe) || bench_reap(&b, &b.admin, &cqe))
			continue;
		nvio_emu_ctrl_next_event(b.ctrl);
	}
	start_again(&b);
	CU_ASSERT_EQUAL(nvio_emu_ctrl_read(b.ctrl, NVME_REG_CSTS, 4), 1);
	bench_free(&b);
}

static void survives_on_plain_blocks(void)
{
	live_through("size=1M,lba=512,ns,size=1M,lba=4096,mdts=3", 1);
	live_through("size=1M,lba=4096,mdts=0,dstrd=2,queues=4,vwc=off", 2);
	live_through("size=4M,lba=65536,mdts=0,latency=1us-50us", 3);
}

static void survives_on_protected_blocks(void)
{
	live_through("size=1M,lba=512,md=8,pi=1,ns,size=1M,lba=4096,md=64,pi=2,guard=64", 4);
	live_through("size=1M,lba=512,md=8,pi=3,extended,ns,size=1M,lba=512,md=17,mdts=1", 5);
}

static void survives_on_nothing(void)
{
	live_through("null,ns,null,md=8,pi=1", 6);
}

/* The doorbells and the queue are full of garbage; nothing is submitted properly at all. */
static void survives_garbage_queues(void)
{
	struct emu_bench b;

	state = 7;
	bench_new(&b, "size=1M");
	for (int round = 0; round < ROUNDS; round++) {
		if (round % 100 == 0)
			start_again(&b);
		for (unsigned int i = 0; i < 512; i++)
			*(uint64_t *)bench_at(&b, BENCH_SQ + 8 * (rnd() % 256)) = rnd();
		b.doorbells[rnd() % 4] = (uint32_t)rnd() % 33;
		bench_poll(&b);
	}
	CU_PASS("alive");
	bench_free(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "survives on plain blocks", survives_on_plain_blocks },
		{ "survives on protected blocks", survives_on_protected_blocks },
		{ "survives on nothing", survives_on_nothing },
		{ "survives garbage queues", survives_garbage_queues },
	};

	return bench_run("emu hostile", tests, sizeof(tests) / sizeof(tests[0]));
}
