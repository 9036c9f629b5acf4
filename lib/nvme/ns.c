/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Namespaces: identified when they are first asked for. What of them changes later is rescan.c's.
 */
#include <endian.h>
#include <errno.h>
#include <nvme/types.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nvme/ctrl.h"
#include "nvme/pi.h"

#define BLOCK_SHIFT_MIN        9
#define BLOCK_SHIFT_MAX        16
#define BLOCKS_PER_COMMAND     65536u
#define FLBAS_EXTENDED         (1u << 4)
#define DPS_TYPE               7u
#define DPS_TYPE_MAX           3u
#define DPS_FIRST              (1u << 3)
#define NSATTR_WRITE_PROTECTED 1u

/* Bits that no block's number has: there are less than 2^64 bytes, in blocks of 2^9 or more. */
#define SLBA_BEYOND (~(UINT64_MAX >> BLOCK_SHIFT_MIN))

/* Extended LBA formats (NVM:figure 101), and the qualified type, which revision 1.1 adds. */
#define ELBAF_STS_SHIFT  0
#define ELBAF_STS_MASK   0x7fu
#define ELBAF_PIF_SHIFT  7
#define ELBAF_PIF_MASK   3u
#define ELBAF_QPIF_SHIFT 9
#define ELBAF_QPIF_MASK  0xfu
#define PIF_QUALIFIED    3u
#define PIC_QUALIFIED    (1u << 3)

_Static_assert(sizeof(struct nvme_id_ns) == NVIO_IDENTIFY_LEN, "NVM:figure 97");
_Static_assert(sizeof(struct nvme_nvm_id_ns) == NVIO_IDENTIFY_LEN, "NVM:figure 100");

/* Bits 3:0 of FLBAS, and 6:5 above them where there are more than 16 formats (NVM:4.1.5.1). */
static unsigned int format_idx(const struct nvme_id_ns *id)
{
	unsigned int nr_formats = id->nlbaf + 1u + id->nulbaf, idx = id->flbas & 0xfu;

	if (nr_formats > 16)
		idx |= (id->flbas >> 1) & 0x30u;
	return idx;
}

int nvio_ns_parse(struct nvio_ns *ns, uint32_t nsid, const void *data, uint32_t max_transfer)
{
	const struct nvme_id_ns *id = data;
	const struct nvme_lbaf *format = &id->lbaf[format_idx(id)];
	uint64_t nr_blocks = le64toh(id->nsze);
	const bool extended = format->ms && id->flbas & FLBAS_EXTENDED;
	uint32_t transfer_len; /* of a block */

	if (format->ds < BLOCK_SHIFT_MIN || format->ds > BLOCK_SHIFT_MAX)
		return nvio_error(EPROTO, "namespace %u has blocks of 2^%u bytes", nsid,
				  format->ds);
	if (!nr_blocks || nr_blocks > (UINT64_MAX >> format->ds))
		return nvio_error(EPROTO, "namespace %u has a size of %llu blocks", nsid,
				  (unsigned long long)nr_blocks);
	transfer_len = (1u << format->ds) + (extended ? le16toh(format->ms) : 0);
	if (transfer_len > max_transfer)
		return nvio_error(EPROTO,
				  "namespace %u has blocks of %u bytes, and commands transfer %u "
				  "at most",
				  nsid, transfer_len, max_transfer);
	memset(ns, 0, sizeof(*ns));
	ns->info = (struct nvio_ns_info){
		.nsid = nsid,
		.block_len = 1u << format->ds,
		.metadata_len = le16toh(format->ms),
		.max_blocks = (uint32_t)min_u64(max_transfer / transfer_len, BLOCKS_PER_COMMAND),
		.nr_blocks = nr_blocks,
		.capacity = le64toh(id->ncap),
		.used = le64toh(id->nuse),
		.metadata_extended = extended,
		.protection = id->dps & DPS_TYPE,
		.read_only = id->nsattr & NSATTR_WRITE_PROTECTED,
	};
	memcpy(ns->info.eui64, id->eui64, sizeof(ns->info.eui64));
	memcpy(ns->info.nguid, id->nguid, sizeof(ns->info.nguid));
	ns->boundary = le16toh(id->noiob);
	ns->copy_max = le32toh(id->mcl);
	ns->copy_range_max = le16toh(id->mssrl);
	ns->copy_ranges = id->msrc + 1u;
	nvio_ns_prepare(ns);
	return 0;
}

/*
 * The short way takes blocks between multiples of a power of two: where the boundary is one, that;
 * where it is some other number, the largest that divides it; where commands are smaller than
 * either, the largest that they can be.
 */
