/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes functions what `nvio bind` found. The caller holds the lock of the memory (state.h).
 */
#ifndef NVIO_APP_GIVE_H
#define NVIO_APP_GIVE_H

#include "nvio/state.h"

/*
 * Puts driver_override, driver and access back and forgets the function. Returns 0; -errno, and
 * what is left to do is still remembered.
 */
int give_back(const struct state *state);

/* The same for a function and those that were taken along for its sake: the first error, and goes
 * on. What has no memory is left alone. */
int give_back_all(const char *device);

#endif
