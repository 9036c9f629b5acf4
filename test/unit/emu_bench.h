/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client of the software controller over plain memory: what the transport does for a real one,
 * and queues to send commands through.
 *
 * Neighbouring pages of the client are apart here, so that nothing works by being contiguous.
 */
#ifndef TEST_UNIT_EMU_BENCH_H
#define TEST_UNIT_EMU_BENCH_H

#include <nvme/types.h>

#include "emu/ctrl.h"
#include "nvme/wire.h"
#include "tap.h"

#define BENCH_BASE    0x100000000ull /* the client's memory begins here */
#define BENCH_LEN     (8u << 20)
#define BENCH_ASQ     (BENCH_BASE + 0x10000)
#define BENCH_ACQ     (BENCH_BASE + 0x20000)
#define BENCH_SQ      (BENCH_BASE + 0x30000)
#define BENCH_CQ      (BENCH_BASE + 0x50000)
#define BENCH_LISTS   (BENCH_BASE + 0x80000)
#define BENCH_DATA    (BENCH_BASE + 0x100000)
#define BENCH_VECTORS 128u
#define BENCH_MOVES   1024u

#define SPECIFIC(code) ((uint16_t)(NVME_SCT_CMD_SPECIFIC << 8 | (code)))
#define MEDIA(code)    ((uint16_t)(NVME_SCT_MEDIA << 8 | (code)))

/* No completion came. */
#define NO_COMPLETION 0xfffeu

struct bench_queue {
	uint64_t sq;
	uint64_t cq;
	uint16_t entries;
	uint16_t id;
	uint16_t tail;
	uint16_t head;
	uint16_t phase;
	uint16_t cid;
};

/* Makes all memory of benches remote, as if none had come with a descriptor. */
extern bool bench_remote;

/* What remote_move() was asked for: done at the settling, and not before. */
struct bench_move {
	uint64_t iova;
	uint8_t *local;
	size_t len;
	bool write;
};

struct emu_bench {
	struct emu_bus bus; /* first: the bus is the bench */
	struct emu_ctrl *ctrl;
	struct emu_opts opts;
	uint8_t *mem;
	uint32_t doorbells[2048];
	unsigned int raised[BENCH_VECTORS];
	unsigned int reported; /* errors of the device */
	unsigned int lowered;
	uint64_t read_only; /* this page may not be written by the controller */
	uint64_t unmapped; /* this one is not there */
	struct bench_move moves[BENCH_MOVES];
	unsigned int nr_moves;
	unsigned int fail_settles; /* so many fail from here on */
	bool in_files; /* which go with it */
	uint8_t mps; /* CC.MPS, CC.AMS */
	uint8_t ams;
	struct bench_queue admin;
	struct bench_queue io;
};

/* As tap_run(), each test two times more: with all of the client's memory remote, and with every
 * namespace in a file. */
int bench_run(const char *suite, const struct tap_test *tests, size_t nr_tests);

/* A controller made from option text. The registers are untouched. */
void bench_new(struct emu_bench *b, const char *options);
void bench_free(struct emu_bench *b);

/* The client's memory at an iova, within one page. */
void *bench_at(struct emu_bench *b, uint64_t iova);
void bench_put(struct emu_bench *b, uint64_t iova, const void *from, size_t len);
void bench_get(struct emu_bench *b, uint64_t iova, void *to, size_t len);
void bench_fill(struct emu_bench *b, uint64_t iova, uint8_t seed, size_t len);
/* How many bytes are not what bench_fill() wrote. */
size_t bench_differs(struct emu_bench *b, uint64_t iova, uint8_t seed, size_t len);

/* Enables with admin queues of 32 entries. Returns CSTS. */
uint32_t bench_enable(struct emu_bench *b);
/* Enables, and makes queue pair 1 with interrupts. */
void bench_start(struct emu_bench *b, uint16_t entries);
/* Says that the host knows extended LBA formats, or not (LBAFEE of Host Behavior Support). Returns
 * the status. */
uint16_t bench_know_formats(struct emu_bench *b, uint8_t value);

/* A command goes in the queue; @ring tells the controller of it. Returns its identifier. */
uint16_t bench_submit(struct emu_bench *b, struct bench_queue *q, struct nvio_sqe sqe, bool ring);
void bench_poll(struct emu_bench *b);
/* The next completion, or false. */
bool bench_reap(struct emu_bench *b, struct bench_queue *q, struct nvio_cqe *cqe);
/* Submits, polls, reaps: the status without the bit that forbids to retry. */
uint16_t bench_do(struct emu_bench *b, struct bench_queue *q, struct nvio_sqe sqe,
		  uint32_t *result);
uint16_t bench_admin(struct emu_bench *b, struct nvio_sqe sqe);
uint16_t bench_io(struct emu_bench *b, struct nvio_sqe sqe);

/* Read or Write of namespace 1, PRP1 at @iova and PRP2 the page behind it. */
struct nvio_sqe bench_rw(uint8_t opcode, uint64_t slba, uint32_t nr, uint64_t iova);

#endif
