/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host memory buffer (5.27.1.10, 8.9): memory of the client that the controller calls its own.
 *
 * It has no use for it, but to find out whether it is really there: each page is signed when it is
 * lent, looked at again and again, and looked at for the last time when it is taken back. A page
 * that is gone or that somebody else wrote to is a fatal error, as it would be for firmware that
 * keeps its tables there; so is a shutdown that leaves the buffer lent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"

#define ENABLE      1u
#define DESCRIPTORS 4096u /* the longest list that is taken */

/* Where a page is signed: its first words and its last. */
#define SIGNED 2u

struct emu_hmb_piece {
	uint64_t iova;
	uint32_t pages; /* of EMU_DMA_PAGE bytes */
};

/* A descriptor of the list (figure 328): pages of the controller's. */
struct descriptor {
	uint64_t addr;
	uint32_t pages;
	uint32_t reserved;
};

struct emu_hmb {
	struct emu_hmb_piece *pieces; /* NULL: nothing is lent */
	uint32_t nr_pieces;
	uint32_t piece, page; /* to be looked at next */
	uint64_t epoch; /* makes signatures of one time differ from those of another */
	uint32_t attributes[4]; /* as they were set: size, list, number (figure 329) */
};

int nvio_emu_hmb_new(struct emu_ctrl *ctrl)
{
	ctrl->hmb = calloc(1, sizeof(*ctrl->hmb));
	return ctrl->hmb ? 0 : -ENOMEM;
}

void nvio_emu_hmb_free(struct emu_ctrl *ctrl)
{
	if (ctrl->hmb)
		free(ctrl->hmb->pieces);
	free(ctrl->hmb);
}

bool nvio_emu_hmb_lent(const struct emu_ctrl *ctrl)
{
	return ctrl->hmb->pieces;
}

void nvio_emu_hmb_reset(struct emu_ctrl *ctrl)
{
	free(ctrl->hmb->pieces);
	ctrl->hmb->pieces = NULL;
	memset(ctrl->hmb->attributes, 0, sizeof(ctrl->hmb->attributes));
}

static uint64_t signature(const struct emu_hmb *hmb, uint64_t at)
{
	return (at ^ hmb->epoch << 48) * 0x9e3779b97f4a7c15ull + 1;
}

/* Signs a page, or (@write off) looks whether it is signed. */
static bool visit(struct emu_ctrl *ctrl, uint64_t iova, bool write)
{
	static const uint32_t offsets[SIGNED] = { 0, EMU_DMA_PAGE - sizeof(uint64_t) };

	for (unsigned int i = 0; i < SIGNED; i++) {
		uint64_t at = iova + offsets[i], want = signature(ctrl->hmb, at), word = want;

		if (!nvio_emu_data_copy(ctrl->bus, at, &word, sizeof(word), write) || word != want)
			return false;
	}
	return true;
}

static bool visit_all(struct emu_ctrl *ctrl, bool write)
{
	const struct emu_hmb *hmb = ctrl->hmb;

	for (uint32_t i = 0; i < hmb->nr_pieces; i++)
		for (uint32_t j = 0; j < hmb->pieces[i].pages; j++)
			if (!visit(ctrl, hmb->pieces[i].iova + (uint64_t)j * EMU_DMA_PAGE, write))
				return false;
	return true;
}

/* Looks at one page more. */
void nvio_emu_hmb_look(struct emu_ctrl *ctrl)
{
	struct emu_hmb *hmb = ctrl->hmb;
	const struct emu_hmb_piece *piece = &hmb->pieces[hmb->piece];

	if (!visit(ctrl, piece->iova + (uint64_t)hmb->page * EMU_DMA_PAGE, false)) {
		nvio_emu_fatal(ctrl);
		return;
	}
	if (++hmb->page < piece->pages)
		return;
	hmb->page = 0;
	if (++hmb->piece == hmb->nr_pieces)
		hmb->piece = 0;
}

/* Reads the list of descriptors, which has to add up to what was said. */
static uint16_t read_list(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd,
			  struct emu_hmb_piece *pieces)
{
	uint64_t list = cmd->cdw13 | (uint64_t)cmd->cdw14 << 32, sum = 0;
	uint32_t scale = ctrl->page_len / EMU_DMA_PAGE;

	if (list & (sizeof(struct descriptor) - 1))
		return NVME_SC_INVALID_FIELD;
	for (uint32_t i = 0; i < cmd->cdw15; i++, list += sizeof(struct descriptor)) {
		struct descriptor d;

		if (!nvio_emu_data_copy(ctrl->bus, list, &d, sizeof(d), false))
			return NVME_SC_DATA_XFER_ERROR;
		if (!d.pages || d.pages > cmd->cdw12 || d.addr & (ctrl->page_len - 1) || d.reserved)
			return NVME_SC_INVALID_FIELD;
		pieces[i] = (struct emu_hmb_piece){ d.addr, d.pages * scale };
		sum += d.pages;
	}
	return sum == cmd->cdw12 ? 0 : NVME_SC_INVALID_FIELD;
}

static uint16_t lend(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd)
{
	struct emu_hmb *hmb = ctrl->hmb;
	struct emu_hmb_piece *pieces;
	uint16_t status;

	if (hmb->pieces)
		return NVME_SC_CMD_SEQ_ERROR;
	if (!cmd->cdw15 || cmd->cdw15 > DESCRIPTORS ||
	    (uint64_t)cmd->cdw12 * ctrl->page_len < ctrl->opts.hmb / 2 ||
	    (uint64_t)cmd->cdw12 * ctrl->page_len > 2ull * ctrl->opts.hmb)
		return NVME_SC_INVALID_FIELD;
	pieces = calloc(cmd->cdw15, sizeof(*pieces));
	if (!pieces)
		return NVME_SC_INTERNAL;
	status = read_list(ctrl, cmd, pieces);
	if (status) {
		free(pieces);
		return status;
	}
	hmb->pieces = pieces;
	hmb->nr_pieces = cmd->cdw15;
	hmb->piece = hmb->page = 0;
	hmb->epoch++;
	if (!visit_all(ctrl, true)) {
		nvio_emu_hmb_reset(ctrl);
		return NVME_SC_DATA_XFER_ERROR;
	}
	memcpy(hmb->attributes, &cmd->cdw12, sizeof(hmb->attributes));
	return 0;
}

uint16_t nvio_emu_hmb_set(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			  uint32_t *result)
{
	uint16_t status = 0;

	(void)result;
	if (!ctrl->opts.hmb)
		return NVME_SC_INVALID_FIELD;
	if (cmd->cdw11 & ENABLE) {
		status = lend(ctrl, cmd);
	} else if (ctrl->hmb->pieces) {
		status = visit_all(ctrl, false) ? 0 : NVME_SC_INTERNAL;
		nvio_emu_hmb_reset(ctrl);
	}
	*value = ctrl->hmb->pieces ? ENABLE : 0;
	return status;
}

uint16_t nvio_emu_hmb_get(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value)
{
	(void)value;
	if (!ctrl->opts.hmb)
		return NVME_SC_INVALID_FIELD;
	return nvio_emu_data_answer(ctrl, cmd, ctrl->hmb->attributes, sizeof(ctrl->hmb->attributes),
				    EMU_DMA_PAGE);
}
