/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvio: a userspace NVMe driver over Linux VFIO.
 *
 * One header for everything; each of the headers below also stands alone. io.h reads and writes and
 * is, with nvme.h for controllers and qpair.h for queue pairs under it, all that most programs
 * need; pi.h makes and checks protection information; mem.h owns DMA memory, devmem.h the memory
 * that drives have; vfio.h reaches any PCI device, without the NVMe layer; handover.h takes all of
 * it along when a program becomes another one.
 */
#ifndef NVIO_NVIO_H
#define NVIO_NVIO_H

#include <nvio/async.h>
#include <nvio/base.h>
#include <nvio/vfio.h>
#include <nvio/iommu.h>
#include <nvio/feature.h>
#include <nvio/spapr.h>
#include <nvio/watch.h>
#include <nvio/mem.h>
#include <nvio/nvme.h>
#include <nvio/qpair.h>
#include <nvio/io.h>
#include <nvio/pi.h>
#include <nvio/quirk.h>
#include <nvio/power.h>
#include <nvio/devmem.h>
#include <nvio/handover.h>

#endif