static uint64_t short_len(const struct nvio_ns *ns)
{
	uint32_t largest = ns->info.max_blocks;
	uint32_t power = ns->boundary & -ns->boundary;

	return power <= largest ? power : 1ull << (31 - __builtin_clz(largest));
}

void nvio_ns_prepare(struct nvio_ns *ns)
{
	ns->nsid = ns->info.nsid;
	ns->block_len = ns->info.block_len;
	ns->last_block = ns->info.nr_blocks - 1;
	ns->read_word0 = NVIO_NVM_READ | (uint64_t)ns->nsid << 32;
	ns->write_word0 = NVIO_NVM_WRITE | (uint64_t)ns->nsid << 32;
	ns->max_blocks = ns->info.max_blocks;
	ns->boundary_mask = SLBA_BEYOND;
	if (ns->info.metadata_len) {
		ns->max_blocks = 0;
	} else if (ns->boundary && ns->info.max_blocks) {
		ns->max_blocks = short_len(ns);
		ns->boundary_mask |= ns->max_blocks - 1;
	}
}

/* What protection information looks like with an index of PIF (NVM:5.2.1, figure 101). */
struct pi_kind {
	uint8_t guard_bits;
	uint8_t sts_min;
	uint8_t sts_max;
};

static const struct pi_kind pi_kinds[] = { { 16, 0, 32 }, { 32, 16, 64 }, { 64, 0, 48 } };

/* Fills in the guard and the storage tag. */
static int parse_elbaf(struct nvio_ns_info *info, const struct nvme_nvm_id_ns *nvm,
		       unsigned int idx)
{
	uint32_t elbaf = le32toh(nvm->elbaf[idx]), pif = FIELD_GET(ELBAF_PIF, elbaf);
	uint8_t sts = FIELD_GET(ELBAF_STS, elbaf);

	if (pif == PIF_QUALIFIED && nvm->pic & PIC_QUALIFIED)
		pif = FIELD_GET(ELBAF_QPIF, elbaf);
	if (pif >= ARRAY_LEN(pi_kinds))
		return nvio_error(
			EPROTO, "namespace %u has protection information of the unknown format %u",
			info->nsid, pif);
	info->guard_bits = pi_kinds[pif].guard_bits;
	if (sts < pi_kinds[pif].sts_min || sts > pi_kinds[pif].sts_max)
		return nvio_error(EPROTO,
				  "namespace %u has a storage tag of %u bits with a guard of %u",
				  info->nsid, sts, info->guard_bits);
	info->storage_tag_bits = sts;
	if (sts)
		info->storage_tag_mask = le64toh(nvm->lbstm) & UINT64_MAX >> (64 - sts);
	return 0;
}

int nvio_ns_parse_pi(struct nvio_ns *ns, const void *data, const void *nvm)
{
	const struct nvme_id_ns *id = data;
	struct nvio_ns_info *info = &ns->info;
	int err;

	if (info->protection > DPS_TYPE_MAX)
		return nvio_error(EPROTO,
				  "namespace %u has protection information of the unknown type %u",
				  info->nsid, info->protection);
	info->guard_bits = pi_kinds[0].guard_bits;
	if (nvm) {
		err = parse_elbaf(info, nvm, format_idx(id));
		if (err)
			return err;
	}
	info->pi_len = (uint8_t)nvio_pi_len(info->guard_bits);
	if (info->metadata_len < info->pi_len)
		return nvio_error(EPROTO,
				  "namespace %u has %u bytes of protection information in %u of "
				  "metadata",
				  info->nsid, info->pi_len, info->metadata_len);
	if (!(id->dps & DPS_FIRST))
		info->pi_offset = (uint16_t)(info->metadata_len - info->pi_len);
	info->pi_alone = info->metadata_len == info->pi_len;
	return 0;
}

/* A wrong guess here would be a wrong guard in every block: what the controller should say of its
 * formats it must. */
static int identify_pi(struct nvio_ctrl *ctrl, struct nvio_ns *ns, const void *data)
{
	void *nvm;
	int err;

	if (!ctrl->extended_formats)
		return nvio_ns_parse_pi(ns, data, NULL);
	nvm = malloc(NVIO_IDENTIFY_LEN);
	if (!nvm)
		return nvio_error(ENOMEM, "no memory to identify a namespace");
	err = nvio_admin_must(ctrl, "Identify Namespace (NVM command set)",
			      nvio_identify(ctrl, NVIO_CNS_NVM_NS, ns->nsid, nvm));
	if (!err)
		err = nvio_ns_parse_pi(ns, data, nvm);
	free(nvm);
	return err;
}

