/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When completions are told of: at once, or together with others that come soon after (interrupt
 * coalescing); and what masking does to that.
 *
 * A vector counts what is new of all its completion queues. The admin queue's are never held back.
 */
#include <string.h>

#include "doorbell.h"
#include "fault.h"
#include "state.h"

#define UNIT_NS 100000ull /* of the aggregation time */

static unsigned int nr_vectors(const struct emu_ctrl *ctrl)
{
	return nvio_emu_ctrl_nr_vectors(&ctrl->opts);
}

static bool masked(const struct emu_ctrl *ctrl, uint16_t vector)
{
	return vector < 32 && ctrl->intms >> vector & 1;
}

static bool anything_unseen(const struct emu_ctrl *ctrl)
{
	for (unsigned int i = 0; i < ctrl->nr_cqs; i++) {
		const struct emu_cq *cq = ctrl->active_cqs[i];

		if (cq->interrupts && cq->head != cq->tail)
			return true;
	}
	return false;
}

/* Completions of a queue since its vector counted them last. */
static uint32_t count_new(struct emu_cq *cq)
{
	uint32_t nr =
		cq->tail >= cq->told ? cq->tail - cq->told : cq->tail + cq->entries - cq->told;

	cq->told = cq->tail;
	return nr;
}

static void let_go(struct emu_ctrl *ctrl, struct emu_vector *vector)
{
	ctrl->nr_held -= vector->due != 0;
	vector->due = 0;
	vector->nr_held = 0;
}

/* Whether the new completions of a queue can wait for more of their vector. */
static bool hold_back(struct emu_ctrl *ctrl, struct emu_cq *cq)
{
	struct emu_vector *vector = &ctrl->vectors[cq->vector];

	vector->nr_held += count_new(cq);
	if (vector->immediate || !cq->id || vector->nr_held >= ctrl->coalesce_nr) {
		let_go(ctrl, vector);
		return false;
	}
	if (!vector->due) {
		vector->due = nvio_emu_now() + ctrl->coalesce_ns;
		ctrl->nr_held++;
	}
	return true;
}

static void raise(struct emu_ctrl *ctrl, uint16_t vector)
{
	ctrl->by_line = ctrl->bus->by_line && ctrl->bus->by_line(ctrl->bus);
	if (emu_unlikely(ctrl->by_line))
		nvio_emu_doorbells_ask(ctrl);
	ctrl->bus->raise(ctrl->bus, vector);
	ctrl->intx_up = true;
}

/* Held back for long enough. What the client has seen meanwhile needs no interrupt. */
static void raise_due(struct emu_ctrl *ctrl)
{
	uint64_t now = nvio_emu_now();

	for (unsigned int i = 0; i < ctrl->nr_cqs && ctrl->nr_held; i++) {
		const struct emu_cq *cq = ctrl->active_cqs[i];
		struct emu_vector *vector = &ctrl->vectors[cq->vector];

		if (!vector->due || vector->due > now || !cq->interrupts || cq->head == cq->tail)
			continue;
		let_go(ctrl, vector);
		if (!masked(ctrl, cq->vector))
			raise(ctrl, cq->vector);
	}
	/* Those of which no queue has anything unseen, or is there at all. */
	for (unsigned int i = 0; i < nr_vectors(ctrl) && ctrl->nr_held; i++)
		if (ctrl->vectors[i].due && ctrl->vectors[i].due <= now)
			let_go(ctrl, &ctrl->vectors[i]);
}

/* Tells of what was posted, once for each vector and round; lowers INTx when all was seen. */
void nvio_emu_interrupt(struct emu_ctrl *ctrl)
{
	for (unsigned int i = 0; i < ctrl->nr_dirty; i++) {
		struct emu_cq *cq = ctrl->dirty[i];

		cq->dirty = false;
		if (masked(ctrl, cq->vector))
			continue;
		if (emu_unlikely(ctrl->faults) && nvio_emu_fault_interrupt(ctrl, cq))
			continue;
		if (emu_likely(!ctrl->coalesce_ns) || !hold_back(ctrl, cq))
			raise(ctrl, cq->vector);
	}
	ctrl->nr_dirty = 0;
	if (emu_unlikely(ctrl->nr_held))
		raise_due(ctrl);
	if (ctrl->intx_up && !anything_unseen(ctrl)) {
		ctrl->bus->lower(ctrl->bus);
		ctrl->intx_up = false;
	}
}

/* When that is to be called again though nothing was posted; UINT64_MAX: never. */
uint64_t nvio_emu_interrupt_due(const struct emu_ctrl *ctrl)
{
	uint64_t due = UINT64_MAX;

	for (unsigned int i = 0; i < nr_vectors(ctrl) && ctrl->nr_held; i++)
		if (ctrl->vectors[i].due && ctrl->vectors[i].due < due)
			due = ctrl->vectors[i].due;
	return due;
}

/* What is held back now was so under other rules: it is told of in the next round. */
static void end_holding(struct emu_ctrl *ctrl)
{
	for (unsigned int i = 0; i < nr_vectors(ctrl); i++)
		if (ctrl->vectors[i].due)
			ctrl->vectors[i].due = 1;
}

void nvio_emu_coalescing_set(struct emu_ctrl *ctrl, uint32_t value)
{
	ctrl->coalesce_nr = (value & 0xff) + 1;
	ctrl->coalesce_ns = (value >> 8 & 0xff) * UNIT_NS;
	/* Nobody has counted without coalescing. */
	for (unsigned int i = 0; i < ctrl->nr_cqs; i++)
		ctrl->active_cqs[i]->told = ctrl->active_cqs[i]->tail;
	end_holding(ctrl);
}

void nvio_emu_vector_set(struct emu_ctrl *ctrl, uint16_t vector, bool immediate)
{
	ctrl->vectors[vector].immediate = immediate;
	end_holding(ctrl);
}

void nvio_emu_interrupt_reset(struct emu_ctrl *ctrl)
{
	if (ctrl->vectors)
		memset(ctrl->vectors, 0, nr_vectors(ctrl) * sizeof(*ctrl->vectors));
	ctrl->nr_held = 0;
}

/* INTMS or INTMC was written (3.1.3.3). */
void nvio_emu_interrupt_masked(struct emu_ctrl *ctrl, uint32_t was)
{
	if (ctrl->intx_up && masked(ctrl, 0)) {
		ctrl->bus->lower(ctrl->bus);
		ctrl->intx_up = false;
	}
	for (unsigned int i = 0; i < ctrl->nr_cqs; i++) {
		struct emu_cq *cq = ctrl->active_cqs[i];

		if (!cq->interrupts || cq->head == cq->tail || masked(ctrl, cq->vector))
			continue;
		if (cq->vector < 32 && was >> cq->vector & 1)
			raise(ctrl, cq->vector);
	}
}
