/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a device cannot be had, in words; see explain.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "vfio/clause.h"
#include "vfio/explain.h"
#include "vfio/pci.h"
#include "vfio/sysfs.h"

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
	struct clause c = { list, sizeof(list), NULL, NULL };

	snprintf(dir, sizeof(dir), "%s/bus/pci/devices", nvio_roots.sys);
	nvio_sysfs_each(dir, add_controller, &c);
	buf[0] = '\0';
	if (list[0])
		nvio_append(buf, len, "NVMe controllers here: %s", list);
	else
		nvio_append(buf, len, "this machine shows no NVMe controller");
}

bool nvio_each_proc_line(const char *file, bool (*match)(struct clause *c, char *line),
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

static bool add_group_device(void *arg, const char *name)
{
	append_device(arg, name);
	return false;
}

void nvio_explain_group(int group, char *buf, size_t len)
{
	struct clause c = { buf, len, NULL, NULL };
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
	struct clause fds = { dir, sizeof(dir), c->what, NULL };

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

bool nvio_find_holder(const char *path, char *buf, size_t len)
{
	struct clause c = { buf, len, path, NULL };

	buf[0] = '\0';
	return nvio_sysfs_each(nvio_roots.proc, add_if_holder, &c);
}

void nvio_explain_user(const struct nvio_pci *pci, char *buf, size_t len)
{
	char path[NVIO_PATH_LEN];

	buf[0] = '\0';
	snprintf(path, sizeof(path), "%s/vfio/%d", nvio_roots.dev, pci->group);
	if (nvio_find_holder(path, buf, len))
		return;
	snprintf(path, sizeof(path), "%s/vfio/devices/%s", nvio_roots.dev, pci->cdev);
	if (!pci->cdev[0] || !nvio_find_holder(path, buf, len))
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

static bool match_locked(struct clause *c, char *line)
{
	if (strncmp(line, c->what, strlen(c->what)))
		return false;
	nvio_append(c->buf, c->len, "%s", line + strlen(c->what));
	return true;
}

unsigned long long nvio_locked_len(const char *field)
{
	char text[64] = "";
	struct clause c = { text, sizeof(text), field, NULL };

	nvio_each_proc_line("self/status", match_locked, &c);
	return strtoull(text, NULL, 10) * 1024;
}

int nvio_explain_nomem(size_t len, const char *field)
{
	unsigned long long locked = nvio_locked_len(field);
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY ||
	    locked + len <= limit.rlim_cur)
		return nvio_error(ENOMEM, "the kernel is out of memory mapping %zu bytes for DMA",
				  len);
	return nvio_error(ENOMEM,
			  "mapping %zu bytes for DMA needs RLIMIT_MEMLOCK of %llu bytes (%llu are "
			  "locked already), it is %llu: raise it with `ulimit -l %llu`, "
			  "LimitMEMLOCK= or limits.conf",
			  len, locked + len, locked, (unsigned long long)limit.rlim_cur,
			  (locked + len + 1023) / 1024);
}
