/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the blocks of a namespace are: memory, a file, or nowhere.
 *
 * Callers checked the range of blocks.
 */
#ifndef NVIO_EMU_STORE_H
#define NVIO_EMU_STORE_H

#include "state.h"

/* Makes the blocks of @ns. Returns 0, or -errno with a sentence. */
int nvio_emu_store_open(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct emu_ns_opts *opts,
			struct emu_error *error);

/* Does nothing for a namespace that has none. */
void nvio_emu_store_close(struct emu_ns *ns);

/* All blocks anew in the format that @ns names; what was in them is gone. Returns 0 or -errno, and
 * then there are no blocks. */
int nvio_emu_store_format(struct emu_ctrl *ctrl, struct emu_ns *ns);

/*
 * store_io.c. Each returns a status: what goes wrong with a file is an error of the medium.
 */

/* Data of blocks, and their metadata as they are kept. */
uint16_t nvio_emu_store_read(const struct emu_ns *ns, uint64_t slba, uint64_t nr, void *buf);
uint16_t nvio_emu_store_write(struct emu_ns *ns, uint64_t slba, uint64_t nr, const void *buf);
uint16_t nvio_emu_store_read_md(const struct emu_ns *ns, uint64_t slba, uint64_t nr, void *buf);
uint16_t nvio_emu_store_write_md(struct emu_ns *ns, uint64_t slba, uint64_t nr, const void *buf);

/* The data of one block: where they are, or a copy in @buf where that is a file. */
uint16_t nvio_emu_store_block(const struct emu_ns *ns, uint64_t lba, uint8_t *buf,
			      const uint8_t **block);

/* Both for @nr blocks, through @buf of 2 * EMU_BLOCK_MAX bytes; the ranges may overlap. */
uint16_t nvio_emu_store_copy(struct emu_ns *ns, uint64_t from, uint64_t nr, uint64_t to,
			     uint8_t *buf);

/* Blocks that read as zero, and their protection information as all ones. */
uint16_t nvio_emu_store_zero(struct emu_ns *ns, uint64_t slba, uint64_t nr);

/* All that was written is in the file. */
uint16_t nvio_emu_store_sync(const struct emu_ns *ns);

/* Blocks that Write Uncorrectable made unreadable. Returns 0 or -ENOMEM. */
int nvio_emu_store_set_bad(struct emu_ns *ns, uint64_t slba, uint64_t nr);
void nvio_emu_store_clear_bad(struct emu_ns *ns, uint64_t slba, uint64_t nr);
bool nvio_emu_store_is_bad(const struct emu_ns *ns, uint64_t slba, uint64_t nr);

#endif
