/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Format NVM (5.14), Namespace Management (5.23) and Attachment (5.22).
 *
 * Namespaces made here are in memory, within the capacity that the controller started with.
 */
#include <string.h>

#include "data.h"
#include "store.h"

#define ALL_NAMESPACES 0xffffffffu
#define MSET(dw)       ((dw) >> 4 & 1)
#define PI(dw)         ((dw) >> 5 & 7)
#define PIL(dw)        ((dw) >> 8 & 1)
#define SES(dw)        ((dw) >> 9 & 7)
#define LBAFU(dw)      ((dw) >> 12 & 3)

#define SES_CRYPTO 2u

/* Whether protection of this type fits in the format. */
static bool format_is_valid(const struct emu_ctrl *ctrl, unsigned int lbaf, unsigned int pi,
			    bool extended)
{
	const struct emu_lbaf *format;

	if (lbaf >= ctrl->nr_lbafs || pi > 3)
		return false;
	format = &ctrl->lbafs[lbaf];
	if (pi && format->md_len < (format->pif ? 16 : 8))
		return false;
	return format->md_len || !extended;
}

static uint16_t format_one(struct emu_ctrl *ctrl, struct emu_ns *ns, uint32_t dw)
{
	ns->lbaf = dw & 0xf;
	ns->extended = MSET(dw);
	ns->pi = PI(dw);
	ns->pi_first = PIL(dw) && PI(dw);
	if (nvio_emu_store_format(ctrl, ns))
		return NVME_SC_INTERNAL;
	nvio_emu_ns_changed(ctrl, ns->nsid);
	return 0;
}

uint16_t nvio_emu_format(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd)
{
	uint32_t dw = cmd->cdw10;
	struct emu_ns *ns = nvio_emu_ns(ctrl, cmd->nsid);
	uint16_t status = 0;

	if (!ns && cmd->nsid != ALL_NAMESPACES)
		return NVME_SC_INVALID_NS;
	if (SES(dw) > SES_CRYPTO)
		return NVME_SC_INVALID_FIELD;
	if (LBAFU(dw) || !format_is_valid(ctrl, dw & 0xf, PI(dw), MSET(dw)))
		return EMU_SPECIFIC(NVME_SC_INVALID_FORMAT);
	if (ns)
		return format_one(ctrl, ns, dw);
	for (unsigned int i = 0; i < EMU_NS_MAX && !status; i++)
		if (ctrl->ns[i].nsid && ctrl->ns[i].attached)
			status = format_one(ctrl, &ctrl->ns[i], dw);
	return status;
}

static uint64_t used_capacity(const struct emu_ctrl *ctrl)
{
	uint64_t used = 0;

	for (unsigned int i = 0; i < EMU_NS_MAX; i++)
		if (ctrl->ns[i].nsid)
			used += ctrl->ns[i].capacity;
	return used;
}

static struct emu_ns *unused_ns(struct emu_ctrl *ctrl)
{
	for (unsigned int i = 0; i < EMU_NS_MAX; i++)
		if (!ctrl->ns[i].nsid)
			return &ctrl->ns[i];
	return NULL;
}

static uint16_t create_checked(struct emu_ctrl *ctrl, const struct nvme_id_ns *want,
			       uint32_t *result)
{
	const struct emu_lbaf *format = &ctrl->lbafs[want->flbas & 0xf];
	struct emu_ns *ns = unused_ns(ctrl);
	struct emu_ns_opts opts = {
		.size = le64toh(want->nsze) << format->lba_shift,
		.lba = 1u << format->lba_shift,
		.md = format->md_len,
		.extended = want->flbas & NVME_NS_FLBAS_META_EXT,
		.pi = want->dps & NVME_NS_DPS_PI_MASK,
		.guard = (uint8_t)(16 << format->pif),
	};
	struct emu_error error;

	if (!ns)
		return EMU_SPECIFIC(NVME_SC_NS_ID_UNAVAILABLE);
	if (le64toh(want->nsze) > (ctrl->capacity - used_capacity(ctrl)) >> format->lba_shift)
		return EMU_SPECIFIC(NVME_SC_NS_INSUFFICIENT_CAP);
	if (nvio_emu_store_open(ctrl, ns, &opts, &error))
		return NVME_SC_INTERNAL;
	ns->lbaf = want->flbas & 0xf;
	ns->pi_first = ns->pi && want->dps & NVME_NS_DPS_PI_FIRST;
	ns->nsid = (uint32_t)(ns - ctrl->ns) + 1;
	*result = ns->nsid;
	return 0;
}

