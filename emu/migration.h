/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Migration: the state that the device is in, and its own state as a stream of bytes.
 */
#ifndef NVIO_EMU_MIGRATION_H
#define NVIO_EMU_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ctrl.h"

struct emu_stream; /* stream.c */

struct emu_migration {
	uint32_t state; /* enum vfio_device_mig_state */
	struct emu_stream *stream; /* while saving or resuming */
};

/* stream.c: begins to save, or (@load) to load, when the namespaces are zeroed first. NULL: no
 * memory, or no medium. */
struct emu_stream *nvio_emu_stream_new(struct emu_ctrl *ctrl, bool load);
void nvio_emu_stream_free(struct emu_stream *stream);

/* What comes next of it, @len bytes but at the end. Returns how many, or -errno. */
ssize_t nvio_emu_stream_read(struct emu_stream *stream, void *to, size_t len);

/* Takes what comes next. Returns 0; -EINVAL when it makes no sense, and none of it does. */
int nvio_emu_stream_write(struct emu_stream *stream, const void *from, size_t len);

/* All of it has come: the controller is what the other one was. Returns 0 or -EINVAL. */
int nvio_emu_stream_finish(struct emu_stream *stream);

/* About how long it is. */
uint64_t nvio_emu_stream_len(const struct emu_ctrl *ctrl);

#endif
