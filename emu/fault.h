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

/* Room for what nvio_emu_faults_list() writes of all of them. */
#define EMU_FAULT_LIST_MAX ((EMU_FAULT_TEXT_MAX + 64) * EMU_FAULTS_MAX)

/* Faults that are not about one command. */
enum emu_fault_event {
	EMU_FAULT_NO_READY, /* CSTS.RDY never comes */
	EMU_FAULT_NO_SHUTDOWN, /* CSTS.SHST never says complete */
	EMU_FAULT_NR_EVENTS,
};

/*
 * Adds a fault. @text is "what key=value ...", the words apart by blanks or '+'.
 *
 * About completions:
 *	fail status=N           they carry this status: code type in bits 10:8, code in 7:0, 14: DNR
 *	delay time=T            come late
 *	late time=T             are there at once but for their phase tag
 *	drop, duplicate         never come; come twice
 *	cid value=N             name another command
 *	queue value=N           name another submission queue
 *	flip byte=N             one bit at this byte of what a Read transferred is wrong
 *	cfs                     the controller stops with CSTS.CFS instead
 *	gone                    the device is pulled out instead
 *	err                     the device reports an uncorrectable error, besides
 * and which: opcode=N, of=QUEUE (else any I/O queue), lba=FIRST[-LAST]; skip=N of them, then
 * count=N (1; 0: all). cfs, gone and err with none of these happen at once.
 *
 * Others:
 *	stall                   commands are not taken; of=QUEUE (else of I/O queues)
 *	no-irq                  interrupts get lost; of=QUEUE (else of I/O queues), skip, count
 *	no-ready, no-shutdown   CSTS.RDY, CSTS.SHST never come; skip, count
 *	identify cns=N byte=N value=N   bytes of Identify data; len=N (1), skip, count
 *	aen type=N info=N log=N an asynchronous event, now
 *	hostile seed=N          anything at random, one time in rate=N (1000)
 * whose count is 0 unless it is given.
 *
 * To be called in the controller's thread. Returns 0, or -EINVAL or -ENOSPC with a sentence that
 * names the word.
 */
int nvio_emu_fault_add(struct emu_ctrl *ctrl, const char *text, struct emu_error *error);

/* Whether a text begins with the name of one. */
bool nvio_emu_fault_named(const char *text);

/* Takes all back, but for what was done at once. */
void nvio_emu_faults_clear(struct emu_ctrl *ctrl);

/* Each fault as it was asked for, with how often it was hit and may be yet; "; " between them. */
void nvio_emu_faults_list(const struct emu_ctrl *ctrl, char *out, size_t len);

/* Whether such a fault is on; counts it. */
bool nvio_emu_fault_event(struct emu_ctrl *ctrl, enum emu_fault_event event);

/* Whether nothing is to be taken from this queue now. */
bool nvio_emu_fault_fetch(struct emu_ctrl *ctrl, const struct emu_sq *sq);

/* At a completion, which it may change; true when it did with it what is to be done. */
bool nvio_emu_fault_done(struct emu_ctrl *ctrl, struct emu_sq *sq, const struct nvio_sqe *cmd,
			 struct emu_done *done);

/* Whether this queue's interrupt gets lost. */
bool nvio_emu_fault_interrupt(struct emu_ctrl *ctrl, const struct emu_cq *cq);

/* Changes data before they are sent, and what a register says, where it is to be hostile. */
void nvio_emu_fault_data(struct emu_ctrl *ctrl, uint8_t *data, size_t len);
uint64_t nvio_emu_fault_register(struct emu_ctrl *ctrl, uint64_t value);

/* Changes Identify data before they are sent. */
void nvio_emu_fault_identify(struct emu_ctrl *ctrl, uint8_t cns, uint8_t data[NVIO_IDENTIFY_LEN]);

#endif
