/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Create and Delete I/O Submission and Completion Queue (5.4 to 5.7): what they must look like.
 *
 * Whether the memory is there shows when it is used.
 */
#include "state.h"

#define QID(cmd)        ((uint16_t)(cmd)->cdw10)
#define QSIZE(cmd)      (((cmd)->cdw10 >> 16) + 1)
#define QPRIO(cmd)      ((cmd)->cdw11 >> 1 & 3)
#define HIGH(cmd)       ((uint16_t)((cmd)->cdw11 >> 16))
#define RESERVED_CQ(dw) ((dw)&0xfffcu)
#define RESERVED_SQ(dw) ((dw)&0xfff8u)

/* What both have in common: identifier, size, place. */
static uint16_t check_queue(const struct emu_ctrl *ctrl, const struct nvio_sqe *cmd,
			    uint16_t granted, bool taken, bool entry_size_is_valid)
{
	uint16_t limit = granted ? granted : ctrl->opts.nr_queues;

	if (!QID(cmd) || QID(cmd) > limit || taken)
		return EMU_SPECIFIC(NVME_SC_QID_INVALID);
	if (QSIZE(cmd) < 2 || QSIZE(cmd) > ctrl->opts.queue_entries || !entry_size_is_valid)
		return EMU_SPECIFIC(NVME_SC_QUEUE_SIZE);
	/* CAP.CQR: contiguous ones alone. */
	if (!(cmd->cdw11 & NVIO_QUEUE_CONTIGUOUS))
		return NVME_SC_INVALID_FIELD;
	if (!cmd->prp1 || cmd->prp1 & (ctrl->page_len - 1))
		return NVME_SC_PRP_INVALID_OFFSET;
	return 0;
}

static bool is_open(const struct emu_ctrl *ctrl, uint16_t id, bool sq)
{
	if (id > ctrl->opts.nr_queues)
		return false;
	return sq ? ctrl->sqs[id].entries : ctrl->cqs[id].entries;
}

uint16_t nvio_emu_create_cq(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd)
{
	uint16_t status = check_queue(ctrl, cmd, ctrl->granted_cqs, is_open(ctrl, QID(cmd), false),
				      NVME_CC_IOCQES(ctrl->cc) == NVIO_CQE_SHIFT);

	if (status)
		return status;
	if (RESERVED_CQ(cmd->cdw11))
		return NVME_SC_INVALID_FIELD;
	if (HIGH(cmd) >= nvio_emu_ctrl_nr_vectors(&ctrl->opts))
		return EMU_SPECIFIC(NVME_SC_INVALID_VECTOR);
	if (!nvio_emu_cq_open(ctrl, QID(cmd), cmd->prp1, QSIZE(cmd)))
		return NVME_SC_INTERNAL;
	ctrl->cqs[QID(cmd)].vector = HIGH(cmd);
	ctrl->cqs[QID(cmd)].interrupts = cmd->cdw11 & NVIO_QUEUE_INTERRUPTS;
	return 0;
}

uint16_t nvio_emu_create_sq(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd)
{
	uint16_t cq = HIGH(cmd);
	uint16_t status = check_queue(ctrl, cmd, ctrl->granted_sqs, is_open(ctrl, QID(cmd), true),
				      NVME_CC_IOSQES(ctrl->cc) == NVIO_SQE_SHIFT);

	/* The completion queue is looked at first where it is none at all (5.5). */
	if (!cq || cq > ctrl->opts.nr_queues)
		return EMU_SPECIFIC(NVME_SC_QID_INVALID);
	if (!is_open(ctrl, cq, false))
		return EMU_SPECIFIC(NVME_SC_CQ_INVALID);
	if (status)
		return status;
	if (RESERVED_SQ(cmd->cdw11))
		return NVME_SC_INVALID_FIELD;
	if (!nvio_emu_sq_open(ctrl, QID(cmd), cq, cmd->prp1, QSIZE(cmd)))
		return NVME_SC_INTERNAL;
	/* Of no meaning to round robin. */
	ctrl->sqs[QID(cmd)].priority = QPRIO(cmd);
	return 0;
}

uint16_t nvio_emu_delete_cq(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd)
{
	uint16_t id = QID(cmd);

	if (!id || !is_open(ctrl, id, false))
		return EMU_SPECIFIC(NVME_SC_QID_INVALID);
	if (ctrl->cqs[id].nr_sqs)
		return EMU_SPECIFIC(NVME_SC_INVALID_QUEUE);
	nvio_emu_cq_close(ctrl, &ctrl->cqs[id]);
	return 0;
}

uint16_t nvio_emu_delete_sq(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd)
{
	uint16_t id = QID(cmd);

	if (!id || !is_open(ctrl, id, true))
		return EMU_SPECIFIC(NVME_SC_QID_INVALID);
	nvio_emu_forget(ctrl, id);
	nvio_emu_sq_close(ctrl, &ctrl->sqs[id]);
	return 0;
}