static uint16_t create(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *result)
{
	struct nvme_id_ns want;
	struct emu_data data;
	uint16_t status;

	if (cmd->nsid)
		return NVME_SC_INVALID_FIELD;
	if (cmd->cdw11 >> 24 != NVME_CSI_NVM)
		return EMU_SPECIFIC(NVME_SC_IOCS_NOT_SUPPORTED);
	status = nvio_emu_data(&data, ctrl, cmd, sizeof(want), false);
	if (!status)
		status = nvio_emu_data_get(&data, &want, sizeof(want));
	if (status)
		return status;
	if (want.flbas & 0x60 ||
	    !format_is_valid(ctrl, want.flbas & 0xf, want.dps & NVME_NS_DPS_PI_MASK,
			     want.flbas & NVME_NS_FLBAS_META_EXT))
		return EMU_SPECIFIC(NVME_SC_INVALID_FORMAT);
	if (want.nmic || !want.nsze || want.anagrpid || want.nvmsetid || want.endgid)
		return NVME_SC_INVALID_FIELD;
	if (want.nsze != want.ncap)
		return EMU_SPECIFIC(NVME_SC_THIN_PROV_NOT_SUPP);
	return create_checked(ctrl, &want, result);
}

static void delete_one(struct emu_ctrl *ctrl, struct emu_ns *ns)
{
	uint32_t nsid = ns->nsid;
	bool attached = ns->attached;

	nvio_emu_store_close(ns);
	if (attached)
		nvio_emu_ns_changed(ctrl, nsid);
}

uint16_t nvio_emu_ns_manage(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *result)
{
	struct emu_ns *ns = nvio_emu_ns(ctrl, cmd->nsid);

	switch (cmd->cdw10 & 0xf) {
	case 0:
		return create(ctrl, cmd, result);
	case 1:
		if (!ns && cmd->nsid != ALL_NAMESPACES)
			return NVME_SC_INVALID_NS;
		for (unsigned int i = 0; i < EMU_NS_MAX; i++)
			if (ctrl->ns[i].nsid && (!ns || ns == &ctrl->ns[i]))
				delete_one(ctrl, &ctrl->ns[i]);
		return 0;
	default:
		return NVME_SC_INVALID_FIELD;
	}
}

/* The list of controllers: there is one. */
static uint16_t load_controllers(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd)
{
	struct nvme_ctrl_list list;
	struct emu_data data;
	uint16_t status = nvio_emu_data(&data, ctrl, cmd, sizeof(list), false);

	if (!status)
		status = nvio_emu_data_get(&data, &list, sizeof(list));
	if (status)
		return status;
	if (le16toh(list.num) != 1 || le16toh(list.identifier[0]) != EMU_CNTLID)
		return EMU_SPECIFIC(NVME_SC_CTRL_LIST_INVALID);
	return 0;
}

uint16_t nvio_emu_ns_attach(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd)
{
	struct emu_ns *ns = nvio_emu_ns(ctrl, cmd->nsid);
	bool attach = !(cmd->cdw10 & 0xf);
	uint16_t status;

	if ((cmd->cdw10 & 0xf) > NVME_NS_ATTACH_SEL_CTRL_DEATTACH)
		return NVME_SC_INVALID_FIELD;
	if (!ns)
		return NVME_SC_INVALID_NS;
	status = load_controllers(ctrl, cmd);
	if (status)
		return status;
	if (attach && ns->attached)
		return EMU_SPECIFIC(NVME_SC_NS_ALREADY_ATTACHED);
	if (!attach && !ns->attached)
		return EMU_SPECIFIC(NVME_SC_NS_NOT_ATTACHED);
	ns->attached = attach;
	nvio_emu_ns_changed(ctrl, ns->nsid);
	return 0;
}
