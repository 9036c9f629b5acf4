/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that are not of blocks in a row: lists of ranges, and those that only the caller knows.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "nvme/command.h"
#include "nvme/request.h"

#define RANGES_MAX 256u
#define DSM_ENTRY  16u /* bytes (NVM:figure 40) */
#define COPY_ENTRY 32u /* (NVM:figure 35) */

/* A command whose list of ranges lies in the list memory of its tracker. */
static int queue_list(struct nvio_qpair *qpair, struct nvio_tracker *t, struct nvio_sqe *sqe,
		      uint32_t flags, uint64_t user_data)
{
	sqe->prp1 = nvio_tracker_prps(qpair, t).list_iova;
	return nvio_command_post(qpair, sqe, flags, user_data);
}

/* Bytes of a list: in the list memory of a tracker, and within a page. */
static uint32_t list_room(const struct nvio_qpair *qpair)
{
	return (uint32_t)min_u64(qpair->list_len, qpair->page_mask + 1);
}

unsigned int nvio_dsm_max_ranges(const struct nvio_qpair *qpair)
{
	uint32_t limit = qpair->ctrl->dsm_ranges;

	return (unsigned int)min_u64(list_room(qpair) / DSM_ENTRY, limit ? limit : RANGES_MAX);
}

static int check_ranges(const struct nvio_qpair *qpair, const struct nvio_ns *ns,
			const struct nvio_range *ranges, unsigned int nr, unsigned int max)
{
	const uint64_t last_block = NVIO_LOOK(ns->last_block);

	if (NVIO_LOOK(ns->ctrl) != qpair->ctrl)
		return nvio_ns_refuse(ns, qpair);
	if (!nr || nr > max)
		return nvio_error(EINVAL, "%u ranges: a command takes 1 to %u", nr, max);
	for (unsigned int i = 0; i < nr; i++) {
		if (!ranges[i].nr_blocks || ranges[i].slba > last_block ||
		    ranges[i].nr_blocks - 1 > last_block - ranges[i].slba)
			return nvio_error(EINVAL,
					  "range %u, blocks %llu + %u, is empty or beyond "
					  "namespace %u",
					  i, (unsigned long long)ranges[i].slba,
					  ranges[i].nr_blocks, ns->nsid);
	}
	return 0;
}

static int check_dsm(const struct nvio_qpair *qpair, const struct nvio_ns *ns,
		     const struct nvio_range *ranges, unsigned int nr)
{
	const struct nvio_ctrl *ctrl = qpair->ctrl;
	uint64_t total = 0, largest = 0;
	int err = check_ranges(qpair, ns, ranges, nr, nvio_dsm_max_ranges(qpair));

	if (err)
		return err;
	for (unsigned int i = 0; i < nr; i++) {
		total += ranges[i].nr_blocks;
		largest = max_u64(largest, ranges[i].nr_blocks);
	}
	if ((ctrl->dsm_max && total > ctrl->dsm_max) ||
	    (ctrl->dsm_range_max && largest > ctrl->dsm_range_max))
		return nvio_error(EINVAL,
				  "dataset management of %llu blocks with %llu in a range: %s "
				  "takes up to %llu (DMSL) and %u (DMRSL); 0 is any number",
				  (unsigned long long)total, (unsigned long long)largest,
				  ctrl->info.name, (unsigned long long)ctrl->dsm_max,
				  ctrl->dsm_range_max);
	return 0;
}

int nvio_dsm(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct nvio_range *ranges,
	     unsigned int nr_ranges, unsigned int attributes, uint64_t user_data)
{
	struct nvio_tracker *t = qpair->free;
	struct nvio_sqe sqe = { .opcode = NVIO_NVM_DATASET_MANAGEMENT,
				.nsid = ns->nsid,
				.cdw10 = nr_ranges - 1,
				.cdw11 = attributes };
	uint64_t *entry;
	int err;

	if (!t)
		return nvio_no_slot(qpair);
	if (!(qpair->ctrl->oncs & NVIO_ONCS_DSM))
		return nvio_error(ENOTSUP, "%s has no dataset management", qpair->ctrl->info.name);
	err = check_dsm(qpair, ns, ranges, nr_ranges);
	if (err)
		return err;
	entry = nvio_tracker_prps(qpair, t).entries;
	for (unsigned int i = 0; i < nr_ranges; i++) {
		*entry++ = (uint64_t)ranges[i].nr_blocks << 32 | ranges[i].attributes;
		*entry++ = ranges[i].slba;
	}
	return queue_list(qpair, t, &sqe, 0, user_data);
}

unsigned int nvio_copy_max_ranges(const struct nvio_qpair *qpair, const struct nvio_ns *ns)
{
	if (!(qpair->ctrl->oncs & NVIO_ONCS_COPY) || ns->info.protection)
		return 0;
	return (unsigned int)min_u64(list_room(qpair) / COPY_ENTRY, ns->copy_ranges);
}

