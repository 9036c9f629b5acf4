/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Features of a VFIO device (VFIO_DEVICE_FEATURE of <linux/vfio.h>): low power, tokens of virtual
 * functions, logs of what was written by DMA, migration, its memory as a dma-buf.
 *
 * Which of them there are depends on kernel, driver and device: probe first. All calls return
 * -ENOTSUP where one is missing. Behind a vfio-user socket there are logs of DMA and migration at
 * most; the software controller has them. Thread rule: as in vfio.h.
 */
#ifndef NVIO_FEATURE_H
#define NVIO_FEATURE_H

#include <nvio/vfio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The kernel's numbers. */
enum nvio_feature {
	NVIO_FEATURE_VF_TOKEN = 0,
	NVIO_FEATURE_MIGRATION = 1,
	NVIO_FEATURE_MIGRATION_STATE = 2,
	NVIO_FEATURE_LOW_POWER = 3,
	NVIO_FEATURE_LOW_POWER_WAKEUP = 4,
	NVIO_FEATURE_LOW_POWER_EXIT = 5,
	NVIO_FEATURE_DMA_LOG_START = 6,
	NVIO_FEATURE_DMA_LOG_STOP = 7,
	NVIO_FEATURE_DMA_LOG_REPORT = 8,
	NVIO_FEATURE_MIGRATION_SIZE = 9,
	NVIO_FEATURE_BUS_MASTER = 10,
	NVIO_FEATURE_DMA_BUF = 11,
	NVIO_FEATURE_MIGRATION_RENEWAL = 12, /* set, without data: see nvio_migration_left() */
};

/* How many there are: each number below is one. */
#define NVIO_NR_FEATURES 13

/** nvio_feature_name - "low power", "migration state" and so on; NULL for an unknown number. */
NVIO_API const char *nvio_feature_name(enum nvio_feature feature);

/**
 * nvio_device_feature_probe - whether a device has a feature.
 *
 * Return: 0; -ENOTSUP when it has not; -errno of the kernel.
 */
NVIO_API int nvio_device_feature_probe(struct nvio_device *device, enum nvio_feature feature);

/**
 * nvio_device_feature_get - reads a feature as the kernel lays it out.
 * @data: @len: what is asked with, where the feature wants that; receives the answer
 *
 * Return: 0, or the fd that the feature makes; -ENOTSUP; -errno of the kernel.
 */
NVIO_API int nvio_device_feature_get(struct nvio_device *device, enum nvio_feature feature,
				     void *data, size_t len);

/** nvio_device_feature_set - as nvio_device_feature_get(), the other way; @data may be NULL with a
 * @len of 0. */
NVIO_API int nvio_device_feature_set(struct nvio_device *device, enum nvio_feature feature,
				     const void *data, size_t len);

/**
 * nvio_device_vf_token - sets the secret that whoever opens a virtual function of this physical one
 * has to name (struct nvio_device_opts).
 * @uuid: "01234567-89ab-cdef-0123-456789abcdef"
 *
 * Return: 0; -EINVAL when it is no UUID; -ENOTSUP; -errno of the kernel.
 */
NVIO_API int nvio_device_vf_token(struct nvio_device *device, const char *uuid);

/**
 * nvio_device_sleep - lets the kernel put the function into a low power state.
 * @wakeup_fd: an eventfd that is signalled when it woke up by itself, -1 for none
 *
 * Nothing may be outstanding. Until nvio_device_wake(), mapped registers read as all ones, and what
 * is written there is lost: memory lies in their place, where the kernel would raise a SIGBUS. What
 * is read or written by call finds the function awake, for that long; nvio_device_region_map()
 * wakes it for good. With a @wakeup_fd the kernel's part of the state ends with the first wake-up.
 *
 * Return: 0; -ENOTSUP; -ENODEV when the device was let go; -errno of the kernel.
 */
NVIO_API int nvio_device_sleep(struct nvio_device *device, int wakeup_fd);

/** nvio_device_wake - ends the low power state for good, and gives mapped registers back. Return:
 * 0; -ENOTSUP; -ENODEV; -errno. */
NVIO_API int nvio_device_wake(struct nvio_device *device);

/**
 * nvio_device_dma_log_start - has the device log which pages it writes.
 * @page_len: bytes in a page of the log, a power of two; the device may take another
 * @ranges:   @nr of them, which do not overlap
 *
 * Return: 0; -EINVAL; -ENOTSUP; -errno of the kernel.
 */
NVIO_API int nvio_device_dma_log_start(struct nvio_device *device, uint64_t page_len,
				       const struct nvio_iova_range *ranges, uint32_t nr);

/**
 * nvio_device_dma_log_read - reads and clears part of the log.
 * @iova:   @len: what is asked for, inside the ranges that are logged
 * @page_len: as it was started
 * @bitmap: a bit for each page, set for those that were written; the others are left as they are
 * @bitmap_len: bytes, at least len / page_len / 8, a multiple of 8
 *
 * Return: 0; -EINVAL (the bitmap is too small, lengths make no sense); -ENOTSUP; -errno.
 */
NVIO_API int nvio_device_dma_log_read(struct nvio_device *device, uint64_t iova, uint64_t len,
				      uint64_t page_len, uint64_t *bitmap, size_t bitmap_len);

/** nvio_device_dma_log_stop - ends the log. Return: 0; -ENOTSUP; -errno. */
NVIO_API int nvio_device_dma_log_stop(struct nvio_device *device);

