/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Read, Write, Compare and Verify of blocks that carry metadata, block by block: interleaved or in
 * a buffer of its own, with protection information or without.
 *
 * What comes from the client is copied before it is checked. The tuple is kept inverted in the
 * store; this file alone knows.
 */
#include <string.h>

#include "data.h"
#include "pi.h"
#include "store.h"

struct md_io {
	struct emu_ctrl *ctrl;
	struct emu_ns *ns;
	struct emu_data data;
	struct emu_data md; /* in use unless @inline_md */
	struct emu_pi pi;
	bool inline_md;
	bool moves_md; /* metadata travels at all */
};

static uint8_t *block_md(const struct emu_ctrl *ctrl)
{
	return ctrl->bounce + EMU_BLOCK_MAX;
}

static void invert(const struct emu_ns *ns, uint8_t *md)
{
	uint8_t *tuple = md + nvio_emu_pi_at(ns);

	for (unsigned int i = 0; i < ns->pi_len; i++)
		tuple[i] ^= 0xff;
}

/* A block as it is stored, and its metadata in @md. */
static uint16_t load_block(struct emu_ctrl *ctrl, const struct emu_ns *ns, uint64_t lba,
			   const uint8_t **block, uint8_t *md)
{
	uint16_t status = nvio_emu_store_block(ns, lba, ctrl->stored, block);

	if (!status)
		status = nvio_emu_store_read_md(ns, lba, 1, md);
	invert(ns, md);
	return status;
}

static uint16_t store_md(struct emu_ns *ns, uint64_t lba, uint8_t *md)
{
	invert(ns, md);
	return nvio_emu_store_write_md(ns, lba, 1, md);
}

static struct emu_data *md_cursor(struct md_io *io)
{
	return io->inline_md ? &io->data : &io->md;
}

static uint16_t read_block(struct md_io *io, uint64_t lba)
{
	const struct emu_ns *ns = io->ns;
	uint8_t *md = block_md(io->ctrl);
	const uint8_t *block;
	uint16_t status = load_block(io->ctrl, ns, lba, &block, md);

	if (!status && ns->pi)
		status = nvio_emu_pi_check(&io->pi, ns, block, md);
	if (!status)
		status = nvio_emu_data_put(&io->data, block, 1u << ns->lba_shift);
	if (!status && io->moves_md)
		status = nvio_emu_data_put(md_cursor(io), md, ns->md_len);
	return status;
}

static uint16_t write_block(struct md_io *io, uint64_t lba)
{
	struct emu_ns *ns = io->ns;
	uint8_t *block = io->ctrl->bounce, *md = block_md(io->ctrl);
	size_t len = 1u << ns->lba_shift;
	uint16_t status = nvio_emu_data_get(&io->data, block, len);

	memset(md, 0, ns->md_len);
	if (!status && io->moves_md)
		status = nvio_emu_data_get(md_cursor(io), md, ns->md_len);
	if (status)
		return status;
	if (ns->pi && io->pi.act)
		nvio_emu_pi_make(&io->pi, ns, block, md);
	else if (ns->pi)
		status = nvio_emu_pi_check(&io->pi, ns, block, md);
	if (status)
		return status;
	status = nvio_emu_store_write(ns, lba, 1, block);
	return status ? status : store_md(ns, lba, md);
}

/* With PRACT the client does not know the tuple: it is not compared (NVM: 3.2.1). */
static bool md_differs(const struct md_io *io, const uint8_t *a, const uint8_t *b)
{
	const struct emu_ns *ns = io->ns;
	size_t at = nvio_emu_pi_at(ns), behind = at + ns->pi_len;

	if (!ns->pi || !io->pi.act)
		return memcmp(a, b, ns->md_len);
	return memcmp(a, b, at) || memcmp(a + behind, b + behind, ns->md_len - behind);
}

static uint16_t compare_block(struct md_io *io, uint64_t lba)
{
	const struct emu_ns *ns = io->ns;
	uint8_t *block = io->ctrl->bounce, *md = block_md(io->ctrl);
	size_t len = 1u << ns->lba_shift;
	const uint8_t *stored;
	uint16_t status = load_block(io->ctrl, ns, lba, &stored, md);

	if (!status && ns->pi)
		status = nvio_emu_pi_check(&io->pi, ns, stored, md);
	if (!status)
		status = nvio_emu_data_get(&io->data, block, len);
	if (status)
		return status;
	if (memcmp(block, stored, len))
		return EMU_MEDIA(NVME_SC_COMPARE_FAILED);
	if (!io->moves_md)
		return 0;
	status = nvio_emu_data_get(md_cursor(io), block, ns->md_len);
	if (!status && md_differs(io, block, md))
		status = EMU_MEDIA(NVME_SC_COMPARE_FAILED);
	return status;
}

