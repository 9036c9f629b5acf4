/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading small facts out of /sys and /proc. Reads only: nothing here changes the machine.
 */
#ifndef NVIO_LIB_VFIO_SYSFS_H
#define NVIO_LIB_VFIO_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

/* Where the trees are; unit tests point them at trees of their own. */
struct nvio_roots {
	const char *sys;
	const char *proc;
	const char *dev;
};

extern struct nvio_roots nvio_roots;

#define NVIO_PATH_LEN 512

/* First line of a file, without its newline. Returns 0 or -errno; @buf is "" then. */
__attribute__((format(printf, 3, 4))) int nvio_sysfs_line(char *buf, size_t len, const char *fmt,
							  ...);

/* Last component of what a symbolic link points to. Returns 0 or -errno; @buf is "" then. */
__attribute__((format(printf, 3, 4))) int nvio_sysfs_link(char *buf, size_t len, const char *fmt,
							  ...);

/* A number in C notation ("0x010802", "-1"). Returns @otherwise when there is none. */
__attribute__((format(printf, 2, 3))) long nvio_sysfs_number(long otherwise, const char *fmt, ...);

__attribute__((format(printf, 1, 2))) bool nvio_sysfs_exists(const char *fmt, ...);

/*
 * Calls @each for every entry of a directory but "." and "..", until it returns true.
 * Returns whether one did.
 */
bool nvio_sysfs_each(const char *dir, bool (*each)(void *arg, const char *name), void *arg);

/* Appends to a string of @len bytes at most; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) void nvio_append(char *buf, size_t len, const char *fmt, ...);

#endif
