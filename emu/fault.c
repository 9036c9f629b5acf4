/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Does the wrong thing on request, at the places that fault.h names.
 *
 * A fault is an entry in a small table: what it does, to which commands, how often. One that is
 * spent stays there for its count to be seen, until its place is needed. The text that describes
 * one is parsed in fault_text.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "fault_table.h"

static bool is_spent(const struct emu_fault *fault)
{
	uint64_t count = fault->value[EMU_KEY_COUNT];

	return count && fault->hits == count;
}

/* It was met. Returns whether it is its turn. */
static bool counts(struct emu_fault *fault)
{
	if (is_spent(fault))
		return false;
	if (fault->skipped < fault->value[EMU_KEY_SKIP]) {
		fault->skipped++;
		return false;
	}
	fault->hits++;
	return true;
}

void nvio_emu_faults_clear(struct emu_ctrl *ctrl)
{
	free(ctrl->faults);
	ctrl->faults = NULL;
}

static bool is_of(const struct emu_fault *fault, uint16_t queue)
{
	return fault->given & EMU_KEY(OF) ? fault->value[EMU_KEY_OF] == queue : queue != 0;
}

static bool is_in_range(const struct emu_fault *fault, const struct emu_sq *sq,
			const struct nvio_sqe *cmd)
{
	uint64_t slba = nvio_emu_slba(cmd);

	if (!sq->id || cmd->opcode == nvme_cmd_flush || cmd->opcode == nvme_cmd_dsm)
		return false;
	return slba <= fault->lba_last && slba + (cmd->cdw12 & 0xffff) >= fault->value[EMU_KEY_LBA];
}

/* Bytes that a Read which succeeded has put in the client's memory. */
static uint64_t read_len(struct emu_ctrl *ctrl, const struct emu_sq *sq, const struct nvio_sqe *cmd,
			 const struct emu_done *done)
{
	const struct emu_ns *ns = nvio_emu_active_ns(ctrl, cmd->nsid);

	if (!sq->id || cmd->opcode != nvme_cmd_read || done->status || !ns)
		return 0;
	return ((cmd->cdw12 & 0xffffull) + 1) << ns->lba_shift;
}

static bool matches(struct emu_ctrl *ctrl, const struct emu_fault *fault, const struct emu_sq *sq,
		    const struct nvio_sqe *cmd, const struct emu_done *done)
{
	if (fault->kind >= EMU_FAULT_NOT_DONE || !is_of(fault, sq->id))
		return false;
	if (fault->given & EMU_KEY(OPCODE) && fault->value[EMU_KEY_OPCODE] != cmd->opcode)
		return false;
	if (fault->given & EMU_KEY(LBA) && !is_in_range(fault, sq, cmd))
		return false;
	return fault->kind != EMU_FAULT_FLIP ||
	       fault->value[EMU_KEY_BYTE] < read_len(ctrl, sq, cmd, done);
}

/* Flips a bit of what a Read put in the client's memory. */
static void flip(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint64_t len, uint64_t byte)
{
	struct emu_data data;
	uint8_t *addr, value;
	size_t n = 0;

	if (nvio_emu_data(&data, ctrl, cmd, len, true))
		return;
	do {
		byte -= n;
		if (nvio_emu_data_piece(&data, len, &addr, &n))
			return;
	} while (n <= byte);
	if (addr) {
		addr[byte] ^= 1;
	} else if (!data.bucket &&
		   nvio_emu_data_copy(ctrl->bus, nvio_emu_data_iova(&data, n) + byte, &value, 1,
				      false)) {
		value ^= 1;
		nvio_emu_data_copy(ctrl->bus, nvio_emu_data_iova(&data, n) + byte, &value, 1, true);
	}
}

