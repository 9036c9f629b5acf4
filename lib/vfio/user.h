/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices behind a vfio-user socket: another process, or the software controller of this one.
 */
#ifndef NVIO_LIB_VFIO_USER_H
#define NVIO_LIB_VFIO_USER_H

#include "vfio/device.h"
#include "vfio/iommu.h"
#include "vfio/user_conn.h"

#define NVIO_EMU_PREFIX   "emu:"
#define NVIO_USER_PREFIX  "vfio-user:"
#define NVIO_USER_VECTORS 2048u

struct nvio_user {
	struct nvio_domain domain;
	struct nvio_user_conn conn;
	uint32_t msix; /* where its capability is in configuration space; 0: it has none */
	int region_fds[NVIO_REGIONS_MAX]; /* -1 where there is none */
	int state_fd; /* what is written there is the state of a device that is loaded; -1: none is
		       */
	bool saving; /* its state was handed out */
	uint8_t signalled[NVIO_IRQS_MAX][NVIO_USER_VECTORS / 8]; /* vectors that have an eventfd */
};

extern const struct nvio_device_ops nvio_user_device_ops;

/* Whether a name begins with one of these prefixes. */
bool nvio_user_name(const char *name);

/*
 * Opens the device behind a connected socket, which is owned from here on, and puts its domain into
 * the address space. Fills in all of @device. Returns 0 or -errno.
 */
int nvio_user_open_device(struct nvio_iommu *iommu, int fd, struct nvio_device *device);

/*
 * user_pci.c: makes the function ready after it was opened or reset, and reads who it is. Returns 0
 * or -errno.
 */
int nvio_user_pci_start(struct nvio_device *device);

/* user_feature.c: VFIO_DEVICE_FEATURE, as the kernel would take it; -ENOTTY for other requests. */
int nvio_user_feature(struct nvio_device *device, unsigned long request, void *arg);

/*
 * user_migration.c: brings the device into another state (VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE),
 * with @set for the request itself, and makes the file that the kernel would. Returns 0 or -errno.
 */
struct vfio_device_feature;
int nvio_user_migration_set(struct nvio_user *u, struct vfio_device_feature *request,
			    int (*set)(struct nvio_user *u, struct vfio_device_feature *request));
/* Nothing of it is under way any more. */
void nvio_user_migration_end(struct nvio_user *u);

/* MSI-X on, and this vector of it unmasked; MSI-X off. */
void nvio_user_msix_on(struct nvio_device *device, uint32_t vector);
void nvio_user_msix_off(struct nvio_device *device);

#endif
