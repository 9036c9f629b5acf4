/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the controller says of itself and of a namespace, in Identify.
 *
 * Nothing is promised here that the commands do not keep.
 */
#include <stdio.h>
#include <string.h>

#include "identify.h"

#define VERSION_2_0 0x00020000u

/* SGLs without alignment, bit buckets, longer than the data; metadata by SGL or at any byte. */
#define SGLS                                                                 \
	(1u | NVME_CTRL_SGLS_BIT_BUCKET | NVME_CTRL_SGLS_MPTR_BYTE_ALIGNED | \
	 NVME_CTRL_SGLS_OVERSIZE | NVME_CTRL_SGLS_MPTR_SGL)

#define ONCS                                                                                     \
	(NVME_CTRL_ONCS_COMPARE | NVME_CTRL_ONCS_WRITE_UNCORRECTABLE | NVME_CTRL_ONCS_DSM |      \
	 NVME_CTRL_ONCS_WRITE_ZEROES | NVME_CTRL_ONCS_SAVE_FEATURES | NVME_CTRL_ONCS_TIMESTAMP | \
	 NVME_CTRL_ONCS_VERIFY | NVME_CTRL_ONCS_COPY)

/* Deallocated blocks read as zero, and Write Zeroes deallocates when asked to (NVM: figure 97). */
#define DLFEAT (1u | 1u << 3)

#define SHUTDOWN_US    1000000u
#define KAS            10u /* units of 100 ms */
#define WHOLE_TRANSFER 0xffffu /* every write is atomic: one thread does them */

_Static_assert(sizeof(struct nvme_id_ctrl) == NVIO_IDENTIFY_LEN, "figure 276");
_Static_assert(sizeof(struct nvme_id_ns) == NVIO_IDENTIFY_LEN, "NVM: figure 97");
_Static_assert(sizeof(struct nvme_nvm_id_ns) == NVIO_IDENTIFY_LEN, "NVM: figure 100");
_Static_assert(sizeof(struct nvme_id_ctrl_nvm) == NVIO_IDENTIFY_LEN, "NVM: figure 102");
_Static_assert(sizeof(struct nvme_id_independent_id_ns) == NVIO_IDENTIFY_LEN, "figure 280");

/* Texts in Identify are padded with blanks. */
static void put_text(char *out, size_t len, const char *text)
{
	size_t n = strnlen(text, len);

	memset(out, ' ', len);
	memcpy(out, text, n);
}

/* FNV-1a: the same serial number and namespace have the same identifiers every time. */
static uint64_t hash(const char *text, uint64_t salt)
{
	uint64_t value = 0xcbf29ce484222325ull ^ salt * 0x9e3779b97f4a7c15ull;

	while (*text)
		value = (value ^ (uint8_t)*text++) * 0x100000001b3ull;
	return value ^ value >> 29;
}

static void put_u64(uint8_t *out, uint64_t value)
{
	value = htole64(value);
	memcpy(out, &value, sizeof(value));
}

static uint64_t unallocated(const struct emu_ctrl *ctrl)
{
	uint64_t used = 0;

	for (unsigned int i = 0; i < EMU_NS_MAX; i++)
		if (ctrl->ns[i].nsid)
			used += ctrl->ns[i].capacity;
	return ctrl->capacity > used ? ctrl->capacity - used : 0;
}

static void put_uuid_name(const struct emu_ctrl *ctrl, char *out, size_t len)
{
	uint64_t a = hash(ctrl->opts.serial, 1), b = hash(ctrl->opts.serial, 2);

	snprintf(out, len, "nqn.2014-08.org.nvmexpress:uuid:%08x-%04x-4%03x-8%03x-%012llx",
		 (uint32_t)(a >> 32), (uint16_t)(a >> 16), (unsigned int)(a & 0xfff),
		 (unsigned int)(b >> 48 & 0xfff), (unsigned long long)(b & 0xffffffffffffull));
}

