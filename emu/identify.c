/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identify (5.17): which structures there are, and the lists of namespaces and controllers.
 *
 * The large structures are filled in by identify_data.c.
 */
#include <string.h>

#include "data.h"
#include "fault.h"
#include "identify.h"

#define ALL_NAMESPACES 0xffffffffu

#define CNS(cmd)    ((uint8_t)(cmd)->cdw10)
#define CNTID(cmd)  ((uint16_t)((cmd)->cdw10 >> 16))
#define CSI(cmd)    ((cmd)->cdw11 >> 24)
#define LIST_LEN    1024u
#define ANY_CNTID   0xffffu
#define NS_IS_READY 1u

/* Identifiers above the one given, ascending (5.17.2.2): attached namespaces, or all. */
static uint16_t ns_list(const struct emu_ctrl *ctrl, uint32_t above, bool all, uint32_t *list)
{
	unsigned int nr = 0;

	if (above >= NVIO_NSID_MAX)
		return NVME_SC_INVALID_NS;
	for (unsigned int i = 0; i < EMU_NS_MAX && nr < LIST_LEN; i++) {
		const struct emu_ns *ns = &ctrl->ns[i];

		if (ns->nsid > above && (all || ns->attached))
			list[nr++] = htole32(ns->nsid);
	}
	return 0;
}

/* A namespace that is there, not there (then the structure is zero), or cannot be (5.17.2.1). */
static uint16_t find_ns(struct emu_ctrl *ctrl, uint32_t nsid, bool all, struct emu_ns **ns)
{
	if (!nsid || nsid > EMU_NS_MAX)
		return NVME_SC_INVALID_NS;
	*ns = all ? nvio_emu_ns(ctrl, nsid) : nvio_emu_active_ns(ctrl, nsid);
	return 0;
}

static uint16_t id_ns(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, bool all, uint8_t *data)
{
	struct emu_ns *ns;
	uint16_t status;

	/* What all namespaces have in common, for who wants to create one. */
	if (!all && cmd->nsid == ALL_NAMESPACES) {
		nvio_emu_id_ns(ctrl, NULL, (struct nvme_id_ns *)data);
		return 0;
	}
	status = find_ns(ctrl, cmd->nsid, all, &ns);
	if (!status && ns)
		nvio_emu_id_ns(ctrl, ns, (struct nvme_id_ns *)data);
	return status;
}

static uint16_t id_ns_nvm(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, bool all,
			  uint8_t *data)
{
	struct emu_ns *ns;
	uint16_t status;

	if (CSI(cmd) != NVME_CSI_NVM)
		return NVME_SC_INVALID_FIELD;
	if (!all && cmd->nsid == ALL_NAMESPACES) {
		nvio_emu_id_ns_nvm(ctrl, (struct nvme_nvm_id_ns *)data);
		return 0;
	}
	status = find_ns(ctrl, cmd->nsid, all, &ns);
	if (!status && ns)
		nvio_emu_id_ns_nvm(ctrl, (struct nvme_nvm_id_ns *)data);
	return status;
}

static uint16_t id_ns_independent(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint8_t *data)
{
	struct nvme_id_independent_id_ns *id = (void *)data;
	struct emu_ns *ns;
	uint16_t status = find_ns(ctrl, cmd->nsid, false, &ns);

	if (!status && ns)
		id->nstat = NS_IS_READY;
	return status;
}

static uint16_t descriptors(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint8_t *data)
{
	const struct emu_ns *ns = nvio_emu_active_ns(ctrl, cmd->nsid);

	if (!ns)
		return NVME_SC_INVALID_NS;
	nvio_emu_ns_descriptors(ctrl, ns, data);
	return 0;
}

/* Controllers from an identifier on: of a namespace, or all. There is one. */
static uint16_t ctrl_list(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, bool of_ns,
			  uint8_t *data)
{
	struct nvme_ctrl_list *list = (void *)data;
	struct emu_ns *ns = NULL;
	uint16_t status = 0;

	if (of_ns)
		status = find_ns(ctrl, cmd->nsid, true, &ns);
	if (status || (of_ns && (!ns || !ns->attached)) || CNTID(cmd) > EMU_CNTLID)
		return status;
	list->num = htole16(1);
	list->identifier[0] = htole16(EMU_CNTLID);
	return 0;
}

