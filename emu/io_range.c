/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands on ranges of blocks that move no data to or from the client: Write Zeroes, Write
 * Uncorrectable, Dataset Management, Copy.
 */
#include <string.h>

#include "data.h"
#include "pi.h"
#include "store.h"

#define DSM_RANGES 256u

/* Dword 12 of Copy (NVM: 3.2.2): what it does with what it reads, and with what it writes. */
#define PRINFOR_SHIFT 12
#define PRINFOW_SHIFT 26
#define PRACT         8u

struct source {
	uint64_t slba;
	uint32_t nr;
	struct nvio_sqe tags; /* its expectations, as a Read says them */
};

/* Write Zeroes (NVM: 3.2.8). With DEAC or without, the blocks read as zero. */
uint16_t nvio_emu_write_zeroes(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd)
{
	uint64_t slba = nvio_emu_slba(cmd);
	uint32_t nr = (cmd->cdw12 & 0xffff) + 1;
	struct emu_pi pi = { 0 };
	uint16_t status = 0;

	if (!nvio_emu_in_range(ns, slba, nr))
		return NVME_SC_LBA_RANGE;
	if (ns->null)
		return 0;
	if (ns->pi)
		status = nvio_emu_pi_parse(&pi, ns, cmd, slba);
	if (status)
		return status;
	status = nvio_emu_store_zero(ns, slba, nr);
	if (!status && ns->pi && pi.act)
		status = nvio_emu_md_protect(ctrl, ns, &pi, slba, nr);
	return status ? status : nvio_emu_written(ctrl, ns, cmd, slba, nr);
}

/* Write Uncorrectable (NVM: 3.2.7): reads fail until the blocks are written again. */
uint16_t nvio_emu_write_bad(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd)
{
	uint64_t slba = nvio_emu_slba(cmd);
	uint32_t nr = (cmd->cdw12 & 0xffff) + 1;

	(void)ctrl;
	if (!nvio_emu_in_range(ns, slba, nr))
		return NVME_SC_LBA_RANGE;
	if (ns->null)
		return 0;
	return nvio_emu_store_set_bad(ns, slba, nr) ? NVME_SC_INTERNAL : 0;
}

/* Dataset Management (NVM: 3.2.3): deallocates, and takes the hints without a word. */
uint16_t nvio_emu_dsm(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd)
{
	struct nvme_dsm_range ranges[DSM_RANGES];
	uint32_t nr = (cmd->cdw10 & 0xff) + 1;
	struct emu_data data;
	uint16_t status;

	if (ns->null)
		return 0;
	status = nvio_emu_data(&data, ctrl, cmd, nr * sizeof(ranges[0]), false);
	if (!status)
		status = nvio_emu_data_get(&data, ranges, nr * sizeof(ranges[0]));
	for (uint32_t i = 0; i < nr && !status; i++)
		if (!nvio_emu_in_range(ns, le64toh(ranges[i].slba), le32toh(ranges[i].nlb)))
			status = NVME_SC_LBA_RANGE;
	if (status || !(cmd->cdw11 & NVME_DSMGMT_AD))
		return status;
	for (uint32_t i = 0; i < nr && !status; i++)
		status = nvio_emu_store_zero(ns, le64toh(ranges[i].slba), le32toh(ranges[i].nlb));
	return status;
}

