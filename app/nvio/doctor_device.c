/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What has to be true of one function; see doctor.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "nvio/doctor.h"
#include "nvio/function.h"
#include "nvio/use.h"
#include "vfio/explain.h"
#include "vfio/sysfs.h"

#define COMMAND_LEN 128

static void say_bind(char fix[COMMAND_LEN], const char *option, const struct nvio_pci *pci)
{
	if (geteuid())
		snprintf(fix, COMMAND_LEN, "sudo nvio bind %s--user %s %s", option, doctor_user(),
			 pci->name);
	else
		snprintf(fix, COMMAND_LEN, "nvio bind %s%s", option, pci->name);
}

/* A function on another driver: what uses it is in the way before its driver is. */
static void check_driver(struct doctor *d, const struct nvio_pci *pci)
{
	char use[USE_LEN], fix[USE_LEN], bind[COMMAND_LEN];

	say_bind(bind, "", pci);
	use_find(pci, use, fix);
	if (use[0])
		nvio_append(fix, sizeof(fix), "%s", fix[0] ? "; " : "");
	if (!use[0] || fix[0])
		nvio_append(fix, sizeof(fix), "%s", bind);
	check(d, CHECK_BAD, "driver", fix, "%s instead of vfio-pci%s%s",
	      pci->driver[0] ? pci->driver : "none", use[0] ? "; in use: " : "", use);
}

static bool check_group_members(struct doctor *d, const struct nvio_pci *pci)
{
	char list[NVIO_PATH_LEN], fix[COMMAND_LEN];
	struct nvio_pci other;
	struct names names;
	bool viable = true;
	size_t i, nr;

	if (function_group(pci->group, &names))
		return true;
	for (i = 0; i < names.nr; i++)
		viable &= !strcmp(names.name[i], pci->name) ||
			  nvio_pci_read(names.name[i], &other) || function_harmless(&other);
	nr = names.nr;
	names_free(&names);
	if (viable && nr <= 1) {
		check(d, CHECK_OK, "group", NULL, "IOMMU group %d, alone", pci->group);
		return true;
	}
	nvio_explain_group(pci->group, list, sizeof(list));
	say_bind(fix, "--group ", pci);
	check(d, viable ? CHECK_OK : CHECK_BAD, "group", viable ? NULL : fix,
	      "IOMMU group %d%s: %s", pci->group,
	      viable ? "" : " holds devices that another driver has", list);
	return viable;
}

/* The answer of VFIO itself, where this user may open the group. */
static void check_open_group(struct doctor *d, const struct nvio_pci *pci, int fd)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	if (!ioctl(fd, VFIO_GROUP_GET_STATUS, &status) && !(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		check(d, CHECK_BAD, "vfio", NULL, "VFIO calls group %d not viable", pci->group);
	else
		check(d, CHECK_OK, "vfio", NULL, "group %d can be opened", pci->group);
}

/* @spare: there is a better way that is open to this user. */
static void check_node(struct doctor *d, const struct nvio_pci *pci, const char *node, bool spare)
{
	char text[NVIO_PATH_LEN], fix[COMMAND_LEN];
	int fd = open(node, O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		check(d, CHECK_OK, "permission", NULL, "%s", node);
		check_open_group(d, pci, fd);
		close(fd);
		return;
	}
	switch (errno) {
	case EACCES:
	case EPERM:
		nvio_explain_mode(node, text, sizeof(text));
		say_bind(fix, "", pci);
		check(d, spare ? CHECK_NOTE : CHECK_BAD, "permission", fix,
		      "%s may not open %s (%s)", doctor_user(), node, text);
		return;
	case EBUSY:
		nvio_explain_user(pci, text, sizeof(text));
		check(d, CHECK_BAD, "vfio", NULL, "%s is in use: %s", node, text);
		return;
	default:
		check(d, CHECK_BAD, "vfio", "dmesg", "%s cannot be opened: %s", node,
		      strerror(errno));
	}
}

/* The function's own file is the better way. Returns whether this user may go it. */
static bool check_cdev(struct doctor *d, const struct nvio_pci *pci)
{
	char node[NODE_LEN], fix[COMMAND_LEN], iommu[NODE_LEN];

	function_cdev_node(pci, node, sizeof(node));
	snprintf(iommu, sizeof(iommu), "%s/iommu", nvio_roots.dev);
	if (!node[0] || access(iommu, F_OK))
		return false;
	say_bind(fix, "", pci);
	if (!eaccess(node, R_OK | W_OK) && !eaccess(iommu, R_OK | W_OK)) {
		check(d, CHECK_OK, "cdev", NULL, "%s and %s", node, iommu);
		return true;
	}
	check(d, CHECK_NOTE, "cdev", fix, "%s may not open %s and %s", doctor_user(), node, iommu);
	return false;
}

void doctor_device(struct doctor *d, const char *name)
{
	char node[NODE_LEN];
	struct nvio_pci pci;
	bool cdev;

	if (nvio_pci_read(name, &pci)) {
		check(d, CHECK_BAD, "device", "nvio list", "%s", nvio_last_error());
		return;
	}
	if (pci.class_code != NVIO_PCI_CLASS_NVME) {
		check(d, CHECK_BAD, "device", "nvio list",
		      "of PCI class 0x%06x, no NVMe controller (0x%06x)", pci.class_code,
		      NVIO_PCI_CLASS_NVME);
		return;
	}
	if (strcmp(pci.driver, "vfio-pci")) {
		check_driver(d, &pci);
		if (pci.group >= 0)
			check_group_members(d, &pci);
		return;
	}
	check(d, CHECK_OK, "driver", NULL, "vfio-pci");
	if (pci.group < 0)
		return;
	if (pci.noiommu) {
		check(d, CHECK_BAD, "group", NULL,
		      "of no-IOMMU mode: driven on request only (`--vfio noiommu`), by root, and "
		      "nothing keeps the device from any memory");
		return;
	}
	if (!check_group_members(d, &pci))
		return;
	cdev = check_cdev(d, &pci);
	function_group_node(&pci, node, sizeof(node));
	if (node[0])
		check_node(d, &pci, node, cdev);
	else
		check(d, CHECK_BAD, "vfio", "modprobe vfio-pci", "there is no %s/vfio/%d",
		      nvio_roots.dev, pci.group);
}
