/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One device of the unit tests' kernel, opened by one of its ways, for the suites of character
 * devices and iommufd.
 */
#ifndef CDEV_BENCH_H
#define CDEV_BENCH_H

#include <nvio/iommu.h>

#include "fake_kernel.h"

#define NAME "0000:01:00.0"
#define IOVA 0x100000000ull

extern struct nvio_iommu *iommu;
extern struct nvio_device *device;
extern struct fake_device *const fake;

/* Opens an address space and a device in it. Returns 0, or what failed, with nothing left open. */
int open_named(const char *name, enum nvio_way way, const char *token);
/* Closes both: no map and no file is left. */
void end(void);
/* NAME is not opened: with @err and @text, and nothing is left open. */
void refused(enum nvio_way way, int err, const char *text);

#endif