static uint32_t be32_at(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

static void parse_source(struct source *source, const uint8_t *entry, bool wide)
{
	const struct nvme_copy_range *plain = (const void *)entry;
	const struct nvme_copy_range_f1 *f1 = (const void *)entry;

	memset(source, 0, sizeof(*source));
	source->slba = le64toh(plain->slba);
	source->nr = (uint32_t)le16toh(plain->nlb) + 1;
	if (wide) {
		/* 80 bits of tags, the highest first. */
		source->tags.cdw2 = (uint32_t)f1->elbt[0] << 8 | f1->elbt[1];
		source->tags.cdw3 = be32_at(&f1->elbt[2]);
		source->tags.cdw14 = be32_at(&f1->elbt[6]);
		source->tags.cdw15 = (uint32_t)le16toh(f1->elbatm) << 16 | le16toh(f1->elbat);
	} else {
		source->tags.cdw14 = le32toh(plain->eilbrt);
		source->tags.cdw15 = (uint32_t)le16toh(plain->elbatm) << 16 | le16toh(plain->elbat);
	}
}

static uint16_t load_sources(struct emu_ctrl *ctrl, const struct emu_ns *ns,
			     const struct nvio_sqe *cmd, struct source *sources, uint32_t nr)
{
	uint8_t entries[EMU_COPY_RANGES * sizeof(struct nvme_copy_range_f1)];
	bool wide = cmd->cdw12 >> 8 & 0xf;
	size_t len = wide ? sizeof(struct nvme_copy_range_f1) : sizeof(struct nvme_copy_range);
	struct emu_data data;
	uint64_t total = 0;
	uint16_t status = nvio_emu_data(&data, ctrl, cmd, nr * len, false);

	if (!status)
		status = nvio_emu_data_get(&data, entries, nr * len);
	for (uint32_t i = 0; i < nr && !status; i++) {
		parse_source(&sources[i], entries + i * len, wide);
		/* PRINFOR and STCR where a read has PRINFO and STC. */
		sources[i].tags.cdw12 = (cmd->cdw12 >> PRINFOR_SHIFT & 0xf) << PRINFOW_SHIFT |
					(cmd->cdw12 >> 25 & 1) << 24;
		total += sources[i].nr;
		if (sources[i].nr > EMU_COPY_BLOCKS || total > EMU_COPY_BLOCKS)
			status = EMU_SPECIFIC(NVME_SC_CMD_SIZE_LIMIT_EXCEEDED);
		else if (!nvio_emu_in_range(ns, sources[i].slba, sources[i].nr))
			status = NVME_SC_LBA_RANGE;
	}
	if (!status && !nvio_emu_in_range(ns, nvio_emu_slba(cmd), total))
		status = NVME_SC_LBA_RANGE;
	return status;
}

static uint16_t copy_plain(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct source *from,
			   uint64_t dest)
{
	if (!ns->data)
		return nvio_emu_store_copy(ns, from->slba, from->nr, dest, ctrl->stored);
	memmove(ns->data + (dest << ns->lba_shift), ns->data + (from->slba << ns->lba_shift),
		(size_t)from->nr << ns->lba_shift);
	if (ns->md_len)
		memmove(ns->md + dest * ns->md_len, ns->md + from->slba * ns->md_len,
			(size_t)from->nr * ns->md_len);
	return 0;
}

/* From the end on when the target lies behind: no block is overwritten before it was read. */
static uint16_t copy_protected(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct source *from,
			       const struct emu_pi *to, uint64_t dest)
{
	struct emu_pi pi;
	uint16_t status = nvio_emu_pi_parse(&pi, ns, &from->tags, from->slba);

	for (uint32_t n = 0; n < from->nr && !status; n++) {
		uint32_t i = dest > from->slba ? from->nr - 1 - n : n;
		struct emu_pi source = nvio_emu_pi_skip(&pi, ns, i);
		struct emu_pi target = nvio_emu_pi_skip(to, ns, i);

		status = nvio_emu_md_copy(ctrl, ns, &source, &target, from->slba + i, dest + i);
	}
	return status;
}

static uint16_t copy_source(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct source *from,
			    const struct emu_pi *to, uint64_t dest)
{
	if (nvio_emu_store_is_bad(ns, from->slba, from->nr))
		return EMU_MEDIA(NVME_SC_READ_ERROR);
	return ns->pi ? copy_protected(ctrl, ns, from, to, dest) : copy_plain(ctrl, ns, from, dest);
}

/* Copy (NVM: 3.2.2). Dword 0 tells the first range that was not copied. */
uint16_t nvio_emu_copy(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd,
		       uint32_t *result)
{
	struct source sources[EMU_COPY_RANGES];
	uint32_t nr = (cmd->cdw12 & 0xff) + 1, format = cmd->cdw12 >> 8 & 0xf;
	uint64_t dest = nvio_emu_slba(cmd);
	struct emu_pi to = { 0 };
	uint16_t status;

	/* Format 1 is the one of the wider guards. */
	if (format > 1 || format != (ns->pi_len == 16))
		return NVME_SC_INVALID_FIELD;
	/* What is stripped from the source has to be made for the target, and the other way round.
	 */
	if (ns->pi && (cmd->cdw12 >> PRINFOR_SHIFT ^ cmd->cdw12 >> PRINFOW_SHIFT) & PRACT)
		return NVME_SC_INVALID_FIELD;
	if (nr > EMU_COPY_RANGES)
		return EMU_SPECIFIC(NVME_SC_CMD_SIZE_LIMIT_EXCEEDED);
	if (ns->null)
		return 0;
	status = load_sources(ctrl, ns, cmd, sources, nr);
	if (!status && ns->pi)
		status = nvio_emu_pi_parse(&to, ns, cmd, dest);
	for (uint32_t i = 0; i < nr && !status; i++) {
		*result = i;
		status = copy_source(ctrl, ns, &sources[i], &to, dest);
		if (!status)
			status = nvio_emu_written(ctrl, ns, cmd, dest, sources[i].nr);
		dest += sources[i].nr;
		to = nvio_emu_pi_skip(&to, ns, sources[i].nr);
	}
	if (!status)
		*result = 0;
	return status;
}
