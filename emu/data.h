/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's buffers: PRPs (4.1.1), SGLs (4.1.2) and plain ranges, as a cursor that hands out one
 * piece of memory after the other.
 *
 * Every entry is loaded once. A chain ends: each list page and each descriptor makes progress or is
 * counted.
 */
#ifndef NVIO_EMU_DATA_H
#define NVIO_EMU_DATA_H

#include "state.h"

enum emu_data_kind {
	EMU_DATA_FLAT,
	EMU_DATA_PRP,
	EMU_DATA_SGL,
};

struct emu_data {
	struct emu_ctrl *ctrl;
	uint8_t *addr; /* the piece in hand; NULL with @len: a bit bucket, or remote memory */
	size_t len; /* what is left of it */
	uint64_t iova; /* where the entry in hand goes on */
	uint64_t run; /* bytes of it behind the piece */
	uint64_t left; /* bytes of the transfer behind that */
	enum emu_data_kind kind;
	bool write; /* the controller writes */
	bool bucket; /* the entry in hand is a bit bucket */
	bool last; /* SGL: the segment in hand is the last one; PRP: the second entry is no list */
	uint64_t list; /* PRP: next list entry; SGL: next descriptor */
	uint8_t *list_addr; /* PRP: where it is; NULL: to be resolved */
	uint32_t list_left; /* SGL: bytes left in the segment */
	uint32_t nr_descs;
};

/* A command's data of @len bytes; @write when the controller writes it. Returns a status. */
uint16_t nvio_emu_data(struct emu_data *data, struct emu_ctrl *ctrl, const struct nvio_sqe *cmd,
		       uint64_t len, bool write);

/* A command's separate metadata (MPTR). */
uint16_t nvio_emu_data_md(struct emu_data *data, struct emu_ctrl *ctrl, const struct nvio_sqe *cmd,
			  uint64_t len, bool write);

/* Takes the next piece of at most @max bytes. *@addr is NULL in a bit bucket and in remote memory.
 */
uint16_t nvio_emu_data_piece(struct emu_data *data, size_t max, uint8_t **addr, size_t *len);

/* Where in the client's memory the @len bytes are that were just taken: nowhere in a bit bucket.
 */
static inline uint64_t nvio_emu_data_iova(const struct emu_data *data, size_t len)
{
	return data->iova - data->len - len;
}

/* Moves @len bytes to or from the client; they are there when it returns. */
uint16_t nvio_emu_data_put(struct emu_data *data, const void *from, size_t len);
uint16_t nvio_emu_data_get(struct emu_data *data, void *to, size_t len);

/* Copies to (@write) or from memory of any kind: whether all of it was there. For where dma() gives
 * no address. */
bool nvio_emu_data_copy(struct emu_bus *bus, uint64_t iova, void *local, size_t len, bool write);

/* Sends @len bytes of an admin command's answer, @size of which the client asked for: what is
 * behind the end is zero. */
uint16_t nvio_emu_data_answer(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, const void *from,
			      size_t len, size_t size);

/* data_sgl.c: a cursor begins with a descriptor, or with the one at @iova; its next one. */
uint16_t nvio_emu_sgl_start(struct emu_data *data, uint64_t low, uint64_t high);
uint16_t nvio_emu_sgl_start_at(struct emu_data *data, uint64_t iova);
uint16_t nvio_emu_sgl_next(struct emu_data *data);

#endif
