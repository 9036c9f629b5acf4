/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI function and its IOMMU group, as /sys shows them, and the files under /dev that open it.
 * Reads only.
 */
#ifndef NVIO_APP_FUNCTION_H
#define NVIO_APP_FUNCTION_H

#include <stdbool.h>
#include <stddef.h>

#include "vfio/pci.h"

#define FUNCTION_MODEL_LEN 64
#define NODE_LEN           96

/* Names of PCI functions, sorted; freed with names_free(). */
struct names {
	char (*name)[NVIO_PCI_NAME_LEN];
	size_t nr;
};

void names_free(struct names *names);

/* The names in a folder that are wanted. Returns 0 or -ENOMEM. */
int names_collect(struct names *names, const char *dir, bool (*want)(const char *name));

/* All NVMe controllers of the machine; all functions of a group. Returns 0 or -ENOMEM. */
int function_controllers(struct names *names);
int function_group(int group, struct names *names);

/* The driver that the function is to have whatever its class says; "" for none. */
void function_override(const char *pci_name, char *buf, size_t len);

/* Reads a file of the function's controller (model, serial), without blanks at its end; "" while
 * the kernel's driver does not have it. */
void function_nvme(const char *pci_name, const char *file, char *buf, size_t len);

/* Whether VFIO leaves the function be when it hands out others of its group. */
bool function_harmless(const struct nvio_pci *pci);

/* Whether the kernel hands out functions without an IOMMU. */
bool function_noiommu_mode(void);

/* The file of the group, and of the function alone: "" where the kernel has none. */
void function_group_node(const struct nvio_pci *pci, char *buf, size_t len);
void function_cdev_node(const struct nvio_pci *pci, char *buf, size_t len);

/* Which process has one of these files open. Returns whether one was found. */
bool function_holder(const struct nvio_pci *pci, char *buf, size_t len);

#endif
