/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Submission and completion queues: where they are in the client's memory, and posting.
 *
 * Knows nothing of what the commands mean. A doorbell is loaded once and checked before it is
 * believed (3.1.3.18).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "doorbell.h"
#include "fault.h"

#define NO_DOORBELL UINT32_MAX /* no bad value seen: doorbells are 16 bits */

#define NR_PAGES(entries, shift) \
	((((size_t)(entries) << (shift)) + EMU_DMA_PAGE - 1) / EMU_DMA_PAGE)

int nvio_emu_queues_new(struct emu_ctrl *ctrl)
{
	size_t nr = ctrl->opts.nr_queues + 1u;

	ctrl->sqs = calloc(nr, sizeof(*ctrl->sqs));
	ctrl->cqs = calloc(nr, sizeof(*ctrl->cqs));
	ctrl->active = calloc(nr, sizeof(*ctrl->active));
	ctrl->active_cqs = calloc(nr, sizeof(*ctrl->active_cqs));
	ctrl->dirty = calloc(nr, sizeof(*ctrl->dirty));
	ctrl->vectors = calloc(nvio_emu_ctrl_nr_vectors(&ctrl->opts), sizeof(*ctrl->vectors));
	if (!ctrl->sqs || !ctrl->cqs || !ctrl->active || !ctrl->active_cqs || !ctrl->dirty ||
	    !ctrl->vectors)
		return -ENOMEM;
	return 0;
}

void nvio_emu_queues_free(struct emu_ctrl *ctrl)
{
	if (ctrl->sqs && ctrl->cqs)
		nvio_emu_queues_close(ctrl);
	free(ctrl->vectors);
	free(ctrl->dirty);
	free(ctrl->active_cqs);
	free(ctrl->active);
	free(ctrl->cqs);
	free(ctrl->sqs);
}

void nvio_emu_queues_close(struct emu_ctrl *ctrl)
{
	for (unsigned int i = 0; i <= ctrl->opts.nr_queues; i++)
		nvio_emu_sq_close(ctrl, &ctrl->sqs[i]);
	for (unsigned int i = 0; i <= ctrl->opts.nr_queues; i++)
		nvio_emu_cq_close(ctrl, &ctrl->cqs[i]);
	ctrl->nr_delayed = 0;
	ctrl->nr_dirty = 0;
	nvio_emu_interrupt_reset(ctrl);
}

/*
 * Where doorbells are now. One whose shadow is not there, as between an unmapping and the mapping
 * after it, has not moved: what the controller knows itself stands in for it.
 */
static void find_doorbells(struct emu_ctrl *ctrl)
{
	for (unsigned int i = 0; i <= ctrl->opts.nr_queues; i++) {
		struct emu_sq *sq = &ctrl->sqs[i];
		struct emu_cq *cq = &ctrl->cqs[i];

		sq->db = nvio_emu_doorbell_find(ctrl, 2 * i, false, &sq->event);
		if (!sq->db)
			sq->db = &sq->head;
		cq->db = nvio_emu_doorbell_find(ctrl, 2 * i + 1, false, &cq->event);
		if (!cq->db)
			cq->db = &cq->head;
	}
}

/* Pointers into the client's memory are not to be used any more. */
void nvio_emu_queues_remap(struct emu_ctrl *ctrl)
{
	for (unsigned int i = 0; i <= ctrl->opts.nr_queues; i++) {
		struct emu_sq *sq = &ctrl->sqs[i];
		struct emu_cq *cq = &ctrl->cqs[i];

		if (sq->entries)
			memset(sq->pages, 0,
			       NR_PAGES(sq->entries, NVIO_SQE_SHIFT) * sizeof(*sq->pages));
		if (cq->entries)
			memset(cq->pages, 0,
			       NR_PAGES(cq->entries, NVIO_CQE_SHIFT) * sizeof(*cq->pages));
	}
	ctrl->generation = ctrl->bus->generation;
	find_doorbells(ctrl);
}

