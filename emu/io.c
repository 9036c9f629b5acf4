/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands of the NVM command set: what they have in common, and Read, Write, Compare and Flush of
 * blocks without metadata.
 *
 * The way of a Read or Write of one or two pages through here is kept straight.
 */
#include <string.h>

#include "data.h"
#include "fault.h"
#include "store.h"

#define FLAGS_RESERVED 0x3cu

static uint16_t read_blocks(struct emu_data *data, const uint8_t *from, size_t len)
{
	return nvio_emu_data_put(data, from, len);
}

static uint16_t compare_blocks(struct emu_data *data, const uint8_t *with, size_t len)
{
	uint8_t *copy = data->ctrl->bounce;

	while (len) {
		size_t n = len < EMU_BLOCK_MAX ? len : EMU_BLOCK_MAX;
		uint16_t status = nvio_emu_data_get(data, copy, n);

		if (status)
			return status;
		if (memcmp(copy, with, n))
			return EMU_MEDIA(NVME_SC_COMPARE_FAILED);
		with += n;
		len -= n;
	}
	return 0;
}

/* Once blocks were written: they are readable again, and in the file when that was asked for. */
uint16_t nvio_emu_written(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd,
			  uint64_t slba, uint64_t nr)
{
	if (emu_unlikely(ns->nr_bad))
		nvio_emu_store_clear_bad(ns, slba, nr);
	if (emu_likely(ns->fd < 0))
		return 0;
	if (ctrl->write_back && !(cmd->cdw12 & NVIO_RW_FUA))
		return 0;
	return nvio_emu_store_sync(ns);
}

/* A piece at a time, through memory of ours. */
static __attribute__((noinline)) uint16_t move_file(struct emu_data *data, struct emu_ns *ns,
						    uint8_t opcode, uint64_t slba, uint64_t nr)
{
	struct emu_ctrl *ctrl = data->ctrl;
	uint16_t status = 0;

	while (nr && !status) {
		uint64_t most = EMU_BLOCK_MAX >> ns->lba_shift, n = nr < most ? nr : most;
		size_t len = n << ns->lba_shift;

		if (opcode == nvme_cmd_write) {
			status = nvio_emu_data_get(data, ctrl->bounce, len);
			if (!status)
				status = nvio_emu_store_write(ns, slba, n, ctrl->bounce);
		} else {
			status = nvio_emu_store_read(ns, slba, n, ctrl->stored);
			if (!status && opcode == nvme_cmd_read)
				status = read_blocks(data, ctrl->stored, len);
			else if (!status)
				status = compare_blocks(data, ctrl->stored, len);
		}
		slba += n;
		nr -= n;
	}
	return status;
}

static uint16_t move(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd,
		     uint64_t slba, uint64_t nr)
{
	size_t len = nr << ns->lba_shift;
	uint8_t *blocks;
	struct emu_data data;
	uint16_t status = nvio_emu_data(&data, ctrl, cmd, len, cmd->opcode == nvme_cmd_read);

	if (emu_unlikely(status))
		return status;
	if (emu_unlikely(!ns->data))
		return move_file(&data, ns, cmd->opcode, slba, nr);
	blocks = ns->data + (slba << ns->lba_shift);
	switch (cmd->opcode) {
	case nvme_cmd_read:
		return read_blocks(&data, blocks, len);
	case nvme_cmd_write:
		return nvio_emu_data_get(&data, blocks, len);
	default:
		return compare_blocks(&data, blocks, len);
	}
}

/* What the command moves through its data pointer: with the metadata when that is interleaved. */
static uint64_t transfer_len(const struct emu_ns *ns, const struct nvio_sqe *cmd, uint64_t nr)
{
	uint64_t len = nr << ns->lba_shift;

	if (emu_likely(!ns->extended))
		return len;
	if (ns->pi && cmd->cdw12 >> 29 & 1 && ns->md_len == ns->pi_len)
		return len;
	return len + nr * ns->md_len;
}

static void count(struct emu_ctrl *ctrl, const struct emu_ns *ns, uint8_t opcode, uint64_t nr)
{
	uint64_t units = nr << (ns->lba_shift - 9);

	if (opcode == nvme_cmd_write) {
		ctrl->stats.writes++;
		ctrl->stats.blocks_written += units;
	} else {
		ctrl->stats.reads++;
		ctrl->stats.blocks_read += units;
	}
}