static uint16_t start(struct md_io *io, const struct nvio_sqe *cmd, uint64_t slba, uint32_t nr)
{
	const struct emu_ns *ns = io->ns;
	bool write = cmd->opcode == nvme_cmd_read;
	uint64_t len = (uint64_t)nr << ns->lba_shift, md_len = (uint64_t)nr * ns->md_len;
	uint16_t status = 0;

	if (ns->pi)
		status = nvio_emu_pi_parse(&io->pi, ns, cmd, slba);
	if (status)
		return status;
	/* The controller makes and strips metadata that is protection information alone
	 * (NVM: 5.2.3). */
	io->moves_md = !(ns->pi && io->pi.act && ns->md_len == ns->pi_len);
	io->inline_md = ns->extended;
	if (io->moves_md && io->inline_md)
		len += md_len;
	status = nvio_emu_data(&io->data, io->ctrl, cmd, len, write);
	if (!status && io->moves_md && !io->inline_md)
		status = nvio_emu_data_md(&io->md, io->ctrl, cmd, md_len, write);
	return status;
}

uint16_t nvio_emu_md_io(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd,
			uint64_t slba, uint32_t nr)
{
	struct md_io io = { .ctrl = ctrl, .ns = ns };
	uint16_t status = start(&io, cmd, slba, nr);

	for (uint64_t lba = slba; !status && nr--; lba++) {
		if (cmd->opcode == nvme_cmd_read)
			status = read_block(&io, lba);
		else if (cmd->opcode == nvme_cmd_write)
			status = write_block(&io, lba);
		else
			status = compare_block(&io, lba);
	}
	return status;
}

/* Verify (NVM: 3.2.5): a Read that moves nothing. */
uint16_t nvio_emu_verify(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd)
{
	uint64_t slba = nvio_emu_slba(cmd);
	uint32_t nr = (cmd->cdw12 & 0xffff) + 1;
	const uint8_t *block;
	struct emu_pi pi;
	uint16_t status;

	if (!nvio_emu_in_range(ns, slba, nr))
		return NVME_SC_LBA_RANGE;
	if (ns->null)
		return 0;
	if (nvio_emu_store_is_bad(ns, slba, nr))
		return EMU_MEDIA(NVME_SC_READ_ERROR);
	if (!ns->pi)
		return 0;
	status = nvio_emu_pi_parse(&pi, ns, cmd, slba);
	for (; !status && nr--; slba++) {
		status = load_block(ctrl, ns, slba, &block, block_md(ctrl));
		if (!status)
			status = nvio_emu_pi_check(&pi, ns, block, block_md(ctrl));
	}
	return status;
}

/* The tuples of blocks that Write Zeroes just cleared, with PRACT (NVM: 3.2.8). */
uint16_t nvio_emu_md_protect(struct emu_ctrl *ctrl, struct emu_ns *ns, struct emu_pi *pi,
			     uint64_t slba, uint32_t nr)
{
	static const uint8_t zeroes[EMU_BLOCK_MAX];
	uint8_t *md = block_md(ctrl);
	uint16_t status = 0;

	for (; nr-- && !status; slba++) {
		memset(md, 0, ns->md_len);
		nvio_emu_pi_make(pi, ns, zeroes, md);
		status = store_md(ns, slba, md);
	}
	return status;
}

/* One block of a Copy: checked as it is read, made or checked as it is written (NVM: 3.2.2). */
uint16_t nvio_emu_md_copy(struct emu_ctrl *ctrl, struct emu_ns *ns, struct emu_pi *from,
			  struct emu_pi *to, uint64_t source, uint64_t dest)
{
	uint8_t *md = block_md(ctrl);
	const uint8_t *block;
	uint16_t status = load_block(ctrl, ns, source, &block, md);

	if (!status)
		status = nvio_emu_pi_check(from, ns, block, md);
	if (!status && to->act)
		nvio_emu_pi_make(to, ns, block, md);
	else if (!status)
		status = nvio_emu_pi_check(to, ns, block, md);
	if (!status)
		status = nvio_emu_store_write(ns, dest, 1, block);
	return status ? status : store_md(ns, dest, md);
}
