/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller of one's own: `emu:` names. Runs in a thread of this process behind a socket pair.
 */
#ifndef NVIO_EMU_EMBED_H
#define NVIO_EMU_EMBED_H

#include "options.h"

struct emu;

/*
 * Starts a controller and its thread. @fd receives the client's end of a vfio-user connection, the
 * caller's to close. Returns 0 or -errno with a sentence.
 */
int nvio_emu_start(const char *options, struct emu **emu, int *fd, struct emu_error *error);

/* Ends the thread and the controller. */
void nvio_emu_stop(struct emu *emu);

#endif
