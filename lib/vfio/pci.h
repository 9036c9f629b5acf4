/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What /sys says of a PCI function before it is opened: its name, driver, class, group and node.
 */
#ifndef NVIO_LIB_VFIO_PCI_H
#define NVIO_LIB_VFIO_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NVIO_PCI_NAME_LEN   16
#define NVIO_PCI_CLASS_NVME 0x010802u

struct nvio_pci {
	char name[NVIO_PCI_NAME_LEN]; /* "0000:01:00.0" */
	char driver[64]; /* "" when it has none */
	uint32_t class_code;
	uint16_t vendor;
	uint16_t device;
	int numa_node; /* -1 for none */
	int group; /* IOMMU group, -1 for none */
	bool noiommu; /* the group is of a device without one */
	char cdev[32]; /* its character device: "vfio0"; "" when the kernel has none */
};

/* Brings "01:00.0", "0000.01.00.0" and the like into the form of /sys. Returns 0 or -EINVAL. */
int nvio_pci_name(const char *name, char out[NVIO_PCI_NAME_LEN]);

/* Reads the facts. Returns 0; -EINVAL for a malformed name; -ENODEV when there is no such function.
 */
int nvio_pci_read(const char *name, struct nvio_pci *pci);

#endif