bool nvio_emu_cq_open(struct emu_ctrl *ctrl, uint16_t id, uint64_t iova, uint32_t entries)
{
	struct emu_cq *cq = &ctrl->cqs[id];

	memset(cq, 0, sizeof(*cq));
	cq->db = nvio_emu_doorbell_find(ctrl, 2u * id + 1, true, &cq->event);
	cq->pages = calloc(NR_PAGES(entries, NVIO_CQE_SHIFT), sizeof(*cq->pages));
	if (!cq->db || !cq->pages) {
		free(cq->pages);
		return false;
	}
	nvio_emu_doorbell_clear(ctrl, 2u * id + 1, cq->db, cq->event);
	cq->iova = iova;
	cq->entries = entries;
	cq->bad_db = NO_DOORBELL;
	cq->id = id;
	cq->phase = NVIO_CQE_PHASE;
	ctrl->active_cqs[ctrl->nr_cqs++] = cq;
	return true;
}

bool nvio_emu_sq_open(struct emu_ctrl *ctrl, uint16_t id, uint16_t cq, uint64_t iova,
		      uint32_t entries)
{
	struct emu_sq *sq = &ctrl->sqs[id];

	memset(sq, 0, sizeof(*sq));
	sq->db = nvio_emu_doorbell_find(ctrl, 2u * id, true, &sq->event);
	sq->pages = calloc(NR_PAGES(entries, NVIO_SQE_SHIFT), sizeof(*sq->pages));
	if (!sq->db || !sq->pages) {
		free(sq->pages);
		return false;
	}
	nvio_emu_doorbell_clear(ctrl, 2u * id, sq->db, sq->event);
	sq->cq = &ctrl->cqs[cq];
	sq->cq->nr_sqs++;
	sq->iova = iova;
	sq->entries = entries;
	sq->bad_db = NO_DOORBELL;
	sq->id = id;
	if (id)
		ctrl->active[ctrl->nr_sqs++] = sq;
	return true;
}

void nvio_emu_cq_close(struct emu_ctrl *ctrl, struct emu_cq *cq)
{
	unsigned int kept = 0;

	if (!cq->entries)
		return;
	for (unsigned int i = 0; i < ctrl->nr_cqs; i++)
		if (ctrl->active_cqs[i] != cq)
			ctrl->active_cqs[kept++] = ctrl->active_cqs[i];
	ctrl->nr_cqs = kept;
	kept = 0;
	for (unsigned int i = 0; i < ctrl->nr_dirty; i++)
		if (ctrl->dirty[i] != cq)
			ctrl->dirty[kept++] = ctrl->dirty[i];
	ctrl->nr_dirty = kept;
	free(cq->pages);
	memset(cq, 0, sizeof(*cq));
}

void nvio_emu_sq_close(struct emu_ctrl *ctrl, struct emu_sq *sq)
{
	unsigned int kept = 0;

	if (!sq->entries)
		return;
	for (unsigned int i = 0; i < ctrl->nr_sqs; i++)
		if (ctrl->active[i] != sq)
			ctrl->active[kept++] = ctrl->active[i];
	ctrl->nr_sqs = kept;
	ctrl->first_sq = 0;
	sq->cq->nr_sqs--;
	free(sq->pages);
	memset(sq, 0, sizeof(*sq));
}

void *nvio_emu_queue_find(struct emu_ctrl *ctrl, uint8_t **pages, uint64_t iova, uint32_t offset,
			  bool write)
{
	uint32_t page = offset / EMU_DMA_PAGE;
	uint64_t at = iova + (uint64_t)page * EMU_DMA_PAGE;

	pages[page] = ctrl->bus->dma(ctrl->bus, at, EMU_DMA_PAGE, write);
	return pages[page] ? pages[page] + offset % EMU_DMA_PAGE : NULL;
}

bool nvio_emu_queue_copy(struct emu_ctrl *ctrl, uint64_t iova, void *local, size_t len, bool write)
{
	if (nvio_emu_data_copy(ctrl->bus, iova, local, len, write))
		return true;
	nvio_emu_fatal(ctrl);
	return false;
}

