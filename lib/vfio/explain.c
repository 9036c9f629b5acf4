/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a device cannot be had, in words; see explain.h.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vfio/explain.h"
#include "vfio/pci.h"
#include "vfio/sysfs.h"

/* A clause that grows: the arguments of nvio_sysfs_each() callbacks. */
struct clause {
	char *buf;
	size_t len;
	const char *what; /* the device, path or disk that is being asked about */
};

static void driver_of(const char *pci_name, char *buf, size_t len)
{
	if (nvio_sysfs_link(buf, len, "%s/bus/pci/devices/%s/driver", nvio_roots.sys, pci_name))
		nvio_append(buf, len, "no driver");
}

static void append_device(struct clause *c, const char *pci_name)
{
	char driver[64];

	driver_of(pci_name, driver, sizeof(driver));
	nvio_append(c->buf, c->len, "%s%s (%s)", c->buf[0] ? ", " : "", pci_name, driver);
}

static bool add_controller(void *arg, const char *name)
{
	if (nvio_sysfs_number(0, "%s/bus/pci/devices/%s/class", nvio_roots.sys, name) ==
	    NVIO_PCI_CLASS_NVME)
		append_device(arg, name);
	return false;
}

void nvio_explain_controllers(char *buf, size_t len)
{
	char dir[NVIO_PATH_LEN], list[512] = "";
	struct clause c = { list, sizeof(list), NULL };

	snprintf(dir, sizeof(dir), "%s/bus/pci/devices", nvio_roots.sys);
	nvio_sysfs_each(dir, add_controller, &c);
	buf[0] = '\0';
	if (list[0])
		nvio_append(buf, len, "NVMe controllers here: %s", list);
	else
		nvio_append(buf, len, "this machine shows no NVMe controller");
}

/* Calls @match for each line of /proc/@file until it returns true. */
static bool each_proc_line(const char *file, bool (*match)(struct clause *c, char *line),
			   struct clause *c)
{
	char path[NVIO_PATH_LEN], line[1024];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", nvio_roots.proc, file);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = match(c, line);
	fclose(f);
	return found;
}

/* mountinfo: id parent MAJ:MIN root MOUNTPOINT ...; @what is the disk's "MAJ:MIN". */
static bool match_mount(struct clause *c, char *line)
{
	char number[32], where[512];

	if (sscanf(line, "%*s %*s %31s %*s %511s", number, where) != 2 || strcmp(number, c->what))
		return false;
	nvio_append(c->buf, c->len, " is mounted on %s", where);
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
	return true;
}

static bool match_holder(void *arg, const char *name)
{
	struct clause *c = arg;

	nvio_append(c->buf, c->len, " is part of %s", name);
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
	nvio_append(c->buf, c->len, "%s is in use by the kernel (a mount or an array)", name);
	return true;
}

/* Whether a disk or partition is in use; then " is mounted on ..." is appended. */
static bool block_in_use(struct clause *c, const char *name)
{
	char number[32], dir[NVIO_PATH_LEN];
	struct clause probe = { c->buf, c->len, number };

	snprintf(dir, sizeof(dir), "%s/class/block/%s/holders", nvio_roots.sys, name);
	if (!nvio_sysfs_line(number, sizeof(number), "%s/class/block/%s/dev", nvio_roots.sys,
			     name) &&
	    each_proc_line("self/mountinfo", match_mount, &probe))
		return true;
	probe.what = name;
	return each_proc_line("swaps", match_swap, &probe) ||
	       nvio_sysfs_each(dir, match_holder, &probe);
}

static bool add_use(struct clause *c, const char *name)
{
	char use[768] = "";
	struct clause probe = { use, sizeof(use), NULL };

	if (!block_in_use(&probe, name))
		return false;
	nvio_append(c->buf, c->len, "%s%s", name, use);
	return true;
}

