/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller without the library's driver: queues of the test's own, so that heads, tails and
 * phases are known, and stay as they are when another controller comes behind them.
 */
#ifndef TEST_EMU_RAW_H
#define TEST_EMU_RAW_H

#include <nvio/nvio.h>

#include "stack.h"

#define RAW_QUEUE_LEN 8u /* of the I/O queues, so short that they wrap */
#define RAW_BUFS      16u

/* Registers of BAR 0. */
enum {
	RAW_CC = 0x14,
	RAW_CSTS = 0x1c,
	RAW_AQA = 0x24,
	RAW_ASQ = 0x28,
	RAW_ACQ = 0x30,
	RAW_DOORBELLS = 0x1000
};

struct raw_cqe {
	uint32_t result;
	uint32_t reserved;
	uint16_t sq_head;
	uint16_t sq_id;
	uint16_t cid;
	uint16_t status; /* with the phase */
};

struct raw_queue {
	volatile struct nvio_sqe *sq;
	volatile struct raw_cqe *cq;
	uint64_t sq_iova, cq_iova;
	uint16_t id, len, tail, head, phase;
};

struct raw {
	struct nvio_iommu *iommu;
	struct nvio_device *device; /* that the queues belong to */
	struct raw_queue admin, io;
	uint8_t *bufs; /* RAW_BUFS blocks of BLOCK bytes */
};

uint64_t raw_get(struct nvio_device *device, uint64_t offset, size_t len);
void raw_put(struct nvio_device *device, uint64_t offset, uint64_t value, size_t len);

/* Opens a device in the same address space. */
struct nvio_device *raw_open_device(struct raw *d, const char *name);
/* Opens and enables it, with an I/O queue pair that interrupts by vector 1. */
void raw_open(struct raw *d, const char *name);
/* @other may be NULL. */
void raw_close(struct raw *d, struct nvio_device *other);

/* Puts a command into the ring; tells of it. */
void raw_add(struct raw_queue *q, struct nvio_sqe cmd, uint16_t cid);
void raw_ring(struct raw *d, const struct raw_queue *q);
bool raw_is_there(const struct raw_queue *q);
/* The next completion, which has to come. */
struct raw_cqe raw_reap(struct raw *d, struct raw_queue *q);

/* A command that has no error. Returns its result. */
uint32_t raw_admin(struct raw *d, struct nvio_sqe cmd);

uint8_t *raw_buf(struct raw *d, unsigned int i);
/* Of one block, from or to the buffer of that number; its identifier is that and 100. */
void raw_add_io(struct raw *d, uint8_t opcode, unsigned int block);
/* From beginning to end. Returns its status: code and type. */
uint16_t raw_io(struct raw *d, uint8_t opcode, unsigned int block);
/* The block holds its pattern. */
void raw_check_read(struct raw *d, unsigned int block);

#endif
