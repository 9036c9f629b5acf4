/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that are not of blocks in a row: lists of ranges, and those that only the caller knows.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "nvme/command.h"
#include "nvme/pi.h"
#include "nvme/request.h"

#define RANGES_MAX      256u
#define DSM_ENTRY       16u /* bytes (NVM:figure 40) */
#define COPY_ENTRY      32u /* (NVM:figures 35 and 36) */
#define COPY_ENTRY_WIDE 40u

/* Dword 12 of Copy, where it is not as in other commands (NVM:figure 33). */
#define COPY_FORMAT_WIDE   (1u << 8)
#define COPY_PRINFOR_SHIFT 12
#define COPY_STCR          (1u << 25)

#define COPY_CHECKS                                                                   \
	((unsigned int)(NVIO_IO_CHECK_REF | NVIO_IO_CHECK_APP | NVIO_IO_CHECK_GUARD | \
			NVIO_IO_CHECK_STORAGE))
#define COPY_FLAGS \
	(COPY_CHECKS | (unsigned int)(NVIO_IO_FUA | NVIO_IO_LIMITED_RETRY | NVIO_IO_PRACT))

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

/* Source ranges of a copy come in two formats: with the tags of a guard of 16 bits, or with 80 bits
 * of them and of any guard that is wider (NVM:figures 35 and 36). */
static bool is_wide(const struct nvio_ns *ns)
{
	return ns->info.pi_len > nvio_pi_len(16);
}

static uint32_t copy_entry_len(const struct nvio_ns *ns)
{
	return is_wide(ns) ? COPY_ENTRY_WIDE : COPY_ENTRY;
}

static bool can_copy(const struct nvio_ctrl *ctrl, const struct nvio_ns *ns)
{
	return ctrl->oncs & NVIO_ONCS_COPY && (!is_wide(ns) || ctrl->copy_formats & NVIO_OCFS_WIDE);
}

unsigned int nvio_copy_max_ranges(const struct nvio_qpair *qpair, const struct nvio_ns *ns)
{
	if (!can_copy(qpair->ctrl, ns))
		return 0;
	return (unsigned int)min_u64(list_room(qpair) / copy_entry_len(ns), ns->copy_ranges);
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

static int check_copy_flags(const struct nvio_copy_io *copy)
{
	if (copy->flags & ~COPY_FLAGS || copy->range_flags & ~COPY_CHECKS ||
	    copy->directive > NVIO_DIRECTIVE_MAX)
		return nvio_error(
			EINVAL,
			"0x%x and 0x%x are no flags of a copy and of what it reads, or %u "
			"is no directive",
			copy->flags, copy->range_flags, copy->directive);
	return 0;
}

/* Where blocks come from and what tags they have there, those in the order of their bytes. Returns
 * the next entry's place. */
static uint64_t *put_copy_range(const struct nvio_ns *ns, const struct nvio_range *range,
				const struct nvio_pi_tags *tags, uint64_t *entry)
{
	struct nvio_sqe sqe = { 0 };
	uint64_t app;

	if (ns->info.protection)
		nvio_pi_to_sqe(&ns->info, tags, &sqe);
	app = (uint64_t)sqe.cdw15 << 32;
	*entry++ = 0;
	*entry++ = range->slba;
	*entry++ = range->nr_blocks - 1;
	if (!is_wide(ns)) {
		*entry++ = app | sqe.cdw14;
		return entry;
	}
	*entry++ = (uint64_t)htobe32(sqe.cdw3) << 32 | (uint32_t)htobe16((uint16_t)sqe.cdw2) << 16;
	*entry++ = app | htobe32(sqe.cdw14);
	return entry;
}

/* Dwords 12 and 13: what is done with protection information is said once of what is read and once
 * of what is written. PRACT is of both (NVM:3.2.2). */
static void put_copy_flags(const struct nvio_ns *ns, const struct nvio_copy_io *copy,
			   struct nvio_sqe *sqe)
{
	const unsigned int read = copy->range_flags | (copy->flags & NVIO_IO_PRACT);

	sqe->cdw12 = (copy->nr_ranges - 1) | nvio_cdw12_flags(copy->flags) |
		     (is_wide(ns) ? COPY_FORMAT_WIDE : 0) |
		     nvio_prinfo(read) << COPY_PRINFOR_SHIFT |
		     (read & NVIO_IO_CHECK_STORAGE ? COPY_STCR : 0) |
		     (uint32_t)copy->directive << NVIO_RW_DTYPE_SHIFT;
	sqe->cdw13 = (uint32_t)copy->directive_specific << 16;
	if (ns->info.protection)
		nvio_pi_to_sqe(&ns->info, &copy->tags, sqe);
}

static int queue_copy(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct nvio_copy_io *copy,
		      uint64_t user_data)
{
	struct nvio_tracker *t = qpair->free;
	struct nvio_sqe sqe = { .opcode = NVIO_NVM_COPY,
				.nsid = ns->nsid,
				.cdw10 = (uint32_t)copy->slba,
				.cdw11 = (uint32_t)(copy->slba >> 32) };
	uint64_t *entry;
	int err;

	if (!t)
		return nvio_no_slot(qpair);
	if (!can_copy(qpair->ctrl, ns))
		return nvio_error(ENOTSUP, "%s has no copy command, or none for guards of %u bits",
				  qpair->ctrl->info.name, ns->info.guard_bits);
	err = check_copy_flags(copy);
	if (!err)
		err = check_copy(qpair, ns, copy->slba, copy->ranges, copy->nr_ranges);
	if (err)
		return err;
	entry = nvio_tracker_prps(qpair, t).entries;
	for (unsigned int i = 0; i < copy->nr_ranges; i++) {
		const struct nvio_pi_tags at = { .reference = copy->ranges[i].slba };

		entry = put_copy_range(ns, &copy->ranges[i],
				       copy->range_tags ? &copy->range_tags[i] : &at, entry);
	}
	put_copy_flags(ns, copy, &sqe);
	return queue_list(qpair, t, &sqe, NVIO_TRACKER_ONCE, user_data);
}

int nvio_copy(struct nvio_qpair *qpair, struct nvio_ns *ns, uint64_t slba,
	      const struct nvio_range *ranges, unsigned int nr_ranges, unsigned int flags,
	      uint64_t user_data)
{
	struct nvio_copy_io copy = {
		.slba = slba,
		.ranges = ranges,
		.nr_ranges = nr_ranges,
		.flags = flags,
		.tags = { .reference = slba },
	};

	if (flags & ~(unsigned int)(NVIO_IO_FUA | NVIO_IO_LIMITED_RETRY))
		return nvio_error(EINVAL, "0x%x are no flags of a copy", flags);
	/* As it is, protection information would be of other places; and a wrong guard that is made
	 * anew without a look would be a right one. */
	if (ns->info.protection) {
		copy.flags |= NVIO_IO_PRACT;
		copy.range_flags = NVIO_IO_CHECK_GUARD;
	}
	return queue_copy(qpair, ns, &copy, user_data);
}

int nvio_copy_io(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct nvio_copy_io *given,
		 uint64_t user_data)
{
	struct nvio_copy_io copy = { 0 };
	int err = nvio_take_opts(&copy, sizeof(copy), given, "nvio_copy_io");

	return err ? err : queue_copy(qpair, ns, &copy, user_data);
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
