/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the disks of a PCI function are used for, in words; see explain.h.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vfio/clause.h"
#include "vfio/explain.h"
#include "vfio/sysfs.h"

__attribute__((format(printf, 2, 3))) static void add_fix(struct clause *c, const char *fmt, ...)
{
	char command[NVIO_PATH_LEN];
	va_list ap;

	if (!c->fix)
		return;
	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	nvio_append(c->fix->buf, c->fix->len, "%s%s", c->fix->buf[0] ? "; " : "", command);
}

/* mountinfo writes blanks, tabs and the like as \\040. */
static void decode_path(char *path)
{
	char *to = path;
	unsigned int code;

	for (; *path; to++) {
		if (sscanf(path, "\\%3o", &code) == 1 && strspn(path + 1, "01234567") >= 3) {
			*to = (char)code;
			path += 4;
		} else {
			*to = *path++;
		}
	}
	*to = '\0';
}

/* Nothing ends that: no command is told, nor one for anything else. */
static void forbid_fix(struct clause *c)
{
	if (!c->fix)
		return;
	c->fix->buf[0] = '\0';
	c->fix->len = 1;
}

/* mountinfo: id parent MAJ:MIN root MOUNTPOINT ...; @what is the disk's "MAJ:MIN". */
static bool match_mount(struct clause *c, char *line)
{
	char number[32], where[512];

	if (sscanf(line, "%*s %*s %31s %*s %511s", number, where) != 2 || strcmp(number, c->what))
		return false;
	decode_path(where);
	nvio_append(c->buf, c->len, " is mounted on %s", where);
	if (!strcmp(where, "/"))
		forbid_fix(c);
	add_fix(c, strpbrk(where, " \t\n\\\"$&;*?()<>|`#~") ? "umount '%s'" : "umount %s", where);
	return true;
}

/* swaps: /dev/NAME type size ...; @what is NAME. */
static bool match_swap(struct clause *c, char *line)
{
	char path[512];
	const char *name;

	if (sscanf(line, "%511s", path) != 1)
		return false;
	name = strrchr(path, '/');
	if (!name || strcmp(name + 1, c->what))
		return false;
	nvio_append(c->buf, c->len, " is used as swap");
	add_fix(c, "swapoff %s", path);
	return true;
}

static bool match_holder(void *arg, const char *name)
{
	struct clause *c = arg;
	char title[128];

	nvio_append(c->buf, c->len, " is part of %s", name);
	if (!nvio_sysfs_line(title, sizeof(title), "%s/class/block/%s/dm/name", nvio_roots.sys,
			     name)) {
		nvio_append(c->buf, c->len, " (%s)", title);
		add_fix(c, "dmsetup remove %s", title);
	} else if (!strncmp(name, "md", 2)) {
		add_fix(c, "mdadm --stop /dev/%s", name);
	}
	return true;
}

/*
 * What has no line in mountinfo under the disk's own number: btrfs, ZFS, a mount in another
 * namespace. The kernel holds such a disk exclusively.
 */
static bool held_exclusively(struct clause *c, const char *name)
{
	char path[NVIO_PATH_LEN];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", nvio_roots.dev, name);
	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		return false;
	}
	if (errno != EBUSY)
		return false;
	nvio_append(c->buf, c->len, " is in use by the kernel (a mount or an array)");
	return true;
}

/* A process reads or writes the disk itself. */
static bool held_by_process(struct clause *c, const char *name)
{
	char path[NVIO_PATH_LEN], holder[128];

	snprintf(path, sizeof(path), "%s/%s", nvio_roots.dev, name);
	if (!nvio_find_holder(path, holder, sizeof(holder)))
		return false;
	nvio_append(c->buf, c->len, " is %s", holder);
	return true;
}

/* Whether a disk or partition is in use as far as lists tell; then " is mounted on ..." is
 * appended. */
static bool block_in_use(struct clause *c, const char *name)
{
	char number[32], dir[NVIO_PATH_LEN];
	struct clause probe = { c->buf, c->len, number, c->fix };

	snprintf(dir, sizeof(dir), "%s/class/block/%s/holders", nvio_roots.sys, name);
	if (!nvio_sysfs_line(number, sizeof(number), "%s/class/block/%s/dev", nvio_roots.sys,
			     name) &&
	    nvio_each_proc_line("self/mountinfo", match_mount, &probe))
		return true;
	probe.what = name;
	return nvio_each_proc_line("swaps", match_swap, &probe) ||
	       nvio_sysfs_each(dir, match_holder, &probe);
}

