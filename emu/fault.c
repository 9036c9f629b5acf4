/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Does the wrong thing on request, at the places that fault.h names.
 *
 * A fault is an entry in a small table: what it does, to which commands, how often. The text that
 * describes one is parsed in fault_text.c.
 */
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "fault_table.h"

static bool counts(struct emu_fault *fault)
{
	if (fault->skip) {
		fault->skip--;
		return false;
	}
	if (fault->count == 1)
		fault->kind = EMU_FAULT_NONE;
	if (fault->count)
		fault->count--;
	return true;
}

void nvio_emu_faults_free(struct emu_ctrl *ctrl)
{
	free(ctrl->faults);
	ctrl->faults = NULL;
}

static bool has_blocks(const struct nvio_sqe *cmd)
{
	return cmd->opcode != nvme_cmd_flush && cmd->opcode != nvme_cmd_dsm;
}

static bool matches(const struct emu_fault *fault, const struct emu_sq *sq,
		    const struct nvio_sqe *cmd)
{
	uint64_t slba = nvio_emu_slba(cmd);
	uint64_t last = slba + (cmd->cdw12 & 0xffff);

	if (fault->kind == EMU_FAULT_NONE || fault->kind >= EMU_FAULT_NOT_DONE)
		return false;
	if ((fault->queue >= 0 && fault->queue != sq->id) ||
	    (fault->opcode >= 0 && fault->opcode != cmd->opcode))
		return false;
	if (!fault->by_lba)
		return true;
	return sq->id && has_blocks(cmd) && slba <= fault->lba_last && last >= fault->lba_first;
}

/* Flips a bit of what a Read put in the client's memory. */
static void flip(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint64_t byte)
{
	const struct emu_ns *ns = nvio_emu_active_ns(ctrl, cmd->nsid);
	uint64_t len = ns ? ((cmd->cdw12 & 0xffffull) + 1) << ns->lba_shift : 0;
	struct emu_data data;
	uint8_t *addr;
	size_t n = 0;

	if (byte >= len || nvio_emu_data(&data, ctrl, cmd, len, true))
		return;
	do {
		byte -= n;
		if (nvio_emu_data_piece(&data, len, &addr, &n))
			return;
	} while (n <= byte);
	if (addr)
		addr[byte] ^= 1;
}

static void drop(struct emu_sq *sq)
{
	sq->inflight--;
	sq->cq->inflight--;
}

static void twice(struct emu_ctrl *ctrl, struct emu_sq *sq, const struct emu_done *done)
{
	nvio_emu_post(ctrl, sq, done);
	if (nvio_emu_cq_room(sq->cq))
		nvio_emu_cq_post(ctrl, sq->cq, done);
}

static void apply(struct emu_ctrl *ctrl, const struct emu_fault *fault, struct emu_sq *sq,
		  struct emu_done *done)
{
	switch (fault->kind) {
	case EMU_FAULT_DROP:
		drop(sq);
		return;
	case EMU_FAULT_DELAY:
		nvio_emu_delay(ctrl, done, fault->ns);
		return;
	case EMU_FAULT_DUPLICATE:
		twice(ctrl, sq, done);
		return;
	case EMU_FAULT_FAIL:
		done->status = (uint16_t)fault->value;
		break;
	case EMU_FAULT_CID:
		done->cid = (uint16_t)fault->value;
		break;
	default:
		done->sq = (uint16_t)fault->value;
		break;
	}
	nvio_emu_post(ctrl, sq, done);
}

struct emu_fault *nvio_emu_fault_match(struct emu_ctrl *ctrl, const struct emu_sq *sq,
				       const struct nvio_sqe *cmd)
{
	for (unsigned int i = 0; i < EMU_FAULTS_MAX; i++) {
		struct emu_fault *fault = &ctrl->faults->faults[i];

		if (matches(fault, sq, cmd))
			return fault;
	}
	return NULL;
}

bool nvio_emu_fault_done(struct emu_ctrl *ctrl, struct emu_sq *sq, const struct nvio_sqe *cmd,
			 uint16_t *status, uint32_t result)
{
	struct emu_fault *fault = nvio_emu_fault_match(ctrl, sq, cmd);
	struct emu_done done = { .sq = sq->id, .cid = cmd->cid, .status = *status };
	struct emu_fault copy;

	done.result = result;
	if (!fault)
		return false;
	copy = *fault;
	if (!counts(fault))
		return false;
	if (copy.kind == EMU_FAULT_FLIP) {
		if (!*status && cmd->opcode == nvme_cmd_read && sq->id)
			flip(ctrl, cmd, copy.byte);
		return false;
	}
	apply(ctrl, &copy, sq, &done);
	return true;
}

static struct emu_fault *find(struct emu_ctrl *ctrl, enum emu_fault_kind kind)
{
	for (unsigned int i = 0; i < EMU_FAULTS_MAX; i++)
		if (ctrl->faults->faults[i].kind == kind)
			return &ctrl->faults->faults[i];
	return NULL;
}

bool nvio_emu_fault_event(struct emu_ctrl *ctrl, enum emu_fault_event event)
{
	static const enum emu_fault_kind kinds[] = {
		[EMU_FAULT_NO_READY] = EMU_FAULT_KIND_NO_READY,
		[EMU_FAULT_NO_SHUTDOWN] = EMU_FAULT_KIND_NO_SHUTDOWN,
		[EMU_FAULT_GONE] = EMU_FAULT_KIND_GONE,
	};
	struct emu_fault *fault = find(ctrl, kinds[event]);

	return fault && counts(fault);
}

bool nvio_emu_fault_fetch(struct emu_ctrl *ctrl, const struct emu_sq *sq)
{
	for (unsigned int i = 0; i < EMU_FAULTS_MAX; i++) {
		struct emu_fault *fault = &ctrl->faults->faults[i];

		if (fault->kind == EMU_FAULT_STALL && (fault->queue < 0 || fault->queue == sq->id))
			return counts(fault);
	}
	return false;
}

bool nvio_emu_fault_interrupt(struct emu_ctrl *ctrl)
{
	struct emu_fault *fault = find(ctrl, EMU_FAULT_NO_IRQ);

	return fault && counts(fault);
}

void nvio_emu_fault_identify(struct emu_ctrl *ctrl, uint8_t cns, uint8_t data[NVIO_IDENTIFY_LEN])
{
	for (unsigned int i = 0; i < EMU_FAULTS_MAX; i++) {
		struct emu_fault *fault = &ctrl->faults->faults[i];

		if (fault->kind != EMU_FAULT_IDENTIFY || fault->cns != cns)
			continue;
		if (fault->byte < NVIO_IDENTIFY_LEN && counts(fault))
			data[fault->byte] = (uint8_t)fault->value;
	}
}
