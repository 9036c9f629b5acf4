/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The capabilities of VFIO_USER_VERSION: a JSON object, read and written.
 */
#ifndef NVIO_EMU_VERSION_H
#define NVIO_EMU_VERSION_H

#include <stdbool.h>
#include <stddef.h>

/* What the client proposed of that which this server has an answer to. */
struct emu_caps {
	bool max_msg_fds;
	bool max_data_xfer_size;
	bool max_dma_maps;
};

/* Reads @len bytes. Returns 0, or -EINVAL when it is no JSON object with a NUL behind it. */
int nvio_emu_caps_parse(const char *text, size_t len, struct emu_caps *caps);

/*
 * The answer, with its NUL: a capability only where it was proposed ("VFIO_USER_VERSION"), in at
 * most @cap bytes. Returns its length, 0 when not even an empty one fits.
 */
size_t nvio_emu_caps_format(const struct emu_caps *caps, char *buf, size_t cap);

#endif
