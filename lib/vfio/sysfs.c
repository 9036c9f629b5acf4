/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading small facts out of /sys and /proc; see sysfs.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfio/sysfs.h"

struct nvio_roots nvio_roots = { .sys = "/sys", .proc = "/proc", .dev = "/dev" };

static int read_line(char *buf, size_t len, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	n = read(fd, buf, len - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0) {
		buf[0] = '\0';
		return (int)n;
	}
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

int nvio_sysfs_line(char *buf, size_t len, const char *fmt, ...)
{
	char path[NVIO_PATH_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return read_line(buf, len, path);
}

int nvio_sysfs_link(char *buf, size_t len, const char *fmt, ...)
{
	char path[NVIO_PATH_LEN], target[NVIO_PATH_LEN];
	const char *name;
	va_list ap;
	ssize_t n;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	buf[0] = '\0';
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	name = strrchr(target, '/');
	nvio_append(buf, len, "%s", name ? name + 1 : target);
	return 0;
}

long nvio_sysfs_number(long otherwise, const char *fmt, ...)
{
	char path[NVIO_PATH_LEN], line[64], *end;
	va_list ap;
	long value;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (read_line(line, sizeof(line), path) < 0)
		return otherwise;
	value = strtol(line, &end, 0);
	return end == line ? otherwise : value;
}

bool nvio_sysfs_exists(const char *fmt, ...)
{
	char path[NVIO_PATH_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return access(path, F_OK) == 0;
}

bool nvio_sysfs_each(const char *dir, bool (*each)(void *arg, const char *name), void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	bool done = false;

	if (!d)
		return false;
	while (!done && (entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			done = each(arg, entry->d_name);
	}
	closedir(d);
	return done;
}

void nvio_append(char *buf, size_t len, const char *fmt, ...)
{
	size_t used = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + used, len - used, fmt, ap);
	va_end(ap);
}
