/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of faults, shared by fault.c and fault_text.c alone.
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
	EMU_FAULT_NOT_DONE, /* from here on: not about a completion */
	EMU_FAULT_STALL,
	EMU_FAULT_NO_IRQ,
	EMU_FAULT_IDENTIFY,
	EMU_FAULT_KIND_NO_READY,
	EMU_FAULT_KIND_NO_SHUTDOWN,
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

struct emu_faults {
	unsigned int nr;
	struct emu_fault faults[EMU_FAULTS_MAX];
};

int nvio_emu_fault_parse(const char *text, struct emu_fault *fault, struct emu_error *error);

#endif
