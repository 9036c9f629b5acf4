/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The admin command set: which commands there are, and the small ones: Abort, Keep Alive, Doorbell
 * Buffer Config.
 *
 * Admin commands use PRPs alone (base 2.0, figure 86, PSDT) and are never fused.
 */
#include "data.h"
#include "doorbell.h"

/* Commands that a controller can take, for the dispatch and for the effects log. */
uint16_t nvio_emu_admin_effects(uint8_t opcode)
{
	switch (opcode) {
	case nvme_admin_delete_sq:
	case nvme_admin_create_sq:
	case nvme_admin_get_log_page:
	case nvme_admin_delete_cq:
	case nvme_admin_create_cq:
	case nvme_admin_identify:
	case nvme_admin_abort_cmd:
	case nvme_admin_set_features:
	case nvme_admin_get_features:
	case nvme_admin_async_event:
	case nvme_admin_keep_alive:
	case nvme_admin_dbbuf:
		return NVME_CMD_EFFECTS_CSUPP;
	case nvme_admin_ns_mgmt:
	case nvme_admin_ns_attach:
		return NVME_CMD_EFFECTS_CSUPP | NVME_CMD_EFFECTS_NIC;
	case nvme_admin_format_nvm:
		return NVME_CMD_EFFECTS_CSUPP | NVME_CMD_EFFECTS_LBCC | NVME_CMD_EFFECTS_NCC;
	default:
		return 0;
	}
}

/* Abort (5.1): dword 0, bit 0 tells that the command was not aborted. */
static uint16_t abort_command(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *result)
{
	uint16_t sq = (uint16_t)cmd->cdw10, cid = (uint16_t)(cmd->cdw10 >> 16);

	*result = 1;
	if (sq > ctrl->opts.nr_queues || !ctrl->sqs[sq].entries)
		return NVME_SC_INVALID_FIELD;
	if (nvio_emu_abort(ctrl, sq, cid) || (!sq && nvio_emu_event_abort(ctrl, cid)))
		*result = 0;
	return 0;
}

static uint16_t keep_alive(struct emu_ctrl *ctrl)
{
	if (ctrl->kato_ms)
		ctrl->kato_due = nvio_emu_now() + ctrl->kato_ms * 1000000ull;
	return 0;
}

/* Doorbell Buffer Config (5.8): shadow doorbells and their event indices, a page each. */
static uint16_t doorbell_buffers(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd)
{
	uint32_t mask = ctrl->page_len - 1;

	if (!ctrl->opts.shadow)
		return NVME_SC_INVALID_OPCODE;
	if (!cmd->prp1 || !cmd->prp2 || cmd->prp1 & mask || cmd->prp2 & mask ||
	    cmd->prp1 == cmd->prp2)
		return NVME_SC_INVALID_FIELD;
	return nvio_emu_shadow(ctrl, cmd->prp1, cmd->prp2) ? 0 : NVME_SC_DATA_XFER_ERROR;
}

static uint16_t dispatch(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *result)
{
	switch (cmd->opcode) {
	case nvme_admin_delete_sq:
		return nvio_emu_delete_sq(ctrl, cmd);
	case nvme_admin_create_sq:
		return nvio_emu_create_sq(ctrl, cmd);
	case nvme_admin_get_log_page:
		return nvio_emu_get_log(ctrl, cmd);
	case nvme_admin_delete_cq:
		return nvio_emu_delete_cq(ctrl, cmd);
	case nvme_admin_create_cq:
		return nvio_emu_create_cq(ctrl, cmd);
	case nvme_admin_identify:
		return nvio_emu_identify(ctrl, cmd);
	case nvme_admin_abort_cmd:
		return abort_command(ctrl, cmd, result);
	case nvme_admin_set_features:
		return nvio_emu_set_feature(ctrl, cmd, result);
	case nvme_admin_get_features:
		return nvio_emu_get_feature(ctrl, cmd, result);
	case nvme_admin_async_event:
		return nvio_emu_event_request(ctrl, cmd);
	case nvme_admin_ns_mgmt:
		return nvio_emu_ns_manage(ctrl, cmd, result);
	case nvme_admin_ns_attach:
		return nvio_emu_ns_attach(ctrl, cmd);
	case nvme_admin_keep_alive:
		return keep_alive(ctrl);
	case nvme_admin_dbbuf:
		return doorbell_buffers(ctrl, cmd);
	case nvme_admin_format_nvm:
		return nvio_emu_format(ctrl, cmd);
	default:
		return NVME_SC_INVALID_OPCODE;
	}
}

static bool needs_media(uint8_t opcode)
{
	return opcode == nvme_admin_format_nvm || opcode == nvme_admin_ns_mgmt ||
	       opcode == nvme_admin_ns_attach;
}

uint16_t nvio_emu_admin(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *result)
{
	if (!nvio_emu_admin_effects(cmd->opcode))
		return NVME_SC_INVALID_OPCODE;
	if (cmd->flags)
		return NVME_SC_INVALID_FIELD;
	if (ctrl->wakes && needs_media(cmd->opcode) && nvio_emu_now() < ctrl->media_at)
		return NVME_SC_ADMIN_CMD_MEDIA_NOT_READY;
	return dispatch(ctrl, cmd, result);
}
