/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SGLs (4.1.2): segments and their descriptors, which may be anywhere in the client's memory.
 *
 * It turns descriptors into runs of the cursor; data.c moves the bytes.
 */
#include "data.h"

/* SGL descriptor (figure 111): address, length, and in the last byte type and subtype. */
#define SGL_LEN        16u
#define SGL_DATA       0x00u
#define SGL_BIT_BUCKET 0x10u
#define SGL_SEGMENT    0x20u
#define SGL_LAST       0x30u

/* The longest list that is followed: enough for 4 bytes of a page each in the largest MDTS. */
#define SGL_DESCS_MAX 65536u

struct sgl_desc {
	uint64_t addr;
	uint32_t len;
	uint8_t type;
};

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
	uint64_t copy[2];

	if (emu_unlikely(!low || !high)) {
		if (!nvio_emu_data_copy(bus, iova, copy, sizeof(copy), false))
			return NVME_SC_DATA_XFER_ERROR;
		low = &copy[0];
		high = &copy[1];
	}
	parse_desc(desc, __atomic_load_n(low, __ATOMIC_RELAXED),
		   __atomic_load_n(high, __ATOMIC_RELAXED));
	return 0;
}

uint16_t nvio_emu_sgl_next(struct emu_data *d)
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

uint16_t nvio_emu_sgl_start(struct emu_data *d, uint64_t low, uint64_t high)
{
	struct sgl_desc desc;

	parse_desc(&desc, low, high);
	return take_desc(d, &desc);
}

uint16_t nvio_emu_sgl_start_at(struct emu_data *d, uint64_t iova)
{
	uint64_t len = d->left;
	struct sgl_desc desc;
	uint16_t status;

	if (iova & 7)
		return NVME_SC_INVALID_FIELD;
	status = load_desc(d, iova, &desc);
	if (status)
		return status;
	return desc.type == SGL_DATA && desc.len < len ? NVME_SC_SGL_INVALID_METADATA
						       : take_desc(d, &desc);
}
