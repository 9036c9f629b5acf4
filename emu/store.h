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

/* Blocks that read as zero, and their protection information as all ones. */
void nvio_emu_store_zero(struct emu_ns *ns, uint64_t slba, uint64_t nr);

/* Returns 0 or -errno once the blocks are in the file. */
int nvio_emu_store_sync(const struct emu_ns *ns, uint64_t slba, uint64_t nr);

/* Blocks that Write Uncorrectable made unreadable. Returns 0 or -ENOMEM. */
int nvio_emu_store_set_bad(struct emu_ns *ns, uint64_t slba, uint64_t nr);
void nvio_emu_store_clear_bad(struct emu_ns *ns, uint64_t slba, uint64_t nr);
bool nvio_emu_store_is_bad(const struct emu_ns *ns, uint64_t slba, uint64_t nr);

#endif
