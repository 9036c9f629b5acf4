/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What VFIO has on POWER machines alone: the windows of bus addresses that a container maps in
 * (sPAPR TCE), and the recovery of devices that the host bridge has cut off (EEH).
 *
 * Windows, and memory registered for them, are taken care of by nvio_device_open(),
 * nvio_iommu_map() and all that is built on them. Elsewhere all calls return -ENOTSUP. Thread rule:
 * as in vfio.h.
 */
#ifndef NVIO_SPAPR_H
#define NVIO_SPAPR_H

#include <nvio/vfio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvio_tce_info {
	uint32_t version; /* of sPAPR TCE: 1 or 2 */
	uint32_t max_windows; /* that the machine can make, all together; 0: none */
	uint64_t window_start; /* bus addresses that memory can be mapped at: the window in use */
	uint64_t window_len;
	uint64_t entry_len; /* maps are multiples of it */
	uint64_t default_start; /* the window of before, with entries of 4 KiB */
	uint64_t default_len;
	uint64_t entry_lens; /* a bit for each size of entries that windows can be made with */
	uint32_t levels; /* that the tables of a window may have */
	uint32_t nr_registered; /* regions of memory that are registered; v2 */
	uint64_t registered_len; /* bytes in them */
};

/**
 * nvio_device_tce_info - the window of a device's group and what is registered for it.
 * @size: sizeof(*info)
 *
 * Return: 0; -ENOTSUP when it is in no container of sPAPR TCE.
 */
NVIO_API int nvio_device_tce_info(struct nvio_device *device, struct nvio_tce_info *info,
				  size_t size);

/*
 * EEH concerns all devices of an IOMMU group together. nvio_device_open() enables it where it is
 * there.
 */

/* What the host bridge lets through to and from the devices. The kernel's numbers. */
enum nvio_eeh_state {
	NVIO_EEH_NORMAL = 0,
	NVIO_EEH_IN_RESET = 1,
	NVIO_EEH_STOPPED = 2, /* neither DMA nor registers: frozen. All reads give ones. */
	NVIO_EEH_STOPPED_DMA = 4, /* registers, but no DMA */
	NVIO_EEH_UNAVAILABLE = 5,
};

/* Parts of the traffic. The kernel's numbers. */
enum nvio_eeh_traffic {
	NVIO_EEH_IO = 2, /* accesses to registers and configuration space */
	NVIO_EEH_DMA = 3,
};

/* Resets, and their end. The kernel's numbers. */
enum nvio_eeh_reset {
	NVIO_EEH_DEACTIVATE = 5, /* what was asserted ends */
	NVIO_EEH_HOT = 6,
	NVIO_EEH_FUNDAMENTAL = 7, /* PERST */
};

/* An error to be injected, as in <asm/eeh.h>. */
struct nvio_eeh_error {
	uint32_t type; /* 0: of 32 bits, 1: of 64 */
	uint32_t func; /* which access: 0 to 19, loads from memory first */
	uint64_t addr; /* and where; 0 with a mask of 0: anywhere */
	uint64_t mask;
};

/** nvio_eeh_exists - whether the kernel has EEH for a device. */
NVIO_API bool nvio_eeh_exists(struct nvio_device *device);

/** nvio_eeh_enable - lets errors be noticed; nvio_eeh_disable() ends it. Return: 0; -ENOTSUP;
 * -errno of the kernel. */
NVIO_API int nvio_eeh_enable(struct nvio_device *device);
NVIO_API int nvio_eeh_disable(struct nvio_device *device);

/** nvio_eeh_state - whether the device is cut off. Return: enum nvio_eeh_state; -ENOTSUP; -errno.
 */
NVIO_API int nvio_eeh_state(struct nvio_device *device);

/** nvio_eeh_unfreeze - lets traffic pass again without a reset: @traffic IO first, to see what
 * became of the device. Return: 0; -EINVAL; -ENOTSUP; -errno. */
NVIO_API int nvio_eeh_unfreeze(struct nvio_device *device, enum nvio_eeh_traffic traffic);

/** nvio_eeh_reset - asserts a reset, or ends it. Return: 0; -EINVAL; -ENOTSUP; -errno. */
NVIO_API int nvio_eeh_reset(struct nvio_device *device, enum nvio_eeh_reset reset);

/** nvio_eeh_configure - sets bridges up again after a reset. Return: 0; -ENOTSUP; -errno. */
NVIO_API int nvio_eeh_configure(struct nvio_device *device);

/** nvio_eeh_inject - has the hardware make an error, for tests. Return: 0; -ENOTSUP; -errno: many
 * machines do not. */
NVIO_API int nvio_eeh_inject(struct nvio_device *device, const struct nvio_eeh_error *error);

/**
 * nvio_eeh_recover - the whole way back: a reset asserted and ended, bridges configured, and the
 * device's answer waited for.
 * @reset: NVIO_EEH_HOT or NVIO_EEH_FUNDAMENTAL
 *
 * Interrupts are disabled then and bus mastering is off; set them up again.
 *
 * Return: 0; -EINVAL; -ENOTSUP; -ENODEV when the device does not come back within two seconds;
 * -errno of the kernel.
 */
NVIO_API int nvio_eeh_recover(struct nvio_device *device, enum nvio_eeh_reset reset);

#ifdef __cplusplus
}
#endif

#endif
