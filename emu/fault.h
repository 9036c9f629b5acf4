/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Misbehaviour on request: where the controller asks whether it should do the wrong thing.
 *
 * ctrl->faults is NULL as long as nothing was asked for, so that a well-behaved controller pays one
 * branch.
 */
#ifndef NVIO_EMU_FAULT_H
#define NVIO_EMU_FAULT_H

#include "state.h"

/* Faults that are not about one command. */
enum emu_fault_event {
	EMU_FAULT_NO_READY, /* CSTS.RDY never comes */
	EMU_FAULT_NO_SHUTDOWN, /* CSTS.SHST never says complete */
	EMU_FAULT_GONE, /* registers read as all ones, writes are lost */
	EMU_FAULT_NR_EVENTS,
};

/*
 * Adds a fault. @text is "what key=value ...":
 *
 *	fail status=0xSCT_SC    the next completions carry this status
 *	delay ns=N              come late
 *	drop, duplicate         never come; come twice
 *	cid value=N             they name another command
 *	queue value=N           they name another submission queue
 *	flip byte=N             one bit at this byte of what a Read transfers is wrong
 *	stall                   commands of=QUEUE (all) are not taken
 *	no-irq                  interrupts are lost
 *	no-ready, no-shutdown, gone, cfs
 *	aen type=N info=N log=N an asynchronous event
 *	identify cns=N byte=N value=N   one byte of Identify data has this value
 *	clear                   takes all of them back
 *
 * and which ones: opcode=N, of=QUEUE, lba=FIRST[-LAST]; skip=N of them, then count=N (0: always;
 * 1 for what is about a completion, else 0).
 * To be called in the controller's thread. Returns 0, or -EINVAL with a sentence naming the word.
 */
int nvio_emu_fault_add(struct emu_ctrl *ctrl, const char *text, struct emu_error *error);

void nvio_emu_faults_free(struct emu_ctrl *ctrl);

/* Whether such a fault is on; counts it. */
bool nvio_emu_fault_event(struct emu_ctrl *ctrl, enum emu_fault_event event);

/* Whether nothing is to be taken from this queue now. */
bool nvio_emu_fault_fetch(struct emu_ctrl *ctrl, const struct emu_sq *sq);

/* At a completion: may change *@status; true when it did the completion itself. */
bool nvio_emu_fault_done(struct emu_ctrl *ctrl, struct emu_sq *sq, const struct nvio_sqe *cmd,
			 uint16_t *status, uint32_t result);

/* Whether this interrupt gets lost. */
bool nvio_emu_fault_interrupt(struct emu_ctrl *ctrl);

/* Changes Identify data before they are sent. */
void nvio_emu_fault_identify(struct emu_ctrl *ctrl, uint8_t cns, uint8_t data[NVIO_IDENTIFY_LEN]);

#endif
