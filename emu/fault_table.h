/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of faults, shared by fault.c and fault_text.c alone.
 */
#ifndef NVIO_EMU_FAULT_TABLE_H
#define NVIO_EMU_FAULT_TABLE_H

#include "fault.h"

#define EMU_FAULTS_MAX 32u

enum emu_fault_kind {
	EMU_FAULT_NONE,
	EMU_FAULT_FAIL,
	EMU_FAULT_DELAY,
	EMU_FAULT_DROP,
	EMU_FAULT_DUPLICATE,
	EMU_FAULT_CID,
	EMU_FAULT_QUEUE,
	EMU_FAULT_FLIP,
	EMU_FAULT_NOT_DONE, /* from here on: not about a completion */
	EMU_FAULT_STALL,
	EMU_FAULT_NO_IRQ,
	EMU_FAULT_IDENTIFY,
	EMU_FAULT_KIND_NO_READY,
	EMU_FAULT_KIND_NO_SHUTDOWN,
	EMU_FAULT_KIND_GONE,
	/* Done at once, never in the table. */
	EMU_FAULT_CFS,
	EMU_FAULT_AEN,
	EMU_FAULT_CLEAR,
};

struct emu_fault {
	enum emu_fault_kind kind;
	uint8_t cns;
	uint8_t type; /* of an event */
	uint8_t info;
	uint8_t log;
	int opcode; /* -1: any */
	int queue;
	uint64_t count; /* 0: always */
	uint64_t skip;
	uint64_t lba_first;
	uint64_t lba_last;
	bool by_lba; /* else any block */
	uint64_t value; /* status, identifier, byte */
	uint64_t ns;
	uint64_t byte;
};

struct emu_faults {
	struct emu_fault faults[EMU_FAULTS_MAX];
};

/* The fault that a completion of this command meets first, or NULL. */
struct emu_fault *nvio_emu_fault_match(struct emu_ctrl *ctrl, const struct emu_sq *sq,
				       const struct nvio_sqe *cmd);

#endif
