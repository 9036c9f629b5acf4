/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Namespaces: identified when they are first asked for, then unchanged.
 */
#include <endian.h>
#include <errno.h>
#include <nvme/types.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nvme/ctrl.h"

#define BLOCK_SHIFT_MIN        9
#define BLOCK_SHIFT_MAX        16
#define BLOCKS_PER_COMMAND     65536u
#define FLBAS_EXTENDED         (1u << 4)
#define DPS_TYPE               7u
#define NSATTR_WRITE_PROTECTED 1u

_Static_assert(sizeof(struct nvme_id_ns) == NVIO_IDENTIFY_LEN, "NVM:figure 97");

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

	if (format->ds < BLOCK_SHIFT_MIN || format->ds > BLOCK_SHIFT_MAX)
		return nvio_error(EPROTO, "namespace %u has blocks of 2^%u bytes", nsid,
				  format->ds);
	if (!nr_blocks || nr_blocks > (UINT64_MAX >> format->ds))
		return nvio_error(EPROTO, "namespace %u has a size of %llu blocks", nsid,
				  (unsigned long long)nr_blocks);
	memset(ns, 0, sizeof(*ns));
	ns->info = (struct nvio_ns_info){
		.nsid = nsid,
		.block_len = 1u << format->ds,
		.metadata_len = le16toh(format->ms),
		.max_blocks = (uint32_t)min_u64(max_transfer >> format->ds, BLOCKS_PER_COMMAND),
		.nr_blocks = nr_blocks,
		.capacity = le64toh(id->ncap),
		.used = le64toh(id->nuse),
		.metadata_extended = format->ms && id->flbas & FLBAS_EXTENDED,
		.protection = id->dps & DPS_TYPE,
		.read_only = id->nsattr & NSATTR_WRITE_PROTECTED,
	};
	memcpy(ns->info.eui64, id->eui64, sizeof(ns->info.eui64));
	memcpy(ns->info.nguid, id->nguid, sizeof(ns->info.nguid));
	ns->nr_blocks = nr_blocks;
	ns->nsid = nsid;
	ns->block_shift = format->ds;
	ns->max_blocks = ns->info.metadata_len ? 0 : ns->info.max_blocks;
	return 0;
}

static int identify_ns(struct nvio_ctrl *ctrl, struct nvio_ns *ns, uint32_t nsid)
{
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_IDENTIFY, .nsid = nsid, .cdw10 = NVIO_CNS_NS };
	void *data = malloc(NVIO_IDENTIFY_LEN);
	int err;

	if (!data)
		return nvio_error(ENOMEM, "no memory to identify a namespace");
	err = nvio_admin_must(ctrl, "Identify Namespace",
			      nvio_admin_locked(ctrl, &sqe, data, NVIO_IDENTIFY_LEN, NULL));
	if (!err) {
		err = nvio_ns_parse(ns, nsid, data, ctrl->info.max_transfer);
		ns->ctrl = ctrl;
		if (err)
			nvio_error_prefix("%s", ctrl->info.name);
	}
	free(data);
	return err;
}

static struct nvio_ns *make_ns(struct nvio_ctrl *ctrl, uint32_t nsid)
{
	struct nvio_ns *ns = calloc(1, sizeof(*ns));

	if (!ns) {
		nvio_error(ENOMEM, "no memory for a namespace");
		return NULL;
	}
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
	size_t idx;

	if (nsid == UINT32_MAX)
		return 0;
	idx = find_slot(ctrl, nsid + 1);
	return idx < ctrl->nr_namespaces ? ctrl->namespaces[idx].nsid : 0;
}

struct nvio_ns *nvio_ctrl_ns(struct nvio_ctrl *ctrl, uint32_t nsid)
{
	size_t idx = find_slot(ctrl, nsid);
	struct nvio_ns *ns;

	if (idx == ctrl->nr_namespaces || ctrl->namespaces[idx].nsid != nsid) {
		nvio_error(ENOENT, "%s has no active namespace %u", ctrl->info.name, nsid);
		return NULL;
	}
	pthread_mutex_lock(&ctrl->lock);
	ns = ctrl->namespaces[idx].ns;
	if (!ns)
		ns = ctrl->namespaces[idx].ns = make_ns(ctrl, nsid);
	pthread_mutex_unlock(&ctrl->lock);
	return ns;
}

int nvio_ns_get_info(const struct nvio_ns *ns, struct nvio_ns_info *out, size_t size)
{
	return nvio_give_info(out, size, &ns->info, sizeof(ns->info));
}

void nvio_ns_free_all(struct nvio_ctrl *ctrl)
{
	for (size_t i = 0; i < ctrl->nr_namespaces; i++)
		free(ctrl->namespaces[i].ns);
	free(ctrl->namespaces);
	ctrl->namespaces = NULL;
	ctrl->nr_namespaces = 0;
}