/* Takes the client's head over when it lies between ours and the tail. */
void nvio_emu_cq_check_head(struct emu_ctrl *ctrl, struct emu_cq *cq)
{
	uint32_t head = __atomic_load_n(cq->db, __ATOMIC_ACQUIRE);
	uint32_t used, seen;

	if (emu_likely(head == cq->head))
		return;
	used = cq->tail >= cq->head ? cq->tail - cq->head : cq->tail + cq->entries - cq->head;
	seen = head >= cq->head ? head - cq->head : head + cq->entries - cq->head;
	if (emu_unlikely(head >= cq->entries || seen > used)) {
		if (cq->bad_db != head)
			nvio_emu_event(ctrl, NVME_AER_ERROR, NVME_AER_ERROR_INVALID_DB_VAL,
				       NVME_LOG_LID_ERROR);
		cq->bad_db = head;
		return;
	}
	cq->head = head;
	cq->bad_db = NO_DOORBELL;
	nvio_emu_cq_event(ctrl, cq);
}

/* The half with the phase tag comes last: whoever sees it sees the other one, and the data. */
static inline bool write_cqe(struct emu_ctrl *ctrl, struct emu_cq *cq, uint64_t low, uint64_t high)
{
	uint32_t offset = cq->tail << NVIO_CQE_SHIFT;
	uint64_t *cqe = nvio_emu_queue_entry(ctrl, cq->pages, cq->iova, offset, true);

	if (emu_unlikely(!cqe))
		return nvio_emu_queue_copy(ctrl, cq->iova + offset, &low, sizeof(low), true) &&
		       nvio_emu_queue_copy(ctrl, cq->iova + offset + 8, &high, sizeof(high), true);
	cqe[0] = low;
	__atomic_store_n(&cqe[1], high, __ATOMIC_RELEASE);
	return true;
}

/* The caller made sure of room. */
void nvio_emu_cq_post(struct emu_ctrl *ctrl, struct emu_cq *cq, const struct emu_done *done)
{
	uint16_t status = (uint16_t)(done->status << 1 | cq->phase);
	struct emu_sq *sq = &ctrl->sqs[done->sq <= ctrl->opts.nr_queues ? done->sq : 0];
	uint64_t high = sq->head | (uint64_t)done->sq << 16 | (uint64_t)done->cid << 32 |
			(uint64_t)status << 48;

	if (emu_unlikely(!write_cqe(ctrl, cq, htole64(done->result), htole64(high))))
		return;
	if (++cq->tail == cq->entries) {
		cq->tail = 0;
		cq->phase ^= NVIO_CQE_PHASE;
	}
	if (cq->interrupts && !cq->dirty) {
		cq->dirty = true;
		ctrl->dirty[ctrl->nr_dirty++] = cq;
	}
}

/* The entry with the phase tag of the round before, and without its interrupt. */
void nvio_emu_cq_post_late(struct emu_ctrl *ctrl, struct emu_cq *cq, struct emu_done *done)
{
	bool interrupts = cq->interrupts;

	done->late = true;
	done->slot = cq->tail;
	done->phase = (uint8_t)cq->phase;
	cq->interrupts = false;
	cq->phase ^= NVIO_CQE_PHASE;
	nvio_emu_cq_post(ctrl, cq, done);
	cq->phase ^= NVIO_CQE_PHASE;
	cq->interrupts = interrupts;
}

/* The same entry again, as it should have been. */
void nvio_emu_cq_reveal(struct emu_ctrl *ctrl, const struct emu_done *done)
{
	struct emu_cq *cq = ctrl->sqs[done->sq].cq;
	uint32_t tail = cq->tail;
	uint16_t phase = cq->phase;

	cq->tail = done->slot;
	cq->phase = done->phase;
	nvio_emu_cq_post(ctrl, cq, done);
	cq->tail = tail;
	cq->phase = phase;
}