static void put_admin_limits(const struct emu_ctrl *ctrl, struct nvme_id_ctrl *id)
{
	id->oacs = htole16(NVME_CTRL_OACS_FORMAT | NVME_CTRL_OACS_NS_MGMT |
			   (ctrl->opts.shadow ? NVME_CTRL_OACS_DBBUF_CFG : 0));
	id->acl = EMU_ABORT_MAX - 1;
	id->aerl = EMU_AER_MAX - 1;
	id->oaes = htole32(NVME_CTRL_OAES_NA);
	/* The formats with wider guards are told by their PIF (NVM: 5.2.1). */
	id->ctratt = htole32(NVME_CTRL_CTRATT_ELBAS);
	id->frmw = NVME_CTRL_FRMW_1ST_RO | 1 << 1;
	id->lpa = NVME_CTRL_LPA_CMD_EFFECTS | NVME_CTRL_LPA_EXTENDED |
		  NVME_CTRL_LPA_LI0_LI5_LI12_LI13;
	id->elpe = EMU_ERRORS - 1;
	id->wctemp = htole16(EMU_WARM);
	id->cctemp = htole16(EMU_HOT);
	id->kas = htole16(KAS);
	id->rtd3r = htole32(SHUTDOWN_US);
	id->rtd3e = htole32(SHUTDOWN_US);
}

void nvio_emu_id_ctrl(const struct emu_ctrl *ctrl, struct nvme_id_ctrl *id)
{
	id->vid = htole16(EMU_VENDOR);
	id->ssvid = htole16(EMU_VENDOR);
	put_text(id->sn, sizeof(id->sn), ctrl->opts.serial);
	put_text(id->mn, sizeof(id->mn), ctrl->opts.model);
	put_text(id->fr, sizeof(id->fr), ctrl->opts.firmware);
	id->rab = EMU_BURST_LOG2;
	id->mdts = ctrl->opts.mdts;
	id->cntlid = htole16(EMU_CNTLID);
	id->ver = htole32(VERSION_2_0);
	id->cntrltype = NVME_CTRL_CNTRLTYPE_IO;
	put_admin_limits(ctrl, id);
	id->hmpre = htole32(ctrl->opts.hmb / EMU_DMA_PAGE);
	id->hmmin = htole32(ctrl->opts.hmb / 2 / EMU_DMA_PAGE);
	put_u64(id->tnvmcap, ctrl->capacity);
	put_u64(id->unvmcap, unallocated(ctrl));
	id->sqes = NVIO_SQE_SHIFT << 4 | NVIO_SQE_SHIFT;
	id->cqes = NVIO_CQE_SHIFT << 4 | NVIO_CQE_SHIFT;
	id->maxcmd = htole16(ctrl->opts.queue_entries);
	id->nn = htole32(EMU_NS_MAX);
	id->mnan = htole32(EMU_NS_MAX);
	id->oncs = htole16(ONCS);
	id->fuses = htole16(NVME_CTRL_FUSES_COMPARE_AND_WRITE);
	id->fna = NVME_CTRL_FNA_CRYPTO_ERASE;
	/* Flush takes the broadcast namespace (7.1). */
	id->vwc = (ctrl->opts.vwc ? NVME_CTRL_VWC_PRESENT : 0) | NVME_CTRL_VWC_FLUSH;
	id->awun = htole16(WHOLE_TRANSFER);
	id->acwu = htole16(WHOLE_TRANSFER);
	id->ocfs = htole16(3);
	id->sgls = htole32(SGLS);
	put_uuid_name(ctrl, id->subnqn, sizeof(id->subnqn));
	nvio_emu_power_id(ctrl, id);
}

/* One identifier in two forms: NGUID, whose last 8 bytes are EUI-64. */
static void put_ids(const struct emu_ctrl *ctrl, const struct emu_ns *ns, uint8_t nguid[16])
{
	put_u64(nguid, hash(ctrl->opts.serial, ns->nsid + 100));
	put_u64(nguid + 8, hash(ctrl->opts.serial, ns->nsid + 1000));
}