/* What a device's migration offers beyond stopping and copying. */
#define NVIO_MIGRATION_STOP_COPY 1u
#define NVIO_MIGRATION_P2P       2u
#define NVIO_MIGRATION_PRE_COPY  4u

/* The kernel's numbers (enum vfio_device_mig_state). */
enum nvio_migration_state {
	NVIO_MIGRATION_ERROR = 0, /* nvio_device_reset() ends it */
	NVIO_MIGRATION_STOPPED = 1,
	NVIO_MIGRATION_RUNNING = 2,
	NVIO_MIGRATION_SAVING = 3, /* stopped, its state comes out of the fd */
	NVIO_MIGRATION_RESUMING = 4, /* its state goes into the fd */
	NVIO_MIGRATION_RUNNING_P2P = 5,
	NVIO_MIGRATION_PRE_COPYING = 6, /* running, its state begins to come out */
	NVIO_MIGRATION_PRE_COPYING_P2P = 7,
};

/** nvio_device_migration - which states there are. @flags: receives NVIO_MIGRATION_*. Return: 0;
 * -ENOTSUP; -errno. */
NVIO_API int nvio_device_migration(struct nvio_device *device, uint64_t *flags);

/** nvio_device_migration_state - the state that a device is in. Return: 0; -ENOTSUP; -errno. */
NVIO_API int nvio_device_migration_state(struct nvio_device *device,
					 enum nvio_migration_state *state);

/**
 * nvio_device_migration_set - brings a device into another state, by way of others where needed.
 * @data_fd: receives the file that the device's state is read from or written to, the caller's to
 * close; -1 when the new state begins none
 *
 * Behind a vfio-user socket the file is memory of this process: all of the state is in it at once,
 * and what was written goes to the device with the next call, which says what is wrong with it.
 *
 * Return: 0; -ENOTSUP; -errno of the kernel: the device may be in any state then.
 */
NVIO_API int nvio_device_migration_set(struct nvio_device *device, enum nvio_migration_state state,
				       int *data_fd);

/** nvio_device_migration_len - about how many bytes the state has. Return: 0; -ENOTSUP; -errno. */
NVIO_API int nvio_device_migration_len(struct nvio_device *device, uint64_t *len);

/**
 * nvio_migration_left - how much of a state is still to come while a device runs.
 * @data_fd: as nvio_device_migration_set() gave it
 * @initial_len: receives what came with the start; @dirty_len: what changed since
 *
 * Return: 0; 1 when a start has come anew, and both are about that, which is told where
 * NVIO_FEATURE_MIGRATION_RENEWAL was set; -EINVAL when the state does not come out while the device
 * runs; -errno of the kernel.
 */
NVIO_API int nvio_migration_left(int data_fd, uint64_t *initial_len, uint64_t *dirty_len);

/**
 * nvio_device_ioeventfd - an eventfd that has the kernel write a register: a doorbell that another
 * process can ring, with a value that is known before.
 * @region: @offset: of the register; a BAR, aligned to @width, not in the MSI-X table
 * @width:  1, 2, 4 or 8 bytes
 * @value:  what is written each time
 * @fd:     an eventfd, which stays the caller's; -1 ends it again, with the same other arguments
 *
 * Return: 0; -EINVAL; -ENOTSUP; -errno of the kernel.
 */
NVIO_API int nvio_device_ioeventfd(struct nvio_device *device, uint32_t region, uint64_t offset,
				   unsigned int width, uint64_t value, int fd);

/* A capability of VFIO_DEVICE_GET_INFO or VFIO_DEVICE_GET_REGION_INFO. */
struct nvio_device_cap {
	uint16_t id; /* VFIO_DEVICE_INFO_CAP_* or VFIO_REGION_INFO_CAP_* of <linux/vfio.h> */
	uint16_t version;
	const char *name; /* "PCI atomics", "zPCI base", "sparse mmap" and so on; "unknown" */
	uint32_t len; /* bytes in data: what is behind its header, as the kernel lays it out */
	uint8_t data[64];
};

/**
 * nvio_device_caps - what a device's information has behind its fixed part.
 * @caps: receives capabilities, @room at most
 *
 * Return: how many there are; -EPROTO when the chain makes no sense; -ENOTSUP; -errno.
 */
NVIO_API int nvio_device_caps(struct nvio_device *device, struct nvio_device_cap *caps,
			      uint32_t room);

/** nvio_device_region_caps - the same of a region: what struct nvio_region_info tells, and the
 * rest. Return: as nvio_device_caps(); -EINVAL when there is no such index. */
NVIO_API int nvio_device_region_caps(struct nvio_device *device, uint32_t idx,
				     struct nvio_device_cap *caps, uint32_t room);

/** nvio_region_type_name - what a device-specific region is, by type and subtype of struct
 * nvio_region_info: "IGD OpRegion", "EDID" and so on; NULL when they are not known. */
NVIO_API const char *nvio_region_type_name(uint32_t type, uint32_t subtype);

/**
 * nvio_device_dmabuf - part of a region as a dma-buf: memory of the device that another device may
 * reach, where both are of one iommufd.
 * @offset: @len: whole pages inside a memory BAR
 *
 * Return: its fd, the caller's to close; -EINVAL outside the region; -ENOTSUP; -errno.
 */
NVIO_API int nvio_device_dmabuf(struct nvio_device *device, uint32_t region, uint64_t offset,
				uint64_t len);

#ifdef __cplusplus
}
#endif

#endif