/* Partitions of disk @what are its subdirectories with a file "partition". */
static bool add_partition_use(void *arg, const char *name)
{
	struct clause *c = arg;

	if (!nvio_sysfs_exists("%s/class/block/%s/%s/partition", nvio_roots.sys, c->what, name))
		return false;
	return add_use(c, name);
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
static bool add_disk_use(void *arg, const char *name)
{
	struct clause *c = arg, inner;
	char disk[32], dir[NVIO_PATH_LEN];

	if (strncmp(name, "nvme", 4) || !isdigit((unsigned char)name[4]))
		return false;
	disk_of_path(name, disk);
	if (add_use(c, disk))
		return true;
	inner = (struct clause){ c->buf, c->len, disk };
	snprintf(dir, sizeof(dir), "%s/class/block/%s", nvio_roots.sys, disk);
	return nvio_sysfs_each(dir, add_partition_use, &inner) || held_exclusively(c, disk);
}

static bool add_nvme_use(void *arg, const char *name)
{
	struct clause *c = arg;
	char dir[NVIO_PATH_LEN];

	snprintf(dir, sizeof(dir), "%s/bus/pci/devices/%s/nvme/%s", nvio_roots.sys, c->what, name);
	return nvio_sysfs_each(dir, add_disk_use, c);
}

void nvio_explain_block_use(const char *pci_name, char *buf, size_t len)
{
	struct clause c = { buf, len, pci_name };
	char dir[NVIO_PATH_LEN];

	buf[0] = '\0';
	snprintf(dir, sizeof(dir), "%s/bus/pci/devices/%s/nvme", nvio_roots.sys, pci_name);
	nvio_sysfs_each(dir, add_nvme_use, &c);
}

static bool add_group_device(void *arg, const char *name)
{
	append_device(arg, name);
	return false;
}

void nvio_explain_group(int group, char *buf, size_t len)
{
	struct clause c = { buf, len, NULL };
	char dir[NVIO_PATH_LEN];

	buf[0] = '\0';
	snprintf(dir, sizeof(dir), "%s/kernel/iommu_groups/%d/devices", nvio_roots.sys, group);
	nvio_sysfs_each(dir, add_group_device, &c);
}

static bool is_open_fd(void *arg, const char *fd)
{
	struct clause *c = arg;
	char path[NVIO_PATH_LEN], target[NVIO_PATH_LEN];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", c->buf, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	return !strcmp(target, c->what);
}

static bool add_if_holder(void *arg, const char *pid)
{
	struct clause *c = arg;
	char dir[NVIO_PATH_LEN], name[64];
	struct clause fds = { dir, sizeof(dir), c->what };

	if (!isdigit((unsigned char)pid[0]))
		return false;
	snprintf(dir, sizeof(dir), "%s/%s/fd", nvio_roots.proc, pid);
	if (!nvio_sysfs_each(dir, is_open_fd, &fds))
		return false;
	nvio_sysfs_line(name, sizeof(name), "%s/%s/comm", nvio_roots.proc, pid);
	nvio_append(c->buf, c->len, "held by process %s (%s)%s", pid, name,
		    atol(pid) == getpid() ? ", which is this one" : "");
	return true;
}

void nvio_explain_holder(const char *path, char *buf, size_t len)
{
	struct clause c = { buf, len, path };

	buf[0] = '\0';
	if (!nvio_sysfs_each(nvio_roots.proc, add_if_holder, &c))
		nvio_append(buf, len, "held by a process that this user cannot see");
}

void nvio_explain_mode(const char *path, char *buf, size_t len)
{
	struct stat st;

	buf[0] = '\0';
	if (stat(path, &st))
		return;
	nvio_append(buf, len, "user %u, group %u, mode %04o", st.st_uid, st.st_gid,
		    st.st_mode & 07777u);
}

/* VFIO charges locked_vm, which /proc shows as VmLck. */
static bool match_locked(struct clause *c, char *line)
{
	if (strncmp(line, "VmLck:", 6))
		return false;
	nvio_append(c->buf, c->len, "%s", line + 6);
	return true;
}

unsigned long long nvio_locked_len(void)
{
	char text[64] = "";
	struct clause c = { text, sizeof(text), NULL };

	each_proc_line("self/status", match_locked, &c);
	return strtoull(text, NULL, 10) * 1024;
}