static void report(struct emu_ctrl *ctrl)
{
	if (ctrl->bus->report)
		ctrl->bus->report(ctrl->bus);
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

/* The entry without its phase tag, which comes later. */
static void post_late(struct emu_ctrl *ctrl, struct emu_sq *sq, struct emu_done *done, uint64_t ns)
{
	drop(sq);
	nvio_emu_cq_post_late(ctrl, sq->cq, done);
	nvio_emu_delay(ctrl, done, ns);
}

/* Returns whether nothing is left to be done with the completion. */
static bool apply(struct emu_ctrl *ctrl, const struct emu_fault *fault, struct emu_sq *sq,
		  const struct nvio_sqe *cmd, struct emu_done *done)
{
	switch (fault->kind) {
	case EMU_FAULT_FAIL:
		done->status = (uint16_t)fault->value[EMU_KEY_STATUS];
		return false;
	case EMU_FAULT_CID:
		done->cid = (uint16_t)fault->value[EMU_KEY_VALUE];
		return false;
	case EMU_FAULT_FLIP:
		flip(ctrl, cmd, read_len(ctrl, sq, cmd, done), fault->value[EMU_KEY_BYTE]);
		return false;
	case EMU_FAULT_ERR:
		report(ctrl);
		return false;
	case EMU_FAULT_QUEUE:
		done->sq = (uint16_t)fault->value[EMU_KEY_VALUE];
		nvio_emu_post(ctrl, sq, done);
		return true;
	case EMU_FAULT_DELAY:
		nvio_emu_delay(ctrl, done, fault->value[EMU_KEY_TIME]);
		return true;
	case EMU_FAULT_LATE:
		post_late(ctrl, sq, done, fault->value[EMU_KEY_TIME]);
		return true;
	case EMU_FAULT_DUPLICATE:
		twice(ctrl, sq, done);
		return true;
	case EMU_FAULT_CFS:
		nvio_emu_fatal(ctrl);
		break;
	case EMU_FAULT_GONE:
		nvio_emu_ctrl_remove(ctrl);
		break;
	default:
		break;
	}
	drop(sq);
	return true;
}

bool nvio_emu_fault_done(struct emu_ctrl *ctrl, struct emu_sq *sq, const struct nvio_sqe *cmd,
			 struct emu_done *done)
{
	/* The other half of a fused pair whose first one pulled the device out. */
	if (ctrl->gone) {
		drop(sq);
		return true;
	}
	if (nvio_emu_hostile_done(ctrl, sq, done))
		return true;
	for (unsigned int i = 0; i < ctrl->faults->nr; i++) {
		struct emu_fault *fault = &ctrl->faults->faults[i];

		if (matches(ctrl, fault, sq, cmd, done) && counts(fault))
			return apply(ctrl, fault, sq, cmd, done);
	}
	return false;
}

/* Whether one of this kind and of this queue has its turn. */
static bool happens(struct emu_ctrl *ctrl, enum emu_fault_kind kind, uint16_t queue)
{
	for (unsigned int i = 0; i < ctrl->faults->nr; i++) {
		struct emu_fault *fault = &ctrl->faults->faults[i];

		if (fault->kind == kind && is_of(fault, queue) && counts(fault))
			return true;
	}
	return false;
}

bool nvio_emu_fault_event(struct emu_ctrl *ctrl, enum emu_fault_event event)
{
	static const enum emu_fault_kind kinds[EMU_FAULT_NR_EVENTS] = {
		[EMU_FAULT_NO_READY] = EMU_FAULT_KIND_NO_READY,
		[EMU_FAULT_NO_SHUTDOWN] = EMU_FAULT_KIND_NO_SHUTDOWN,
	};

	/* They take no queue, so that any one will do. */
	return nvio_emu_hostile_strikes(&ctrl->faults->hostile, 10) ||
	       happens(ctrl, kinds[event], 1);
}

bool nvio_emu_fault_fetch(struct emu_ctrl *ctrl, const struct emu_sq *sq)
{
	nvio_emu_hostile_turn(ctrl);
	return happens(ctrl, EMU_FAULT_STALL, sq->id);
}

bool nvio_emu_fault_interrupt(struct emu_ctrl *ctrl, const struct emu_cq *cq)
{
	return nvio_emu_hostile_strikes(&ctrl->faults->hostile, 1) ||
	       happens(ctrl, EMU_FAULT_NO_IRQ, cq->id);
}

void nvio_emu_fault_identify(struct emu_ctrl *ctrl, uint8_t cns, uint8_t data[NVIO_IDENTIFY_LEN])
{
	for (unsigned int i = 0; i < ctrl->faults->nr; i++) {
		struct emu_fault *fault = &ctrl->faults->faults[i];
		const uint64_t *value = fault->value;

		if (fault->kind == EMU_FAULT_IDENTIFY && value[EMU_KEY_CNS] == cns && counts(fault))
			memset(data + value[EMU_KEY_BYTE], (int)value[EMU_KEY_VALUE],
			       value[EMU_KEY_LEN]);
	}
	nvio_emu_hostile_data(ctrl, data, NVIO_IDENTIFY_LEN);
}

void nvio_emu_fault_data(struct emu_ctrl *ctrl, uint8_t *data, size_t len)
{
	if (ctrl->faults)
		nvio_emu_hostile_data(ctrl, data, len);
}

uint64_t nvio_emu_fault_register(struct emu_ctrl *ctrl, uint64_t value)
{
	return ctrl->faults ? nvio_emu_hostile_register(ctrl, value) : value;
}

/* The place of the first spent one is taken when there is no other, and the order kept. */
static bool make_room(struct emu_faults *faults)
{
	unsigned int i = 0;

	if (faults->nr < EMU_FAULTS_MAX)
		return true;
	while (i < faults->nr && !is_spent(&faults->faults[i]))
		i++;
	if (i == faults->nr)
		return false;
	faults->nr--;
	memmove(&faults->faults[i], &faults->faults[i + 1],
		(faults->nr - i) * sizeof(faults->faults[0]));
	return true;
}

static int add_entry(struct emu_ctrl *ctrl, const struct emu_fault *fault, struct emu_error *error)
{
	if (!ctrl->faults)
		ctrl->faults = calloc(1, sizeof(*ctrl->faults));
	if (!ctrl->faults)
		return nvio_emu_fail(error, -ENOMEM, "out of memory");
	if (!make_room(ctrl->faults))
		return nvio_emu_fail(error, -ENOSPC,
				     "%u faults are on, and there is no room for more",
				     EMU_FAULTS_MAX);
	ctrl->faults->faults[ctrl->faults->nr++] = *fault;
	if (fault->kind == EMU_FAULT_HOSTILE)
		nvio_emu_hostile_start(&ctrl->faults->hostile, fault->value[EMU_KEY_SEED],
				       (uint32_t)fault->value[EMU_KEY_RATE]);
	return 0;
}

int nvio_emu_fault_add(struct emu_ctrl *ctrl, const char *text, struct emu_error *error)
{
	struct emu_fault fault;
	int rc = nvio_emu_fault_parse(text, &fault, error);

	if (rc)
		return rc;
	if (fault.kind == EMU_FAULT_AEN)
		nvio_emu_event(ctrl, (uint8_t)fault.value[EMU_KEY_TYPE],
			       (uint8_t)fault.value[EMU_KEY_INFO],
			       (uint8_t)fault.value[EMU_KEY_LOG]);
	else if (fault.kind == EMU_FAULT_CFS && !fault.given)
		nvio_emu_fatal(ctrl);
	else if (fault.kind == EMU_FAULT_GONE && !fault.given)
		nvio_emu_ctrl_remove(ctrl);
	else if (fault.kind == EMU_FAULT_ERR && !fault.given)
		report(ctrl);
	else
		rc = add_entry(ctrl, &fault, error);
	return rc;
}

void nvio_emu_faults_list(const struct emu_ctrl *ctrl, char *out, size_t len)
{
	unsigned int nr = ctrl->faults ? ctrl->faults->nr : 0;
	size_t at = 0;

	*out = '\0';
	for (unsigned int i = 0; i < nr && at < len; i++) {
		const struct emu_fault *fault = &ctrl->faults->faults[i];
		uint64_t count = fault->value[EMU_KEY_COUNT];
		char left[24] = "all";

		if (count)
			snprintf(left, sizeof(left), "%llu",
				 (unsigned long long)(count - fault->hits));
		at += (size_t)snprintf(out + at, len - at, "%s%s (hit %llu, left %s)",
				       i ? "; " : "", fault->text, (unsigned long long)fault->hits,
				       left);
	}
}
