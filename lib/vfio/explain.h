/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a device cannot be had, in words: looked up only once something has failed.
 *
 * Each function writes a clause into @buf (never more than @len bytes), "" when it finds nothing.
 */
#ifndef NVIO_LIB_VFIO_EXPLAIN_H
#define NVIO_LIB_VFIO_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

struct nvio_pci;

/* The NVMe controllers of this machine with their drivers. */
void nvio_explain_controllers(char *buf, size_t len);

/* What uses the block devices of a function, all of it: "nvme0n1p1 is mounted on /mnt and ...". */
void nvio_explain_block_use(const char *pci_name, char *buf, size_t len);

/* The same, and in @fix the commands that end these uses, "" where none is known. */
void nvio_explain_block_fix(const char *pci_name, char *buf, size_t len, char *fix, size_t fix_len);

/* Each device of an IOMMU group with its driver. */
void nvio_explain_group(int group, char *buf, size_t len);

/* The first process found that has a file open: "held by process 123 (qemu)"; false without one. */
bool nvio_find_holder(const char *path, char *buf, size_t len);

/* Which process uses a function, by its group or its own file: "held by process 123 (qemu)". */
void nvio_explain_user(const struct nvio_pci *pci, char *buf, size_t len);

/* Who may open a file: "user 0, group 0, mode 0600". */
void nvio_explain_mode(const char *path, char *buf, size_t len);

/* Bytes of this process that are locked now: "VmLck:" (by VFIO's containers) or "VmPin:" of
 * /proc/self/status. */
unsigned long long nvio_locked_len(const char *field);

/* Says why @len bytes more could not be pinned: the limit, where it is that. Returns -ENOMEM. */
int nvio_explain_nomem(size_t len, const char *field);

#endif
