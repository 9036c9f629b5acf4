/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks PRPs, and moves bytes over them and over SGLs (data_sgl.c).
 *
 * Owns the rules for what PRPs may look like; knows nothing of commands beyond their data pointers.
 */
#include <string.h>

#include "data.h"

#define PSDT(flags) ((flags) >> 6)

/* Memory that the client moves itself. The bucket has no address either: see move_on(). */
static uint16_t load_remote(struct emu_data *d)
{
	struct emu_bus *bus = d->ctrl->bus;
	size_t n = bus->remote_run ? bus->remote_run(bus, d->iova, d->run, d->write) : 0;

	if (!n)
		return NVME_SC_DATA_XFER_ERROR;
	d->addr = NULL;
	d->len = n;
	d->iova += n;
	d->run -= n;
	return 0;
}

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
			return load_remote(d);
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
		if (emu_unlikely(!d->list_addr)) {
			if (!nvio_emu_data_copy(bus, d->list, d->ctrl->list, n, false))
				return NVME_SC_DATA_XFER_ERROR;
			d->list_addr = d->ctrl->list;
		}
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

static uint16_t next_entry(struct emu_data *d)
{
	if (!d->left)
		return NVME_SC_INTERNAL;
	if (d->kind == EMU_DATA_SGL)
		return nvio_emu_sgl_next(d);
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
	if (emu_unlikely(PSDT(cmd->flags))) {
		start(d, ctrl, EMU_DATA_SGL, write);
		d->left = len;
		return nvio_emu_sgl_start(d, cmd->prp1, cmd->prp2);
	}
	start(d, ctrl, EMU_DATA_PRP, write);
	return start_prp(d, cmd, len);
}

uint16_t nvio_emu_data_md(struct emu_data *d, struct emu_ctrl *ctrl, const struct nvio_sqe *cmd,
			  uint64_t len, bool write)
{
	if (PSDT(cmd->flags) == 2) {
		/* MPTR points to one descriptor (figure 86). */
		start(d, ctrl, EMU_DATA_SGL, write);
		d->left = len;
		return nvio_emu_sgl_start_at(d, cmd->mptr);
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

/*
 * Goes on where a piece of @n bytes that was just taken has no address: a bit bucket, or memory
 * that the client moves itself. All of that is under way at a time.
 */
static __attribute__((noinline)) uint16_t move_on(struct emu_data *d, uint8_t *local, size_t n,
						  size_t len, bool write)
{
	struct emu_bus *bus = d->ctrl->bus;
	bool moving = false;
	uint16_t status = 0;
	uint8_t *addr = NULL;

	for (;;) {
		if (addr)
			memcpy(write ? addr : local, write ? local : addr, n);
		else if (!d->bucket)
			bus->remote_move(bus, nvio_emu_data_iova(d, n), local, n, write);
		moving |= !addr && !d->bucket;
		local += n;
		len -= n;
		if (!len)
			break;
		status = nvio_emu_data_piece(d, len, &addr, &n);
		if (status)
			break;
	}
	/* Also behind an error: @local is the caller's again. */
	if (moving && !bus->remote_settle(bus) && !status)
		status = NVME_SC_DATA_XFER_ERROR;
	return status;
}

/* @write: from @local to the client. */
static inline __attribute__((always_inline)) uint16_t move(struct emu_data *d, uint8_t *local,
							   size_t len, bool write)
{
	while (len) {
		uint8_t *addr;
		size_t n;
		uint16_t status = nvio_emu_data_piece(d, len, &addr, &n);

		if (emu_unlikely(status))
			return status;
		if (emu_unlikely(!addr))
			return move_on(d, local, n, len, write);
		if (write)
			memcpy(addr, local, n);
		else
			memcpy(local, addr, n);
		local += n;
		len -= n;
	}
	return 0;
}

uint16_t nvio_emu_data_put(struct emu_data *d, const void *from, size_t len)
{
	return move(d, (uint8_t *)from, len, true);
}

uint16_t nvio_emu_data_get(struct emu_data *d, void *to, size_t len)
{
	return move(d, to, len, false);
}

static size_t copy_run(struct emu_bus *bus, uint64_t iova, void *local, size_t len, bool write)
{
	void *addr;
	size_t n = bus->dma_run(bus, iova, len, write, &addr);

	if (n) {
		memcpy(write ? addr : local, write ? local : addr, n);
		return n;
	}
	n = bus->remote_run ? bus->remote_run(bus, iova, len, write) : 0;
	if (n)
		bus->remote_move(bus, iova, local, n, write);
	return n;
}

bool nvio_emu_data_copy(struct emu_bus *bus, uint64_t iova, void *local, size_t len, bool write)
{
	uint8_t *at = local;
	size_t n;

	while (len && (n = copy_run(bus, iova, at, len, write))) {
		iova += n;
		at += n;
		len -= n;
	}
	return (!bus->remote_settle || bus->remote_settle(bus)) && !len;
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
