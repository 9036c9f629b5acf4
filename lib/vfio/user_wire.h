/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of the vfio-user protocol, version 0.1, little-endian. Layouts that it takes over from
 * <linux/vfio.h> are used from there.
 */
#ifndef NVIO_LIB_VFIO_USER_WIRE_H
#define NVIO_LIB_VFIO_USER_WIRE_H

#include <stdint.h>

enum nvio_user_command {
	NVIO_USER_VERSION = 1,
	NVIO_USER_DMA_MAP = 2,
	NVIO_USER_DMA_UNMAP = 3,
	NVIO_USER_DEVICE_INFO = 4,
	NVIO_USER_REGION_INFO = 5,
	NVIO_USER_IRQ_INFO = 7,
	NVIO_USER_SET_IRQS = 8,
	NVIO_USER_REGION_READ = 9,
	NVIO_USER_REGION_WRITE = 10,
	NVIO_USER_DMA_READ = 11, /* from the server to us */
	NVIO_USER_DMA_WRITE = 12,
	NVIO_USER_DEVICE_RESET = 13,
	NVIO_USER_DEVICE_FEATURE = 16,
	NVIO_USER_MIGRATION_READ = 17,
	NVIO_USER_MIGRATION_WRITE = 18,
};

struct nvio_user_header {
	uint16_t id;
	uint16_t command;
	uint32_t size; /* with the header */
	uint32_t flags;
	uint32_t error; /* an errno, in a reply with the error flag */
};

_Static_assert(sizeof(struct nvio_user_header) == 16, "header");

#define NVIO_USER_TYPE_MASK 0xfu
#define NVIO_USER_REPLY     1u
#define NVIO_USER_NO_REPLY  (1u << 4)
#define NVIO_USER_ERROR     (1u << 5)

struct nvio_user_version {
	uint16_t major;
	uint16_t minor;
	char json[]; /* NUL-terminated */
};

/* <linux/vfio.h> has grown since: this is what the protocol has. */
struct nvio_user_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t nr_regions;
	uint32_t nr_irqs;
};

_Static_assert(sizeof(struct nvio_user_device_info) == 16, "DEVICE_GET_INFO");

#define NVIO_USER_MAP_READ  1u /* the server may read the memory */
#define NVIO_USER_MAP_WRITE 2u

struct nvio_user_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset; /* in the file */
	uint64_t iova;
	uint64_t size;
};

_Static_assert(sizeof(struct nvio_user_dma_map) == 32, "DMA_MAP");

struct nvio_user_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t iova;
	uint64_t size;
};

_Static_assert(sizeof(struct nvio_user_dma_unmap) == 24, "DMA_UNMAP");

/* Of REGION_READ and REGION_WRITE, in front of the data. */
struct nvio_user_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};

_Static_assert(sizeof(struct nvio_user_access) == 16, "REGION_READ");

/* Of DMA_READ and DMA_WRITE, in front of the data. */
struct nvio_user_dma_access {
	uint64_t iova;
	uint64_t count;
};

_Static_assert(sizeof(struct nvio_user_dma_access) == 16, "DMA_READ");

/* In front of a feature's data; flags as VFIO has them. */
struct nvio_user_feature {
	uint32_t argsz;
	uint32_t flags;
};

_Static_assert(sizeof(struct nvio_user_feature) == 8, "DEVICE_FEATURE");

/* Of MIG_DATA_READ and MIG_DATA_WRITE, in front of the data. */
struct nvio_user_migration {
	uint32_t argsz;
	uint32_t size;
};

_Static_assert(sizeof(struct nvio_user_migration) == 8, "MIG_DATA_READ");

/* The ranges, as VFIO has them, are behind it. */
struct nvio_user_log_start {
	uint64_t page_len;
	uint32_t nr_ranges;
	uint32_t reserved;
};

_Static_assert(sizeof(struct nvio_user_log_start) == 16, "DMA_LOGGING_START");

/* In the answer a bit for each page is behind it, in words of 64. */
struct nvio_user_log {
	uint64_t iova;
	uint64_t len;
	uint64_t page_len;
};

_Static_assert(sizeof(struct nvio_user_log) == 24, "DMA_LOGGING_REPORT");

#endif