static int check_copy(const struct nvio_qpair *qpair, const struct nvio_ns *ns, uint64_t slba,
		      const struct nvio_range *ranges, unsigned int nr)
{
	const uint64_t last_block = NVIO_LOOK(ns->last_block);
	uint64_t total = 0;
	int err = check_ranges(qpair, ns, ranges, nr, nvio_copy_max_ranges(qpair, ns));

	if (err)
		return err;
	for (unsigned int i = 0; i < nr; i++) {
		if (ranges[i].nr_blocks > ns->copy_range_max)
			return nvio_error(EINVAL,
					  "range %u of a copy has %u blocks, namespace %u takes up "
					  "to %u (MSSRL)",
					  i, ranges[i].nr_blocks, ns->nsid, ns->copy_range_max);
		total += ranges[i].nr_blocks;
	}
	if (total > ns->copy_max || slba > last_block || total - 1 > last_block - slba)
		return nvio_error(EINVAL,
				  "a copy of %llu blocks to %llu: namespace %u has %llu and takes "
				  "up to %u at once (MCL)",
				  (unsigned long long)total, (unsigned long long)slba, ns->nsid,
				  (unsigned long long)last_block + 1, ns->copy_max);
	return 0;
}

int nvio_copy(struct nvio_qpair *qpair, struct nvio_ns *ns, uint64_t slba,
	      const struct nvio_range *ranges, unsigned int nr_ranges, unsigned int flags,
	      uint64_t user_data)
{
	struct nvio_tracker *t = qpair->free;
	struct nvio_sqe sqe = { .opcode = NVIO_NVM_COPY,
				.nsid = ns->nsid,
				.cdw10 = (uint32_t)slba,
				.cdw11 = (uint32_t)(slba >> 32),
				.cdw12 = (nr_ranges - 1) | flags << 30 };
	uint64_t *entry;
	int err;

	if (!t)
		return nvio_no_slot(qpair);
	if (!(qpair->ctrl->oncs & NVIO_ONCS_COPY))
		return nvio_error(ENOTSUP, "%s has no copy command", qpair->ctrl->info.name);
	/* As they are, blocks would have the reference tags of other places. */
	if (ns->info.protection)
		return nvio_error(ENOTSUP,
				  "blocks of namespace %u have protection information, which a "
				  "copy does not make anew: read and write them",
				  ns->nsid);
	if (flags & ~(unsigned int)(NVIO_IO_FUA | NVIO_IO_LIMITED_RETRY))
		return nvio_error(EINVAL, "0x%x are no flags of a copy", flags);
	err = check_copy(qpair, ns, slba, ranges, nr_ranges);
	if (err)
		return err;
	entry = nvio_tracker_prps(qpair, t).entries;
	for (unsigned int i = 0; i < nr_ranges; i++) {
		entry[0] = 0;
		entry[1] = ranges[i].slba;
		entry[2] = ranges[i].nr_blocks - 1;
		entry[3] = 0;
		entry += 4;
	}
	return queue_list(qpair, t, &sqe, NVIO_TRACKER_ONCE, user_data);
}

int nvio_passthrough(struct nvio_qpair *qpair, const struct nvio_sqe *cmd, const struct iovec *iov,
		     uint32_t nr_iov, void *metadata, size_t metadata_len, unsigned int flags,
		     uint64_t user_data)
{
	struct nvio_request request = {
		.sqe = *cmd,
		.user_data = user_data,
		.state = flags & NVIO_IO_REPEATABLE ? 0 : NVIO_TRACKER_ONCE,
		.data = { iov, nr_iov, 0, 0 },
		.metadata = (uintptr_t)metadata,
		.metadata_len = (uint32_t)metadata_len,
	};
	uint32_t max;

	if (flags & ~(unsigned int)NVIO_IO_REPEATABLE)
		return nvio_error(EINVAL, "0x%x are no flags of a passthrough", flags);
	/* Where its data lies is said by what was looked up, and by nothing else. */
	request.sqe.flags &= (uint8_t)~NVIO_PSDT_MASK;
	request.sqe.mptr = request.sqe.prp1 = request.sqe.prp2 = 0;
	/* What a tracker's list memory is made for. */
	max = qpair->ctrl->info.max_transfer;
	if (metadata_len > NVIO_TRANSFER_MAX || (nr_iov && nvio_data_len(&request.data) > max))
		return nvio_error(EINVAL, "more than %u bytes in one command of %s", max,
				  qpair->ctrl->info.name);
	if (cmd->opcode & NVIO_OPCODE_TO_DEVICE)
		request.data.rights |= NVIO_DMA_READ;
	if (cmd->opcode & NVIO_OPCODE_FROM_DEVICE)
		request.data.rights |= NVIO_DMA_WRITE;
	if (!request.data.rights && (nr_iov || metadata))
		return nvio_error(EINVAL, "opcode 0x%02x transfers no data", cmd->opcode);
	return nvio_request_queue(qpair, &request);
}
