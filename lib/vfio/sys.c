/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The system calls under lib/vfio; see sys.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "vfio/sys.h"

/* What VFIO answers EAGAIN to is over in milliseconds, or never. */
#define PATIENCE_NS (200 * NVIO_NS_PER_MS)

static int real_open(const char *path, int flags)
{
	return open(path, flags);
}

static int real_dup(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static int real_replace(int fd)
{
	int empty = eventfd(0, EFD_CLOEXEC), ret;

	if (empty < 0)
		return -1;
	ret = dup3(empty, fd, O_CLOEXEC);
	close(empty);
	return ret;
}

static int real_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg);
}

static void *real_mmap(size_t len, int fd, off_t offset)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

static const struct nvio_sys real = {
	.open = real_open,
	.close = close,
	.dup = real_dup,
	.replace = real_replace,
	.ioctl = real_ioctl,
	.mmap = real_mmap,
	.pread = pread,
	.pwrite = pwrite,
};

const struct nvio_sys *nvio_sys = &real;

int nvio_sys_open(const char *path)
{
	int fd = nvio_sys->open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void nvio_sys_close(int fd)
{
	if (fd >= 0)
		nvio_sys->close(fd);
}

int nvio_sys_ioctl(int fd, unsigned long request, void *arg)
{
	struct nvio_backoff backoff;
	int ret = nvio_sys->ioctl(fd, request, arg);

	if (ret >= 0)
		return ret;
	nvio_backoff_start(&backoff, PATIENCE_NS);
	while (ret < 0 && (errno == EINTR || errno == EAGAIN)) {
		int err = errno;

		if (!nvio_backoff_wait(&backoff))
			return -err;
		ret = nvio_sys->ioctl(fd, request, arg);
	}
	return ret < 0 ? -errno : ret;
}

int nvio_sys_ioctl_value(int fd, unsigned long request, unsigned long value)
{
	return nvio_sys_ioctl(fd, request, (void *)(uintptr_t)value);
}
