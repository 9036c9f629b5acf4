/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI function and its IOMMU group; see function.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "nvio/function.h"
#include "vfio/explain.h"
#include "vfio/sysfs.h"

/* A bridge is no function that a driver uses for itself. */
#define CLASS_BASE_BRIDGE 0x06

struct collecting {
	struct names *names;
	bool (*want)(const char *name);
	int err;
};

static bool add_name(void *arg, const char *name)
{
	struct collecting *c = arg;
	void *larger;

	if (!c->want(name))
		return false;
	larger = realloc(c->names->name, (c->names->nr + 1) * sizeof(*c->names->name));
	if (!larger) {
		c->err = nvio_error(ENOMEM, "no memory for the names of PCI functions");
		return true;
	}
	c->names->name = larger;
	snprintf(c->names->name[c->names->nr++], NVIO_PCI_NAME_LEN, "%s", name);
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

int names_collect(struct names *names, const char *dir, bool (*want)(const char *name))
{
	struct collecting c = { names, want, 0 };

	*names = (struct names){ 0 };
	nvio_sysfs_each(dir, add_name, &c);
	if (c.err)
		names_free(names);
	else if (names->nr)
		qsort(names->name, names->nr, sizeof(*names->name), compare_names);
	return c.err;
}

void names_free(struct names *names)
{
	free(names->name);
	*names = (struct names){ 0 };
}

static bool is_controller(const char *name)
{
	return nvio_sysfs_number(0, "%s/bus/pci/devices/%s/class", nvio_roots.sys, name) ==
	       NVIO_PCI_CLASS_NVME;
}

static bool is_any(const char *name)
{
	return name[0];
}

int function_controllers(struct names *names)
{
	char dir[NVIO_PATH_LEN];

	snprintf(dir, sizeof(dir), "%s/bus/pci/devices", nvio_roots.sys);
	return names_collect(names, dir, is_controller);
}

int function_group(int group, struct names *names)
{
	char dir[NVIO_PATH_LEN];

	snprintf(dir, sizeof(dir), "%s/kernel/iommu_groups/%d/devices", nvio_roots.sys, group);
	return names_collect(names, dir, is_any);
}

void function_override(const char *pci_name, char *buf, size_t len)
{
	nvio_sysfs_line(buf, len, "%s/bus/pci/devices/%s/driver_override", nvio_roots.sys,
			pci_name);
	if (!strcmp(buf, "(null)"))
		buf[0] = '\0';
}

struct nvme_file {
	const char *pci_name;
	const char *file;
	char *buf;
	size_t len;
};

static bool read_nvme_file(void *arg, const char *name)
{
	struct nvme_file *f = arg;
	size_t end;

	if (nvio_sysfs_line(f->buf, f->len, "%s/bus/pci/devices/%s/nvme/%s/%s", nvio_roots.sys,
			    f->pci_name, name, f->file))
		return false;
	for (end = strlen(f->buf); end && f->buf[end - 1] == ' '; end--)
		f->buf[end - 1] = '\0';
	return true;
}

void function_nvme(const char *pci_name, const char *file, char *buf, size_t len)
{
	struct nvme_file f = { pci_name, file, buf, len };
	char dir[NVIO_PATH_LEN];

	buf[0] = '\0';
	snprintf(dir, sizeof(dir), "%s/bus/pci/devices/%s/nvme", nvio_roots.sys, pci_name);
	nvio_sysfs_each(dir, read_nvme_file, &f);
}

bool function_harmless(const struct nvio_pci *pci)
{
	static const char *const drivers[] = { "", "vfio-pci", "pci-stub", "pcieport" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(drivers); i++) {
		if (!strcmp(pci->driver, drivers[i]))
			return true;
	}
	return pci->class_code >> 16 == CLASS_BASE_BRIDGE;
}

bool function_noiommu_mode(void)
{
	char value[8];

	nvio_sysfs_line(value, sizeof(value),
			"%s/module/vfio/parameters/enable_unsafe_noiommu_mode", nvio_roots.sys);
	return value[0] == 'Y' || value[0] == '1';
}

void function_group_node(const struct nvio_pci *pci, char *buf, size_t len)
{
	buf[0] = '\0';
	if (pci->group < 0)
		return;
	nvio_append(buf, len, "%s/vfio/%s%d", nvio_roots.dev, pci->noiommu ? "noiommu-" : "",
		    pci->group);
	if (!nvio_sysfs_exists("%s", buf))
		buf[0] = '\0';
}

void function_cdev_node(const struct nvio_pci *pci, char *buf, size_t len)
{
	buf[0] = '\0';
	if (!pci->cdev[0])
		return;
	nvio_append(buf, len, "%s/vfio/devices/%s", nvio_roots.dev, pci->cdev);
	if (!nvio_sysfs_exists("%s", buf))
		buf[0] = '\0';
}

bool function_holder(const struct nvio_pci *pci, char *buf, size_t len)
{
	char node[NODE_LEN];

	buf[0] = '\0';
	function_group_node(pci, node, sizeof(node));
	if (node[0] && nvio_find_holder(node, buf, len))
		return true;
	function_cdev_node(pci, node, sizeof(node));
	return node[0] && nvio_find_holder(node, buf, len);
}
