/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The capabilities of VFIO_USER_VERSION: a JSON object, read and written.
 */
#ifndef NVIO_EMU_VERSION_H
#define NVIO_EMU_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the client proposed of that which this server has an answer to. */
struct emu_caps {
	bool max_msg_fds;
	bool max_data_xfer_size;
	uint32_t xfer_max; /* its value, or the default, at most EMU_XFER_MAX */
	bool max_dma_maps;
};

/* A client that proposes nothing. */
void nvio_emu_caps_none(struct emu_caps *caps);

/* Reads @len bytes. Returns 0, or -EINVAL when it is no JSON object with a NUL behind it. */
int nvio_emu_caps_parse(const char *text, size_t len, struct emu_caps *caps);

/*
 * The answer, with its NUL: a capability only where it was proposed ("VFIO_USER_VERSION"), in at
 * most @cap bytes. Returns its length, 0 when not even an empty one fits.
 */
size_t nvio_emu_caps_format(const struct emu_caps *caps, char *buf, size_t cap);

#endif
