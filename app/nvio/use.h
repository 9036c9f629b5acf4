/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who uses a function: the reasons not to take it away. Reads only.
 */
#ifndef NVIO_APP_USE_H
#define NVIO_APP_USE_H

#include "vfio/pci.h"

#define USE_LEN 1024

/* What a function that the kernel drives is used for, "" for nothing, and the commands that end
 * that, as far as they are known. */
void use_find(const struct nvio_pci *pci, char use[USE_LEN], char fix[USE_LEN]);

/* Returns 0 when nobody uses it, or -EBUSY with a sentence that ends with the way out. */
int use_check(const struct nvio_pci *pci);

#endif