/* Appends what a disk or partition is used for, if it is. */
static bool add_use(struct clause *c, const char *name,
		    bool (*in_use)(struct clause *c, const char *name))
{
	char use[768] = "";
	struct clause probe = { use, sizeof(use), NULL, c->fix };

	if (!in_use(&probe, name))
		return false;
	nvio_append(c->buf, c->len, "%s%s%s", c->buf[0] ? " and " : "", name, use);
	return true;
}

/* Partitions of disk @what are its subdirectories with a file "partition". */
static bool add_partition_use(void *arg, const char *name)
{
	struct clause *c = arg;

	if (nvio_sysfs_exists("%s/class/block/%s/%s/partition", nvio_roots.sys, c->what, name) &&
	    !add_use(c, name, block_in_use))
		add_use(c, name, held_by_process);
	return false;
}

/* A disk with its partitions. Who holds it is only asked when nothing better is known. */
static void add_disk_use(struct clause *c, const char *disk)
{
	char list[768] = "", dir[NVIO_PATH_LEN];
	struct clause inner = { list, sizeof(list), disk, c->fix };

	snprintf(dir, sizeof(dir), "%s/class/block/%s", nvio_roots.sys, disk);
	add_use(&inner, disk, block_in_use);
	nvio_sysfs_each(dir, add_partition_use, &inner);
	if (!list[0] && !add_use(&inner, disk, held_exclusively))
		add_use(&inner, disk, held_by_process);
	if (list[0])
		nvio_append(c->buf, c->len, "%s%s", c->buf[0] ? " and " : "", list);
}

/* A multipath path device "nvme0c1n2" belongs to disk "nvme0n2". */
static void disk_of_path(const char *name, char disk[32])
{
	unsigned int subsystem, controller, ns;

	if (sscanf(name, "nvme%uc%un%u", &subsystem, &controller, &ns) == 3)
		snprintf(disk, 32, "nvme%un%u", subsystem, ns);
	else
		snprintf(disk, 32, "%.31s", name);
}

/* An entry of .../nvme/nvme0: its namespaces are the ones that begin with nvme and a digit. */
static bool add_namespace_use(void *arg, const char *name)
{
	char disk[32];

	if (strncmp(name, "nvme", 4) || !isdigit((unsigned char)name[4]))
		return false;
	disk_of_path(name, disk);
	add_disk_use(arg, disk);
	return false;
}

static bool add_nvme_use(void *arg, const char *name)
{
	struct clause *c = arg;
	char dir[NVIO_PATH_LEN];

	snprintf(dir, sizeof(dir), "%s/bus/pci/devices/%s/nvme/%s", nvio_roots.sys, c->what, name);
	return nvio_sysfs_each(dir, add_namespace_use, c);
}

/* A disk of another kind of device: /sys/class/block has links through the device's folder. */
static bool add_other_use(void *arg, const char *name)
{
	struct clause *c = arg;
	char path[NVIO_PATH_LEN], target[NVIO_PATH_LEN], folder[32];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/class/block/%s", nvio_roots.sys, name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	snprintf(folder, sizeof(folder), "/%s/", c->what);
	if (!strstr(target, folder) || strstr(target, "/nvme/") ||
	    nvio_sysfs_exists("%s/partition", path))
		return false;
	add_disk_use(c, name);
	return false;
}

void nvio_explain_block_use(const char *pci_name, char *buf, size_t len)
{
	nvio_explain_block_fix(pci_name, buf, len, NULL, 0);
}

void nvio_explain_block_fix(const char *pci_name, char *buf, size_t len, char *fix, size_t fix_len)
{
	struct clause commands = { fix, fix_len, NULL, NULL };
	struct clause c = { buf, len, pci_name, fix ? &commands : NULL };
	char dir[NVIO_PATH_LEN];

	buf[0] = '\0';
	if (fix)
		fix[0] = '\0';
	snprintf(dir, sizeof(dir), "%s/bus/pci/devices/%s/nvme", nvio_roots.sys, pci_name);
	nvio_sysfs_each(dir, add_nvme_use, &c);
	snprintf(dir, sizeof(dir), "%s/class/block", nvio_roots.sys);
	nvio_sysfs_each(dir, add_other_use, &c);
}
