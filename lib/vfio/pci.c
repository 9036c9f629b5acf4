/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What /sys says of a PCI function; see pci.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "vfio/explain.h"
#include "vfio/pci.h"
#include "vfio/sysfs.h"

int nvio_pci_name(const char *name, char out[NVIO_PCI_NAME_LEN])
{
	unsigned int domain = 0, bus, slot, function;
	char text[NVIO_PCI_NAME_LEN];
	size_t i, separators = 0;
	int end = 0;

	/* Nothing else: sscanf() takes signs and blanks before a number. */
	if (strlen(name) >= sizeof(text) || name[strspn(name, ":.0123456789abcdefABCDEF")])
		goto malformed;
	for (i = 0; name[i]; i++) {
		text[i] = (char)(name[i] == '.' ? ':' : name[i]);
		separators += text[i] == ':';
	}
	text[i] = '\0';
	if (separators == 3)
		sscanf(text, "%4x:%2x:%2x:%1x%n", &domain, &bus, &slot, &function, &end);
	else if (separators == 2)
		sscanf(text, "%2x:%2x:%1x%n", &bus, &slot, &function, &end);
	if (!end || text[end] || slot > 0x1f || function > 7)
		goto malformed;
	snprintf(out, NVIO_PCI_NAME_LEN, "%04x:%02x:%02x.%x", domain & 0xffff, bus & 0xff,
		 slot & 0x1f, function & 7);
	return 0;

malformed:
	return nvio_error(EINVAL, "'%s' is no device: expected a PCI address such as 0000:01:00.0",
			  name);
}

/* Each device of VFIO has a directory; one that can be opened by itself has a number in it. */
static bool take_cdev(void *arg, const char *name)
{
	struct nvio_pci *pci = arg;

	if (strlen(name) >= sizeof(pci->cdev) ||
	    !nvio_sysfs_exists("%s/bus/pci/devices/%s/vfio-dev/%s/dev", nvio_roots.sys, pci->name,
			       name))
		return false;
	strcpy(pci->cdev, name);
	return true;
}

int nvio_pci_read(const char *name, struct nvio_pci *pci)
{
	char group[16], known[256], dir[NVIO_PATH_LEN];
	int err;

	memset(pci, 0, sizeof(*pci));
	err = nvio_pci_name(name, pci->name);
	if (err)
		return err;
	if (!nvio_sysfs_exists("%s/bus/pci/devices/%s", nvio_roots.sys, pci->name)) {
		nvio_explain_controllers(known, sizeof(known));
		return nvio_error(ENODEV, "%s: no such PCI device; %s", pci->name, known);
	}
#define ATTRIBUTE(attribute, otherwise) \
	nvio_sysfs_number(otherwise, "%s/bus/pci/devices/%s/" attribute, nvio_roots.sys, pci->name)
	pci->class_code = (uint32_t)ATTRIBUTE("class", 0);
	pci->vendor = (uint16_t)ATTRIBUTE("vendor", 0);
	pci->device = (uint16_t)ATTRIBUTE("device", 0);
	pci->numa_node = (int)ATTRIBUTE("numa_node", -1);
#undef ATTRIBUTE
	nvio_sysfs_link(pci->driver, sizeof(pci->driver), "%s/bus/pci/devices/%s/driver",
			nvio_roots.sys, pci->name);
	pci->group = -1;
	if (!nvio_sysfs_link(group, sizeof(group), "%s/bus/pci/devices/%s/iommu_group",
			     nvio_roots.sys, pci->name))
		pci->group = atoi(group);
	nvio_sysfs_line(known, sizeof(known), "%s/kernel/iommu_groups/%d/name", nvio_roots.sys,
			pci->group);
	pci->noiommu = !strcmp(known, "vfio-noiommu");
	snprintf(dir, sizeof(dir), "%s/bus/pci/devices/%s/vfio-dev", nvio_roots.sys, pci->name);
	nvio_sysfs_each(dir, take_cdev, pci);
	return 0;
}
