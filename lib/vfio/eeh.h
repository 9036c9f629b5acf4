/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the recovery of controllers asks of EEH; see <nvio/spapr.h> for the rest.
 */
#ifndef NVIO_LIB_VFIO_EEH_H
#define NVIO_LIB_VFIO_EEH_H

#include <nvio/spapr.h>

/* At open: enables it where the kernel has it. */
void nvio_eeh_begin(struct nvio_device *device);

/* Whether it can reset this device and nothing else. */
bool nvio_eeh_is_alone(struct nvio_device *device);

/* Whether the host bridge has cut the device off, so that a reset of EEH's brings it back. */
bool nvio_eeh_is_frozen(struct nvio_device *device);

#endif
