/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where memory of this process is: for devices without an IOMMU, which know no other addresses.
 */
#ifndef NVIO_LIB_VFIO_PHYSICAL_H
#define NVIO_LIB_VFIO_PHYSICAL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Physical addresses of @nr pages from @addr on, which are in memory. Returns 0; -EFAULT when one
 * is not there; -EPERM when this process may not know (CAP_SYS_ADMIN); -errno.
 */
int nvio_physical_pages(const void *addr, size_t nr, uint64_t *physical);

/* As above after the pages were locked: looked up twice, as they may move until they are. They stay
 * locked unless this fails. */
int nvio_physical_lock(const void *addr, size_t nr, uint64_t *physical);

#endif
