/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller that does at random whatever a controller could do wrong: what it answers, in which
 * queue, to whom, when, whether at all, and what its registers and data say. From a seed, so that a
 * run can be had again as far as time allows.
 *
 * It stays inside of what its client has lent it: what it writes goes to rings and buffers.
 */
#include <string.h>

#include "fault_table.h"

#define NS_PER_MS 1000000ull

static uint64_t draw(struct emu_hostile *h)
{
	/* xorshift64 */
	h->random ^= h->random << 13;
	h->random ^= h->random >> 7;
	h->random ^= h->random << 17;
	return h->random >> 11;
}

static uint32_t below(struct emu_hostile *h, uint32_t n)
{
	return (uint32_t)(draw(h) % n);
}

void nvio_emu_hostile_start(struct emu_hostile *h, uint64_t seed, uint32_t rate)
{
	h->random = seed * 0x9e3779b97f4a7c15ull | 1;
	h->rate = rate;
	/* Seeds that are neighbours begin alike. */
	for (int i = 0; i < 16; i++)
		draw(h);
}

bool nvio_emu_hostile_strikes(struct emu_hostile *h, uint32_t times)
{
	return h->rate && !(draw(h) % ((uint64_t)h->rate * times));
}

/* An entry that answers nothing, anywhere in some ring. */
static void post_stray(struct emu_ctrl *ctrl, struct emu_hostile *h)
{
	struct emu_cq *cq = ctrl->active_cqs[below(h, ctrl->nr_cqs)];
	const struct emu_done done = {
		.result = (uint32_t)draw(h),
		.sq = (uint16_t)(below(h, 2) ? cq->id : draw(h)),
		.cid = (uint16_t)(below(h, 2) ? below(h, cq->entries) : draw(h)),
		.status = (uint16_t)(below(h, 2) ? 0 : draw(h) & 0x7fff),
	};
	uint32_t tail = cq->tail;
	uint16_t phase = cq->phase;

	if (below(h, 2))
		cq->tail = below(h, cq->entries);
	if (!below(h, 4))
		cq->phase ^= NVIO_CQE_PHASE;
	nvio_emu_cq_post(ctrl, cq, &done);
	cq->tail = tail;
	cq->phase = phase;
}

/* Returns whether there is nothing left to be done with the completion. */
bool nvio_emu_hostile_done(struct emu_ctrl *ctrl, struct emu_sq *sq, struct emu_done *done)
{
	struct emu_hostile *h = &ctrl->faults->hostile;

	if (!nvio_emu_hostile_strikes(h, 1))
		return false;
	switch (below(h, 10)) {
	case 0:
		done->status = (uint16_t)(draw(h) & 0x7fff);
		return false;
	case 1:
		done->cid = (uint16_t)draw(h);
		return false;
	case 2:
		done->cid = (uint16_t)(done->cid ^ 1u << below(h, 16));
		return false;
	case 3:
		done->result = (uint32_t)draw(h);
		return false;
	case 4:
		done->sq = (uint16_t)(below(h, 2) ? below(h, 8) : draw(h));
		nvio_emu_post(ctrl, sq, done);
		return true;
	case 5:
		nvio_emu_delay(ctrl, done, below(h, 1000) * NS_PER_MS);
		return true;
	case 6:
		nvio_emu_post(ctrl, sq, done);
		nvio_emu_cq_post(ctrl, sq->cq, done);
		return true;
	case 7:
		post_stray(ctrl, h);
		return false;
	case 8:
		nvio_emu_event(ctrl, (uint8_t)below(h, 8), (uint8_t)draw(h), (uint8_t)draw(h));
		return false;
	default:
		sq->inflight--;
		sq->cq->inflight--;
		return true;
	}
}

/* The phase of a whole ring, or its place in it: all that follows is wrong. */
void nvio_emu_hostile_turn(struct emu_ctrl *ctrl)
{
	struct emu_hostile *h = &ctrl->faults->hostile;
	struct emu_cq *cq;

	if (!ctrl->nr_cqs || !nvio_emu_hostile_strikes(h, 200))
		return;
	cq = ctrl->active_cqs[below(h, ctrl->nr_cqs)];
	switch (below(h, 4)) {
	case 0:
		cq->phase ^= NVIO_CQE_PHASE;
		return;
	case 1:
		cq->tail = below(h, cq->entries);
		return;
	case 2:
		nvio_emu_fatal(ctrl);
		return;
	default:
		post_stray(ctrl, h);
		return;
	}
}

uint64_t nvio_emu_hostile_register(struct emu_ctrl *ctrl, uint64_t value)
{
	struct emu_hostile *h = &ctrl->faults->hostile;

	if (!nvio_emu_hostile_strikes(h, 10))
		return value;
	switch (below(h, 4)) {
	case 0:
		return value ^ 1ull << below(h, 64);
	case 1:
		return 0;
	case 2:
		return UINT64_MAX;
	default:
		return draw(h) << 32 ^ draw(h);
	}
}

/* Bytes here and there, or all of it. */
void nvio_emu_hostile_data(struct emu_ctrl *ctrl, uint8_t *data, size_t len)
{
	struct emu_hostile *h = &ctrl->faults->hostile;
	unsigned int nr;

	if (!nvio_emu_hostile_strikes(h, 1))
		return;
	nr = below(h, 2) ? below(h, 8) : below(h, 512);
	if (!below(h, 8)) {
		memset(data, below(h, 2) ? 0xff : (int)below(h, 256), len);
		return;
	}
	for (unsigned int i = 0; i < nr; i++)
		data[below(h, (uint32_t)len)] = (uint8_t)(below(h, 2) ? draw(h) : 0xff);
}
