/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doorbells, in the registers or in the client's memory.
 */
#ifndef NVIO_EMU_DOORBELL_H
#define NVIO_EMU_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

struct emu_ctrl;
struct emu_cq;

/* @number counts all, two to a queue pair; NULL when its memory is not there (@write: to
 * be written to; the event index always is). */
uint32_t *nvio_emu_doorbell_find(struct emu_ctrl *ctrl, unsigned int number, bool write,
				 uint32_t **event);
void nvio_emu_doorbell_clear(struct emu_ctrl *ctrl, unsigned int number, uint32_t *db,
			     uint32_t *event);
void nvio_emu_doorbell_seen(uint32_t *event, uint32_t value);
/* Has the client ring for the next completions that it takes from a queue, if that is needed. */
void nvio_emu_cq_event(const struct emu_ctrl *ctrl, struct emu_cq *cq);
/* Has the client ring for whatever comes next, in any queue. */
void nvio_emu_doorbells_ask(struct emu_ctrl *ctrl);
/* Takes shadow doorbells into use. Returns whether their pages are there. */
bool nvio_emu_shadow(struct emu_ctrl *ctrl, uint64_t values, uint64_t events);

#endif