static int identify_ns(struct nvio_ctrl *ctrl, struct nvio_ns *ns, uint32_t nsid)
{
	void *data = malloc(NVIO_IDENTIFY_LEN);
	int err;

	if (!data)
		return nvio_error(ENOMEM, "no memory to identify a namespace");
	err = nvio_admin_must(ctrl, "Identify Namespace",
			      nvio_identify(ctrl, NVIO_CNS_NS, nsid, data));
	if (err)
		goto free_data;
	err = nvio_ns_parse(ns, nsid, data, ctrl->info.max_transfer);
	if (!err && ns->info.protection)
		err = identify_pi(ctrl, ns, data);
	if (err == -EPROTO)
		nvio_error_prefix("%s", ctrl->info.name);
	ns->ctrl = ns->owner = ctrl;

free_data:
	free(data);
	return err;
}

struct nvio_ns *nvio_ns_make(struct nvio_ctrl *ctrl, uint32_t nsid)
{
	/* The I/O path reads it: its line is nobody else's to write. */
	size_t len = align_up(sizeof(struct nvio_ns), CACHE_LINE);
	struct nvio_ns *ns = aligned_alloc(CACHE_LINE, len);

	if (!ns) {
		nvio_error(ENOMEM, "no memory for a namespace");
		return NULL;
	}
	memset(ns, 0, len);
	if (identify_ns(ctrl, ns, nsid)) {
		free(ns);
		return NULL;
	}
	return ns;
}

/* Index of the first active namespace with an identifier of at least @nsid. */
static size_t find_slot(const struct nvio_ctrl *ctrl, uint32_t nsid)
{
	size_t low = 0, high = ctrl->nr_namespaces;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ctrl->namespaces[middle].nsid >= nsid)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

uint32_t nvio_ctrl_next_nsid(struct nvio_ctrl *ctrl, uint32_t nsid)
{
	uint32_t next = 0;
	size_t idx;

	if (nsid == UINT32_MAX)
		return 0;
	pthread_mutex_lock(&ctrl->ns_lock);
	idx = find_slot(ctrl, nsid + 1);
	if (idx < ctrl->nr_namespaces)
		next = ctrl->namespaces[idx].nsid;
	pthread_mutex_unlock(&ctrl->ns_lock);
	return next;
}

/* With the lock held; NULL where there is none. */
static struct nvio_ns_slot *active_slot(struct nvio_ctrl *ctrl, uint32_t nsid)
{
	size_t idx = find_slot(ctrl, nsid);

	if (idx < ctrl->nr_namespaces && ctrl->namespaces[idx].nsid == nsid)
		return &ctrl->namespaces[idx];
	nvio_error(ENOENT, "%s has no active namespace %u", ctrl->info.name, nsid);
	return NULL;
}

struct nvio_ns *nvio_ctrl_ns(struct nvio_ctrl *ctrl, uint32_t nsid)
{
	struct nvio_ns_slot *slot;
	struct nvio_ns *ns;

	pthread_mutex_lock(&ctrl->lock);
	slot = active_slot(ctrl, nsid);
	if (slot && !slot->ns) {
		/* It has to be asked, and may sleep. */
		pthread_mutex_unlock(&ctrl->lock);
		nvio_ctrl_claim(ctrl);
		slot = active_slot(ctrl, nsid);
	}
	if (slot && !slot->ns)
		slot->ns = nvio_ns_make(ctrl, nsid);
	ns = slot ? slot->ns : NULL;
	pthread_mutex_unlock(&ctrl->lock);
	return ns;
}

int nvio_ns_get_info(const struct nvio_ns *ns, struct nvio_ns_info *out, size_t size)
{
	struct nvio_ns_info info;

	pthread_mutex_lock(&ns->owner->ns_lock);
	info = ns->info;
	pthread_mutex_unlock(&ns->owner->ns_lock);
	return nvio_give_info(out, size, &info, sizeof(info));
}

int nvio_ns_refuse(const struct nvio_ns *ns, const struct nvio_qpair *qpair)
{
	if (ns->owner != qpair->ctrl)
		return nvio_error(EINVAL,
				  "namespace %u is of another controller than queue pair %u",
				  ns->nsid, qpair->qid);
	return nvio_error(ESTALE,
			  "namespace %u of %s is not there any more, or not the same: "
			  "nvio_ctrl_ns() knows what is",
			  ns->nsid, ns->owner->info.name);
}

void nvio_ns_free_all(struct nvio_ctrl *ctrl)
{
	for (size_t i = 0; i < ctrl->nr_namespaces; i++)
		free(ctrl->namespaces[i].ns);
	while (ctrl->ended) {
		struct nvio_ns *ns = ctrl->ended;

		ctrl->ended = ns->next_ended;
		free(ns);
	}
	free(ctrl->namespaces);
	ctrl->namespaces = NULL;
	ctrl->nr_namespaces = 0;
}
