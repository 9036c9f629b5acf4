/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of faults, shared by fault.c, fault_text.c and hostile.c alone.
 */
#ifndef NVIO_EMU_FAULT_TABLE_H
#define NVIO_EMU_FAULT_TABLE_H

#include "fault.h"

enum emu_fault_kind {
	EMU_FAULT_NONE,
	EMU_FAULT_FAIL,
	EMU_FAULT_DELAY,
	EMU_FAULT_LATE,
	EMU_FAULT_DROP,
	EMU_FAULT_DUPLICATE,
	EMU_FAULT_CID,
	EMU_FAULT_QUEUE,
	EMU_FAULT_FLIP,
	EMU_FAULT_CFS,
	EMU_FAULT_GONE,
	EMU_FAULT_ERR,
	EMU_FAULT_NOT_DONE, /* from here on: not about a completion */
	EMU_FAULT_STALL,
	EMU_FAULT_NO_IRQ,
	EMU_FAULT_IDENTIFY,
	EMU_FAULT_KIND_NO_READY,
	EMU_FAULT_KIND_NO_SHUTDOWN,
	EMU_FAULT_HOSTILE,
	EMU_FAULT_AEN, /* done at once, never in the table */
};

enum emu_fault_key {
	EMU_KEY_STATUS,
	EMU_KEY_TIME,
	EMU_KEY_VALUE,
	EMU_KEY_BYTE,
	EMU_KEY_LEN,
	EMU_KEY_CNS,
	EMU_KEY_TYPE,
	EMU_KEY_INFO,
	EMU_KEY_LOG,
	EMU_KEY_OPCODE,
	EMU_KEY_OF,
	EMU_KEY_LBA,
	EMU_KEY_SEED,
	EMU_KEY_RATE,
	EMU_KEY_SKIP,
	EMU_KEY_COUNT,
	EMU_NR_KEYS,
};

#define EMU_KEY(name) (1u << EMU_KEY_##name)

struct emu_fault {
	enum emu_fault_kind kind;
	uint32_t given; /* a bit for each key that was */
	uint64_t value[EMU_NR_KEYS];
	uint64_t lba_last; /* the first is a value */
	uint64_t skipped;
	uint64_t hits;
	char text[EMU_FAULT_TEXT_MAX]; /* as it was asked for */
};

struct emu_hostile {
	uint64_t random;
	uint32_t rate; /* one in so many things is wrong; 0: none */
};

struct emu_faults {
	unsigned int nr;
	struct emu_hostile hostile;
	struct emu_fault faults[EMU_FAULTS_MAX];
};

int nvio_emu_fault_parse(const char *text, struct emu_fault *fault, struct emu_error *error);

/* hostile.c: @times as seldom as its rate says. */
void nvio_emu_hostile_start(struct emu_hostile *h, uint64_t seed, uint32_t rate);
bool nvio_emu_hostile_strikes(struct emu_hostile *h, uint32_t times);
bool nvio_emu_hostile_done(struct emu_ctrl *ctrl, struct emu_sq *sq, struct emu_done *done);
void nvio_emu_hostile_turn(struct emu_ctrl *ctrl);
uint64_t nvio_emu_hostile_register(struct emu_ctrl *ctrl, uint64_t value);
void nvio_emu_hostile_data(struct emu_ctrl *ctrl, uint8_t *data, size_t len);

#endif
