/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making and deleting the queues of a queue pair at the controller. The order is the
 * specification's: the completion queue exists before the submission queue and outlives it.
 */
#include <errno.h>

#include <nvio/quirk.h>

#include "base/error.h"
#include "nvme/arbitration.h"
#include "nvme/command.h"
#include "nvme/ctrl.h"
#include "nvme/vectors.h"

static int create_queue(struct nvio_qpair *qpair, const struct nvio_sqe *sqe, const char *what,
			bool *made)
{
	int ret = nvio_admin_locked(qpair->ctrl, sqe, NULL, 0, NULL);

	/* Without an answer it may have been made; only a refusal is certain. */
	*made = ret <= 0;
	return nvio_admin_must(qpair->ctrl, what, ret);
}

static int create_cq(struct nvio_qpair *qpair)
{
	const struct nvio_vector *vector = qpair->vector;
	uint32_t interrupts =
		vector ? (uint32_t)(vector - qpair->ctrl->vectors) << 16 | NVIO_QUEUE_INTERRUPTS
		       : 0;
	struct nvio_sqe sqe = {
		.opcode = NVIO_ADMIN_CREATE_CQ,
		.prp1 = nvio_qpair_cq_iova(qpair),
		.cdw10 = (uint32_t)(qpair->cq_entries - 1) << 16 | qpair->qid,
		.cdw11 = interrupts | NVIO_QUEUE_CONTIGUOUS,
	};

	return create_queue(qpair, &sqe, "Create I/O Completion Queue", &qpair->cq_made);
}

static int create_sq(struct nvio_qpair *qpair)
{
	struct nvio_sqe sqe = {
		.opcode = NVIO_ADMIN_CREATE_SQ,
		.prp1 = qpair->sq_iova,
		.cdw10 = (uint32_t)(qpair->sq_entries - 1) << 16 | qpair->qid,
		.cdw11 = (uint32_t)qpair->qid << 16 |
			 nvio_priority_cdw11(qpair->ctrl, qpair->priority) | NVIO_QUEUE_CONTIGUOUS,
	};

	return create_queue(qpair, &sqe, "Create I/O Submission Queue", &qpair->sq_made);
}

static int delete_queue(struct nvio_qpair *qpair, uint8_t opcode, const char *what, bool *made)
{
	struct nvio_sqe sqe = { .opcode = opcode, .cdw10 = qpair->qid };
	int err;

	if (!*made)
		return 0;
	err = nvio_admin_must(qpair->ctrl, what,
			      nvio_admin_locked(qpair->ctrl, &sqe, NULL, 0, NULL));
	if (!err)
		*made = false;
	return err;
}

int nvio_queues_stop(struct nvio_qpair *qpair)
{
	int err = delete_queue(qpair, NVIO_ADMIN_DELETE_SQ, "Delete I/O Submission Queue",
			       &qpair->sq_made);

	if (!err)
		err = delete_queue(qpair, NVIO_ADMIN_DELETE_CQ, "Delete I/O Completion Queue",
				   &qpair->cq_made);
	return err;
}

int nvio_queues_delete(struct nvio_qpair *qpair)
{
	int err = nvio_queues_stop(qpair);

	if (!err)
		nvio_qpair_drop_vector(qpair);
	return err;
}

static bool is_taken(const struct nvio_ctrl *ctrl, uint16_t qid)
{
	const struct nvio_qpair *q = ctrl->qpairs;

	while (q && q->qid != qid)
		q = q->next;
	return q;
}

/* The smallest identifier that no queue pair has, or the next one behind the last that was given;
 * 0 when all that were granted are taken. */
static uint16_t free_qid(const struct nvio_ctrl *ctrl)
{
	const uint32_t nr = ctrl->info.nr_qpairs;
	const uint32_t last = ctrl->info.quirks & NVIO_QUIRK_FRESH_QIDS ? ctrl->last_qid : 0;

	for (uint32_t i = 0; i < nr; i++) {
		uint16_t qid = (uint16_t)((last + i) % nr + 1);

		if (!is_taken(ctrl, qid))
			return qid;
	}
	return 0;
}

int nvio_queues_create(struct nvio_qpair *qpair, bool interrupts)
{
	struct nvio_ctrl *ctrl = qpair->ctrl;
	int err;

	if (ctrl->dead)
		return nvio_admin_refuse(ctrl);
	nvio_qpair_set_id(qpair, free_qid(ctrl));
	if (!qpair->qid)
		return nvio_error(ENOSPC, "%s: all %u I/O queue pairs that it granted are in use",
				  ctrl->info.name, ctrl->info.nr_qpairs);
	ctrl->last_qid = qpair->qid;
	/* A reset since then may have taken what the controller's memory had. */
	if (qpair->in_cmb & NVIO_CMB_QUEUE)
		nvio_sq_begin(qpair, true);
	nvio_doorbells_find(qpair);
	nvio_doorbells_use(qpair);
	err = interrupts ? nvio_qpair_take_vector(qpair) : 0;
	if (!err)
		err = create_cq(qpair);
	if (!err)
		err = create_sq(qpair);
	return err;
}

int nvio_queues_again(struct nvio_qpair *qpair)
{
	int err;

	nvio_doorbells_find(qpair);
	err = create_cq(qpair);
	return err ? err : create_sq(qpair);
}
