/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks PRPs and SGLs.
 *
 * Owns the rules for what they may look like; moves bytes, and knows nothing of commands beyond
 * their data pointers.
 */
#include <string.h>

#include "data.h"

/* SGL descriptor (figure 111): address, length, and in the last byte type and subtype. */
#define SGL_LEN        16u
#define SGL_DATA       0x00u
#define SGL_BIT_BUCKET 0x10u
#define SGL_SEGMENT    0x20u
#define SGL_LAST       0x30u

/* The longest list that is followed: enough for 4 bytes of a page each in the largest MDTS. */
#define SGL_DESCS_MAX 65536u

#define PSDT(flags) ((flags) >> 6)

struct sgl_desc {
	uint64_t addr;
	uint32_t len;
	uint8_t type;
};

static inline uint16_t load_piece(struct emu_data *d)
{
	struct emu_bus *bus = d->ctrl->bus;
	size_t in_page = EMU_DMA_PAGE - (d->iova & (EMU_DMA_PAGE - 1));
	size_t n = d->run;
	void *addr = NULL;

	if (emu_unlikely(d->bucket)) {
		d->addr = NULL;
	} else {
		if (n <= in_page)
			addr = bus->dma(bus, d->iova, n, d->write);
		else
			n = bus->dma_run(bus, d->iova, n, d->write, &addr);
		if (emu_unlikely(!addr || !n))
			return NVME_SC_DATA_XFER_ERROR;
		d->addr = addr;
	}
	d->len = n;
	d->iova += n;
	d->run -= n;
	return 0;
}

/* A list entry, from memory that the client may be changing. */
static uint16_t load_entry(struct emu_data *d, uint64_t *entry)
{
	struct emu_bus *bus = d->ctrl->bus;

	if (!d->list_addr || !(d->list & (EMU_DMA_PAGE - 1))) {
		size_t n = EMU_DMA_PAGE - (d->list & (EMU_DMA_PAGE - 1));

		d->list_addr = bus->dma(bus, d->list, n, false);
		if (!d->list_addr)
			return NVME_SC_DATA_XFER_ERROR;
	}
	*entry = __atomic_load_n((uint64_t *)d->list_addr, __ATOMIC_RELAXED);
	d->list_addr += sizeof(*entry);
	d->list += sizeof(*entry);
	return 0;
}

/*
 * The last entry of a list page points to the next page when more than one entry is missing
 * (4.1.1). That page begins at its first entry: each hop brings at least one entry.
 */
static uint16_t next_prp(struct emu_data *d)
{
	uint32_t mask = d->ctrl->page_len - 1;
	bool at_end = (d->list & mask) == d->ctrl->page_len - sizeof(uint64_t);
	uint64_t entry;
	uint16_t status = load_entry(d, &entry);

	if (status)
		return status;
	if (entry & mask)
		return NVME_SC_PRP_INVALID_OFFSET;
	if (at_end && d->left > d->ctrl->page_len) {
		d->list = entry;
		d->list_addr = NULL;
		status = load_entry(d, &entry);
		if (status)
			return status;
		if (entry & mask)
			return NVME_SC_PRP_INVALID_OFFSET;
	}
	d->iova = entry;
	d->run = d->left < d->ctrl->page_len ? d->left : d->ctrl->page_len;
	d->left -= d->run;
	return 0;
}

static uint16_t start_prp(struct emu_data *d, const struct nvio_sqe *cmd, uint64_t len)
{
	uint32_t page_len = d->ctrl->page_len;
	uint64_t first = page_len - (cmd->prp1 & (page_len - 1));

	if (cmd->prp1 & 3)
		return NVME_SC_PRP_INVALID_OFFSET;
	d->iova = cmd->prp1;
	d->run = len < first ? len : first;
	d->left = len - d->run;
	if (!d->left)
		return 0;
	d->list = cmd->prp2;
	d->last = d->left <= page_len;
	return cmd->prp2 & (d->last ? page_len - 1 : 7) ? NVME_SC_PRP_INVALID_OFFSET : 0;
}

static uint16_t take_segment(struct emu_data *d, const struct sgl_desc *desc)
{
	/* Only at the end of a segment, and not in the last one (4.1.2). */
	if (d->list_left || d->last || !desc->len || desc->len % SGL_LEN)
		return NVME_SC_SGL_INVALID_LAST;
	if (desc->addr & 7 || desc->addr + desc->len < desc->addr)
		return NVME_SC_SGL_INVALID_LAST;
	d->list = desc->addr;
	d->list_left = desc->len;
	d->last = desc->type == SGL_LAST;
	return 0;
}

static uint16_t take_desc(struct emu_data *d, const struct sgl_desc *desc)
{
	switch (desc->type) {
	case SGL_SEGMENT:
	case SGL_LAST:
		return take_segment(d, desc);
	case SGL_BIT_BUCKET:
		/* Has no length when the controller reads. */
		d->bucket = true;
		d->iova = 0;
		d->run = d->write ? desc->len : 0;
		break;
	case SGL_DATA:
		if (desc->addr + desc->len < desc->addr)
			return NVME_SC_SGL_INVALID_DATA;
		d->bucket = false;
		d->iova = desc->addr;
		d->run = desc->len;
		break;
	default:
		return NVME_SC_SGL_INVALID_TYPE;
	}
	if (d->run > d->left)
		d->run = d->left;
	d->left -= d->run;
	return 0;
}

static void parse_desc(struct sgl_desc *desc, uint64_t low, uint64_t high)
{
	desc->addr = low;
	desc->len = (uint32_t)high;
	desc->type = (uint8_t)(high >> 56);
}