void nvio_emu_id_ns(const struct emu_ctrl *ctrl, const struct emu_ns *ns, struct nvme_id_ns *id)
{
	id->nlbaf = (uint8_t)(ctrl->nr_lbafs - 1);
	for (unsigned int i = 0; i < ctrl->nr_lbafs; i++) {
		id->lbaf[i].ds = ctrl->lbafs[i].lba_shift;
		id->lbaf[i].ms = htole16(ctrl->lbafs[i].md_len);
		id->lbaf[i].rp = ctrl->lbafs[i].md_len ? NVME_LBAF_RP_GOOD : NVME_LBAF_RP_BEST;
	}
	id->mc = NVME_NS_MC_EXTENDED | NVME_NS_MC_SEPARATE;
	id->dpc = NVME_NS_DPC_PI_TYPE1 | NVME_NS_DPC_PI_TYPE2 | NVME_NS_DPC_PI_TYPE3 |
		  NVME_NS_DPC_PI_FIRST | NVME_NS_DPC_PI_LAST;
	id->dlfeat = DLFEAT;
	id->mssrl = htole16(EMU_COPY_BLOCKS);
	id->mcl = htole32(EMU_COPY_BLOCKS);
	id->msrc = EMU_COPY_RANGES - 1;
	if (!ns)
		return;
	id->nsze = htole64(ns->nr_blocks);
	id->ncap = id->nsze;
	id->nuse = id->nsze;
	id->flbas = ns->lbaf | (ns->extended ? NVME_NS_FLBAS_META_EXT : 0);
	id->dps = ns->pi | (ns->pi_first ? NVME_NS_DPS_PI_FIRST : 0);
	put_u64(id->nvmcap, ns->capacity);
	put_ids(ctrl, ns, id->nguid);
	memcpy(id->eui64, id->nguid + 8, sizeof(id->eui64));
}

void nvio_emu_id_ns_nvm(const struct emu_ctrl *ctrl, struct nvme_nvm_id_ns *id)
{
	/* 16-bit guard formats may hold their tuple anywhere in the metadata (PIC). */
	id->pic = 1;
	id->lbstm = htole64(UINT64_MAX);
	/* And the bits of the storage tag. */
	for (unsigned int i = 0; i < ctrl->nr_lbafs; i++)
		id->elbaf[i] = htole32((uint32_t)ctrl->lbafs[i].pif << 7 |
				       (ctrl->lbafs[i].pif == 1 ? 16 : 0));
}

static uint8_t *put_descriptor(uint8_t *out, uint8_t type, const void *id, uint8_t len)
{
	out[0] = type;
	out[1] = len;
	memcpy(out + 4, id, len);
	return out + 4 + len;
}

/* Namespace Identification Descriptors (figure 277). */
void nvio_emu_ns_descriptors(const struct emu_ctrl *ctrl, const struct emu_ns *ns, uint8_t *data)
{
	static const uint8_t csi = NVME_CSI_NVM;
	uint8_t nguid[16], uuid[16];

	put_ids(ctrl, ns, nguid);
	put_u64(uuid, hash(ctrl->opts.serial, ns->nsid + 10000));
	put_u64(uuid + 8, hash(ctrl->opts.serial, ns->nsid + 20000));
	/* RFC 9562: version 8, the variant of that document. */
	uuid[6] = (uuid[6] & 0xf) | 0x80;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	data = put_descriptor(data, NVME_NIDT_EUI64, nguid + 8, NVME_NIDT_EUI64_LEN);
	data = put_descriptor(data, NVME_NIDT_NGUID, nguid, NVME_NIDT_NGUID_LEN);
	data = put_descriptor(data, NVME_NIDT_UUID, uuid, NVME_NIDT_UUID_LEN);
	put_descriptor(data, NVME_NIDT_CSI, &csi, NVME_NIDT_CSI_LEN);
}
