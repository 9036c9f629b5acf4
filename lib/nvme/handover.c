/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handing a controller over, and taking it over; see handover.h.
 */
#include <errno.h>
#include <stdlib.h>

#include <nvio/handover.h>

#include "base/error.h"
#include "nvme/cmb.h"
#include "nvme/command.h"
#include "nvme/ctrl.h"
#include "nvme/features.h"
#include "nvme/handover.h"
#include "vfio/device.h"
#include "vfio/handover.h"

static int check_idle(const struct nvio_ctrl *ctrl)
{
	for (const struct nvio_qpair *q = ctrl->qpairs; q; q = q->next) {
		unsigned int nr = nvio_qpair_outstanding(q);

		if (nr)
			return nvio_error(EBUSY,
					  "%s: %u commands of queue pair %u are outstanding: wait "
					  "for them before it is handed over",
					  ctrl->info.name, nr, q->qid);
	}
	return 0;
}

/* Whether somebody else can go on with its admin queue. */
static bool may_run_on(struct nvio_ctrl *ctrl)
{
	bool may;

	pthread_mutex_lock(&ctrl->lock);
	may = !nvio_admin_look(ctrl) && !nvio_qpair_outstanding(ctrl->admin) &&
	      !ctrl->recovery.ended && !ctrl->recovery.dropped &&
	      ctrl->recovery.rest != NVIO_REST_ASLEEP && !ctrl->leftovers && !ctrl->shadow;
	for (const struct nvio_qpair *q = ctrl->qpairs; q; q = q->next)
		may = may && !q->cq_made && !q->sq_made;
	pthread_mutex_unlock(&ctrl->lock);
	return may;
}

/* As it is closed, and with its function awake. */
static void end(struct nvio_ctrl *ctrl)
{
	pthread_mutex_lock(&ctrl->lock);
	if (ctrl->recovery.rest == NVIO_REST_ASLEEP)
		nvio_idle_rouse(ctrl);
	pthread_mutex_unlock(&ctrl->lock);
	if (!ctrl->recovery.ended && ctrl->recovery.rest != NVIO_REST_ASLEEP)
		nvio_ctrl_shut_down(ctrl);
	nvio_device_bus_master(ctrl->device, false);
}

int nvio_ctrl_hand_over(struct nvio_ctrl *ctrl)
{
	int err = nvio_device_may_keep(ctrl->device);
	char *features;
	bool running;

	if (!err)
		err = check_idle(ctrl);
	if (!err)
		err = nvio_features_describe(ctrl, &features);
	if (err)
		return err;
	nvio_ctrl_quiesce(ctrl);
	running = may_run_on(ctrl);
	if (!running)
		end(ctrl);
	nvio_cmb_stop(ctrl);
	nvio_log(NVIO_LOG_INFO, "%s is handed over%s", ctrl->info.name,
		 running ? "" : ", and was shut down for that");
	err = nvio_device_keep(ctrl->device, running, features);
	/* Out of memory for a few bytes: then it is closed. */
	if (err) {
		free(features);
		nvio_ctrl_free(ctrl);
		return err;
	}
	ctrl->device = NULL;
	if (running) {
		ctrl->admin->sq = NULL;
		ctrl->admin->cq = NULL;
	}
	nvio_ctrl_free(ctrl);
	return 0;
}

/* The rings of the admin queue, NULL where they are not of our heap. */
static void find_rings(struct nvio_ctrl *ctrl, uint16_t entries, struct nvio_sqe **sq,
		       struct nvio_cqe **cq)
{
	*sq = nvio_mem_at(ctrl->iommu, nvio_reg_read64(ctrl, NVIO_REG_ASQ), entries * sizeof(**sq));
	*cq = nvio_mem_at(ctrl->iommu, nvio_reg_read64(ctrl, NVIO_REG_ACQ), entries * sizeof(**cq));
}

static uint16_t count_entries(struct nvio_ctrl *ctrl)
{
	uint32_t aqa = nvio_reg_read32(ctrl, NVIO_REG_AQA);

	return FIELD_GET(AQA_ASQS, aqa) == FIELD_GET(AQA_ACQS, aqa)
		       ? (uint16_t)(FIELD_GET(AQA_ASQS, aqa) + 1)
		       : 0;
}

bool nvio_ctrl_runs(struct nvio_ctrl *ctrl)
{
	uint32_t csts = nvio_reg_read32(ctrl, NVIO_REG_CSTS);

	return ctrl->device->was_running && csts != NVIO_REG_GONE && FIELD_GET(CSTS_RDY, csts) &&
	       !FIELD_GET(CSTS_CFS, csts) && !FIELD_GET(CSTS_SHST, csts) &&
	       nvio_reg_read32(ctrl, NVIO_REG_CC) == nvio_ctrl_cc(ctrl) && count_entries(ctrl) > 1;
}

int nvio_rings_resume(struct nvio_qpair *qpair)
{
	const uint16_t entries = qpair->cq_entries;
	unsigned int phase = qpair->cq[0].status & NVIO_CQE_PHASE;
	uint16_t head = 1, tail;

	/* The slots of this round have one phase tag, those of the last one the other. */
	while (head < entries && (qpair->cq[head].status & NVIO_CQE_PHASE) == phase)
		head++;
	tail = qpair->cq[head - 1].sq_head;
	if (tail >= qpair->sq_entries)
		return nvio_error(EPROTO, "a completion says that the next of %u entries is %u",
				  qpair->sq_entries, tail);
	nvio_sq_come_to(qpair, qpair->sq + tail);
	qpair->sq_told = qpair->sq_rung = qpair->sq_next;
	qpair->cq_next = qpair->cq + head % entries;
	qpair->expected &= ~NVIO_ANSWER_PHASE;
	if (phase != (head == entries))
		qpair->expected |= NVIO_ANSWER_PHASE;
	return 0;
}

int nvio_admin_queue_take_over(struct nvio_ctrl *ctrl)
{
	uint16_t entries = count_entries(ctrl);
	struct nvio_qpair *admin;
	struct nvio_sqe *sq;
	struct nvio_cqe *cq;
	int err;

	find_rings(ctrl, entries, &sq, &cq);
	if (!sq || !cq) {
		nvio_error_prefix("%s: its admin queue", ctrl->info.name);
		return -EFAULT;
	}
	err = nvio_admin_queue_make(ctrl, entries - 1);
	if (err)
		return err;
	admin = ctrl->admin;
	nvio_qpair_take_rings(admin, ctrl->iommu, sq, cq);
	ctrl->enabled = true;
	ctrl->taken_over = true;
	err = nvio_rings_resume(admin);
	nvio_log(NVIO_LOG_INFO, "%s goes on with its admin queue, without a reset",
		 ctrl->info.name);
	return err;
}

int nvio_admin_queue_discard(struct nvio_ctrl *ctrl)
{
	struct nvio_sqe *sq;
	struct nvio_cqe *cq;

	if (!ctrl->device->was_running)
		return 0;
	find_rings(ctrl, 1, &sq, &cq);
	nvio_free(ctrl->iommu, sq);
	nvio_free(ctrl->iommu, cq);
	return 0;
}