static uint16_t id_ctrl_nvm(const struct nvio_sqe *cmd)
{
	/* All zero: no limits beyond those of the commands' fields (NVM: 4.1.5.2). */
	return CSI(cmd) == NVME_CSI_NVM ? 0 : NVME_SC_INVALID_FIELD;
}

/* The combinations of I/O command sets (5.17.2.19): NVM alone. */
static uint16_t command_sets(const struct nvio_sqe *cmd, uint8_t *data)
{
	struct nvme_id_iocs *id = (void *)data;

	if (CNTID(cmd) != ANY_CNTID && CNTID(cmd) != EMU_CNTLID)
		return EMU_SPECIFIC(NVME_SC_INVALID_CTRL_ID);
	id->iocsc[0] = htole64(1);
	return 0;
}

static uint16_t fill(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint8_t *data)
{
	bool other_csi = CSI(cmd) != NVME_CSI_NVM;

	switch (CNS(cmd)) {
	case NVME_IDENTIFY_CNS_NS:
		return id_ns(ctrl, cmd, false, data);
	case NVME_IDENTIFY_CNS_CTRL:
		nvio_emu_id_ctrl(ctrl, (struct nvme_id_ctrl *)data);
		return 0;
	case NVME_IDENTIFY_CNS_NS_ACTIVE_LIST:
		return ns_list(ctrl, cmd->nsid, false, (uint32_t *)data);
	case NVME_IDENTIFY_CNS_NS_DESC_LIST:
		return descriptors(ctrl, cmd, data);
	case NVME_IDENTIFY_CNS_CSI_NS:
		return id_ns_nvm(ctrl, cmd, false, data);
	case NVME_IDENTIFY_CNS_CSI_CTRL:
		return id_ctrl_nvm(cmd);
	case NVME_IDENTIFY_CNS_CSI_NS_ACTIVE_LIST:
		return other_csi ? NVME_SC_INVALID_FIELD
				 : ns_list(ctrl, cmd->nsid, false, (uint32_t *)data);
	case NVME_IDENTIFY_CNS_CSI_INDEPENDENT_ID_NS:
		return id_ns_independent(ctrl, cmd, data);
	case NVME_IDENTIFY_CNS_ALLOCATED_NS_LIST:
		return ns_list(ctrl, cmd->nsid, true, (uint32_t *)data);
	case NVME_IDENTIFY_CNS_ALLOCATED_NS:
		return id_ns(ctrl, cmd, true, data);
	case NVME_IDENTIFY_CNS_NS_CTRL_LIST:
		return ctrl_list(ctrl, cmd, true, data);
	case NVME_IDENTIFY_CNS_CTRL_LIST:
		return ctrl_list(ctrl, cmd, false, data);
	case NVME_IDENTIFY_CNS_CSI_ALLOCATED_NS_LIST:
		return other_csi ? NVME_SC_INVALID_FIELD
				 : ns_list(ctrl, cmd->nsid, true, (uint32_t *)data);
	case NVME_IDENTIFY_CNS_CSI_ID_NS_DATA_STRUCTURE:
		return id_ns_nvm(ctrl, cmd, true, data);
	case NVME_IDENTIFY_CNS_COMMAND_SET_STRUCTURE:
		return command_sets(cmd, data);
	default:
		return NVME_SC_INVALID_FIELD;
	}
}

uint16_t nvio_emu_identify(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd)
{
	uint8_t data[NVIO_IDENTIFY_LEN] __attribute__((aligned(8))) = { 0 };
	uint16_t status = fill(ctrl, cmd, data);

	if (status)
		return status;
	if (ctrl->faults)
		nvio_emu_fault_identify(ctrl, CNS(cmd), data);
	return nvio_emu_data_answer(ctrl, cmd, data, sizeof(data), sizeof(data));
}
