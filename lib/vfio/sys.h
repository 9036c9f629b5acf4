/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The system calls that reach the kernel's VFIO and iommufd, in one table: unit tests put a kernel
 * of their own in its place, with what no kernel at hand offers and every error.
 *
 * Files of /sys and /proc are not behind it (nvio_roots of sysfs.h is their seam), nor are sockets
 * of vfio-user.
 */
#ifndef NVIO_LIB_VFIO_SYS_H
#define NVIO_LIB_VFIO_SYS_H

#include <stddef.h>
#include <sys/types.h>

/* Each as the call of the same name: -1 (MAP_FAILED) and errno when it fails. */
struct nvio_sys {
	int (*open)(const char *path, int flags);
	int (*close)(int fd);
	int (*dup)(int fd); /* close-on-exec */
	/* Puts an empty file in the place of one: its number stays in use. */
	int (*replace)(int fd);
	int (*ioctl)(int fd, unsigned long request, void *arg);
	void *(*mmap)(size_t len, int fd, off_t offset); /* shared, to read and write */
	ssize_t (*pread)(int fd, void *buf, size_t len, off_t offset);
	ssize_t (*pwrite)(int fd, const void *buf, size_t len, off_t offset);
};

/* The process' own; only unit tests change it, before and after everything else. */
extern const struct nvio_sys *nvio_sys;

/* Opens a file to read and write, close-on-exec. Returns its fd or -errno. */
int nvio_sys_open(const char *path);

/* Closes what nvio_sys_open() or an ioctl gave; -1 is fine. */
void nvio_sys_close(int fd);

/*
 * Returns what the kernel does (0 or more), or -errno. A call that a signal or a passing state of
 * the kernel interrupts (EINTR, EAGAIN) is made again, for a bounded time.
 */
int nvio_sys_ioctl(int fd, unsigned long request, void *arg);

/* As above, for requests whose argument is a number. */
int nvio_sys_ioctl_value(int fd, unsigned long request, unsigned long value);

#endif