/* Read, Write and Compare (NVM: 3.2.1, 3.2.4, 3.2.6). */
static uint16_t transfer(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd)
{
	uint64_t slba = nvio_emu_slba(cmd);
	uint32_t nr = (cmd->cdw12 & 0xffff) + 1;
	uint16_t status;

	if (emu_unlikely(transfer_len(ns, cmd, nr) > ctrl->max_transfer))
		return NVME_SC_INVALID_FIELD;
	if (emu_unlikely(!nvio_emu_in_range(ns, slba, nr)))
		return NVME_SC_LBA_RANGE;
	count(ctrl, ns, cmd->opcode, nr);
	if (ns->null)
		return 0;
	if (emu_unlikely(ns->nr_bad) && cmd->opcode != nvme_cmd_write &&
	    nvio_emu_store_is_bad(ns, slba, nr))
		return EMU_MEDIA(NVME_SC_READ_ERROR);
	if (emu_likely(!ns->md_len))
		status = move(ctrl, ns, cmd, slba, nr);
	else
		status = nvio_emu_md_io(ctrl, ns, cmd, slba, nr);
	if (emu_likely(!status) && cmd->opcode == nvme_cmd_write)
		status = nvio_emu_written(ctrl, ns, cmd, slba, nr);
	return status;
}

static uint16_t flush(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd)
{
	uint16_t status = 0;
	struct emu_ns *ns;

	if (cmd->nsid != NVIO_NSID_MAX + 1) {
		ns = nvio_emu_active_ns(ctrl, cmd->nsid);
		if (!ns)
			return NVME_SC_INVALID_NS;
		return nvio_emu_store_sync(ns);
	}
	for (unsigned int i = 0; i < EMU_NS_MAX && !status; i++) {
		ns = &ctrl->ns[i];
		if (ns->nsid && ns->attached)
			status = nvio_emu_store_sync(ns);
	}
	return status;
}

static uint16_t others(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd,
		       uint32_t *result)
{
	switch (cmd->opcode) {
	case nvme_cmd_write_uncor:
		return nvio_emu_write_bad(ctrl, ns, cmd);
	case nvme_cmd_write_zeroes:
		return nvio_emu_write_zeroes(ctrl, ns, cmd);
	case nvme_cmd_dsm:
		return nvio_emu_dsm(ctrl, ns, cmd);
	case nvme_cmd_verify:
		return nvio_emu_verify(ctrl, ns, cmd);
	default:
		return nvio_emu_copy(ctrl, ns, cmd, result);
	}
}

static bool is_known(uint8_t opcode)
{
	switch (opcode) {
	case nvme_cmd_flush:
	case nvme_cmd_read:
	case nvme_cmd_write:
	case nvme_cmd_compare:
	case nvme_cmd_write_uncor:
	case nvme_cmd_write_zeroes:
	case nvme_cmd_dsm:
	case nvme_cmd_verify:
	case nvme_cmd_copy:
		return true;
	default:
		return false;
	}
}

uint16_t nvio_emu_io(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *result)
{
	struct emu_ns *ns;
	uint16_t status;

	if (emu_unlikely(!is_known(cmd->opcode)))
		return NVME_SC_INVALID_OPCODE;
	if (emu_unlikely(ctrl->wakes)) {
		status = nvio_emu_power_use(ctrl);
		if (status)
			return status;
	}
	/* 11b is no way to describe data, and the bits between are reserved (figure 86). */
	if (emu_unlikely(cmd->flags & FLAGS_RESERVED || cmd->flags >> 6 == 3))
		return NVME_SC_INVALID_FIELD;
	if (cmd->opcode == nvme_cmd_flush)
		return flush(ctrl, cmd);
	ns = nvio_emu_active_ns(ctrl, cmd->nsid);
	if (emu_unlikely(!ns))
		return NVME_SC_INVALID_NS;
	if (emu_unlikely(!ns->ready))
		return NVME_SC_NS_NOT_READY;
	/* A host that knows of no such formats would take them for others (NVM: 3.2). */
	if (emu_unlikely(ns->pif && !ctrl->formats_known))
		return NVME_SC_INVALID_NS;
	if (emu_likely(cmd->opcode <= nvme_cmd_read || cmd->opcode == nvme_cmd_compare))
		return transfer(ctrl, ns, cmd);
	return others(ctrl, ns, cmd, result);
}

/* The one fused operation: Compare, then Write of the same blocks (6.2). */
bool nvio_emu_fusable(const struct nvio_sqe *first, const struct nvio_sqe *second)
{
	return first->opcode == nvme_cmd_compare && second->opcode == nvme_cmd_write &&
	       (second->flags & 3) == 2 && first->nsid == second->nsid &&
	       first->cdw10 == second->cdw10 && first->cdw11 == second->cdw11 &&
	       (uint16_t)first->cdw12 == (uint16_t)second->cdw12;
}