/* Descriptors are at multiples of 8 bytes: each half lies in one page. */
static uint16_t load_desc(struct emu_data *d, uint64_t iova, struct sgl_desc *desc)
{
	struct emu_bus *bus = d->ctrl->bus;
	uint64_t *low = bus->dma(bus, iova, 8, false);
	uint64_t *high = bus->dma(bus, iova + 8, 8, false);

	if (!low || !high)
		return NVME_SC_DATA_XFER_ERROR;
	parse_desc(desc, __atomic_load_n(low, __ATOMIC_RELAXED),
		   __atomic_load_n(high, __ATOMIC_RELAXED));
	return 0;
}

static uint16_t next_sgl(struct emu_data *d)
{
	struct sgl_desc desc;
	uint16_t status;

	if (!d->list_left)
		return NVME_SC_SGL_INVALID_DATA;
	if (++d->nr_descs > SGL_DESCS_MAX)
		return NVME_SC_SGL_INVALID_COUNT;
	status = load_desc(d, d->list, &desc);
	if (status)
		return status;
	d->list += SGL_LEN;
	d->list_left -= SGL_LEN;
	return take_desc(d, &desc);
}

static uint16_t next_entry(struct emu_data *d)
{
	if (!d->left)
		return NVME_SC_INTERNAL;
	if (d->kind == EMU_DATA_SGL)
		return next_sgl(d);
	if (!d->last)
		return next_prp(d);
	d->iova = d->list;
	d->run = d->left;
	d->left = 0;
	return 0;
}

static uint16_t next_piece(struct emu_data *d)
{
	while (!d->run) {
		uint16_t status = next_entry(d);

		if (emu_unlikely(status))
			return status;
	}
	return load_piece(d);
}

static void start(struct emu_data *d, struct emu_ctrl *ctrl, enum emu_data_kind kind, bool write)
{
	d->ctrl = ctrl;
	d->addr = NULL;
	d->len = 0;
	d->run = 0;
	d->kind = kind;
	d->write = write;
	d->bucket = false;
	d->last = false;
	d->list_addr = NULL;
	d->list_left = 0;
	d->nr_descs = 0;
}

uint16_t nvio_emu_data(struct emu_data *d, struct emu_ctrl *ctrl, const struct nvio_sqe *cmd,
		       uint64_t len, bool write)
{
	struct sgl_desc desc;

	if (emu_unlikely(PSDT(cmd->flags))) {
		start(d, ctrl, EMU_DATA_SGL, write);
		d->left = len;
		parse_desc(&desc, cmd->prp1, cmd->prp2);
		return take_desc(d, &desc);
	}
	start(d, ctrl, EMU_DATA_PRP, write);
	return start_prp(d, cmd, len);
}

uint16_t nvio_emu_data_md(struct emu_data *d, struct emu_ctrl *ctrl, const struct nvio_sqe *cmd,
			  uint64_t len, bool write)
{
	struct sgl_desc desc;
	uint16_t status;

	if (PSDT(cmd->flags) == 2) {
		/* MPTR points to one descriptor (figure 86). */
		start(d, ctrl, EMU_DATA_SGL, write);
		d->left = len;
		if (cmd->mptr & 7)
			return NVME_SC_INVALID_FIELD;
		status = load_desc(d, cmd->mptr, &desc);
		if (status)
			return status;
		return desc.type == SGL_DATA && desc.len < len ? NVME_SC_SGL_INVALID_METADATA
							       : take_desc(d, &desc);
	}
	start(d, ctrl, EMU_DATA_FLAT, write);
	if ((!PSDT(cmd->flags) && cmd->mptr & 3) || cmd->mptr + len < len)
		return NVME_SC_INVALID_FIELD;
	d->iova = cmd->mptr;
	d->run = len;
	d->left = 0;
	return 0;
}

uint16_t nvio_emu_data_piece(struct emu_data *d, size_t max, uint8_t **addr, size_t *len)
{
	if (!d->len) {
		uint16_t status = next_piece(d);

		if (emu_unlikely(status))
			return status;
	}
	*len = d->len < max ? d->len : max;
	*addr = d->addr;
	d->len -= *len;
	if (d->addr)
		d->addr += *len;
	return 0;
}

uint16_t nvio_emu_data_put(struct emu_data *d, const void *from, size_t len)
{
	const uint8_t *at = from;

	while (len) {
		uint8_t *addr;
		size_t n;
		uint16_t status = nvio_emu_data_piece(d, len, &addr, &n);

		if (emu_unlikely(status))
			return status;
		if (emu_likely(addr))
			memcpy(addr, at, n);
		at += n;
		len -= n;
	}
	return 0;
}

uint16_t nvio_emu_data_get(struct emu_data *d, void *to, size_t len)
{
	uint8_t *at = to;

	while (len) {
		uint8_t *addr;
		size_t n;
		uint16_t status = nvio_emu_data_piece(d, len, &addr, &n);

		if (emu_unlikely(status))
			return status;
		memcpy(at, addr, n);
		at += n;
		len -= n;
	}
	return 0;
}

uint16_t nvio_emu_data_answer(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, const void *from,
			      size_t len, size_t size)
{
	static const uint8_t zeros[EMU_DMA_PAGE];
	struct emu_data d;
	uint16_t status = nvio_emu_data(&d, ctrl, cmd, size, true);

	if (len > size)
		len = size;
	if (!status)
		status = nvio_emu_data_put(&d, from, len);
	for (size -= len; size && !status; size -= len) {
		len = size < sizeof(zeros) ? size : sizeof(zeros);
		status = nvio_emu_data_put(&d, zeros, len);
	}
	return status;
}
