/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A machine of files: trees for /sys, /proc, /dev and /run in a temporary folder, where the library
 * and the programs look while a test runs.
 */
#ifndef TEST_UNIT_FAKE_SYS_H
#define TEST_UNIT_FAKE_SYS_H

#include <stdbool.h>

/* Makes an empty machine and points nvio_roots at it. Returns its folder. */
const char *fake_sys_begin(void);

/* Removes it, and points nvio_roots at the real one again. */
void fake_sys_end(void);

/* Makes a file, or a link, with its folders; what was there is replaced. */
void fake_sys_put(const char *path, const char *text);
void fake_sys_link(const char *path, const char *target);

void fake_sys_remove(const char *path);

/* First line of a file; "" when there is none. Valid until the next call. */
const char *fake_sys_get(const char *path);

#endif
