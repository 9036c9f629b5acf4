/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vfio-user on the wire, protocol 0.1, as QEMU's docs/interop/vfio-user.rst specifies it: every
 * message that the server takes or sends. Host byte order throughout ("Protocol Specification").
 *
 * Own definitions, so that neither the client's nor <linux/vfio.h>'s idea of a size gets in. Flags
 * that the specification borrows from VFIO are taken from <linux/vfio.h>.
 */
#ifndef NVIO_EMU_PROTO_H
#define NVIO_EMU_PROTO_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define EMU_PROTO_MAJOR 0
#define EMU_PROTO_MINOR 1

/* The default of max_data_xfer_size, which is what a client that negotiates nothing may send. */
#define EMU_XFER_MAX (1u << 20)
#define EMU_MSG_FDS  16
/* A header, the longest fixed payload and the data. */
#define EMU_MSG_MAX (16u + 32u + EMU_XFER_MAX)

enum emu_command {
	EMU_VERSION = 1,
	EMU_DMA_MAP = 2,
	EMU_DMA_UNMAP = 3,
	EMU_GET_INFO = 4,
	EMU_GET_REGION_INFO = 5,
	EMU_GET_REGION_IO_FDS = 6,
	EMU_GET_IRQ_INFO = 7,
	EMU_SET_IRQS = 8,
	EMU_REGION_READ = 9,
	EMU_REGION_WRITE = 10,
	EMU_MEMORY_READ = 11, /* DMA_READ and DMA_WRITE: from here to the client */
	EMU_MEMORY_WRITE = 12,
	EMU_RESET = 13,
	EMU_FEATURE = 16,
	EMU_MIGRATION_READ = 17,
	EMU_MIGRATION_WRITE = 18,
	EMU_NR_COMMANDS
};

#define EMU_MSG_TYPE_MASK 0xfu
#define EMU_MSG_COMMAND   0u
#define EMU_MSG_REPLY     1u
#define EMU_MSG_NO_REPLY  (1u << 4)
#define EMU_MSG_ERROR     (1u << 5)

struct emu_header {
	uint16_t id;
	uint16_t command;
	uint32_t len; /* of the message, with this header */
	uint32_t flags;
	uint32_t error; /* errno, positive */
};
static_assert(sizeof(struct emu_header) == 16, "header");

/* Behind it: capabilities as JSON, ended by a NUL; may be absent. */
struct emu_version {
	uint16_t major;
	uint16_t minor;
};
static_assert(sizeof(struct emu_version) == 4, "VERSION");

#define EMU_DMA_READ      (1u << 0)
#define EMU_DMA_WRITE     (1u << 1)
#define EMU_DMA_UNMAP_ALL (1u << 1)

struct emu_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t iova;
	uint64_t len;
};
static_assert(sizeof(struct emu_dma_map) == 32, "DMA_MAP");

struct emu_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t iova;
	uint64_t len;
};
static_assert(sizeof(struct emu_dma_unmap) == 24, "DMA_UNMAP");

struct emu_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t nr_regions;
	uint32_t nr_irqs;
};
static_assert(sizeof(struct emu_device_info) == 16, "DEVICE_GET_INFO");
/* With what later versions of <linux/vfio.h> add. */
#define EMU_DEVICE_INFO_MAX 24u

struct emu_region_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t cap_offset;
	uint64_t len;
	uint64_t offset;
};
static_assert(sizeof(struct emu_region_info) == 32, "DEVICE_GET_REGION_INFO");

/* The sparse mmap capability with its only area. */
struct emu_sparse_cap {
	uint16_t id;
	uint16_t version;
	uint32_t next;
	uint32_t nr_areas;
	uint32_t reserved;
	uint64_t offset;
	uint64_t len;
};
static_assert(sizeof(struct emu_sparse_cap) == 32, "sparse mmap capability");

struct emu_irq_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};
static_assert(sizeof(struct emu_irq_info) == 16, "DEVICE_GET_IRQ_INFO");

/* Behind it: a byte per interrupt with DATA_BOOL. */
struct emu_irq_set {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t start;
	uint32_t count;
};
static_assert(sizeof(struct emu_irq_set) == 20, "DEVICE_SET_IRQS");

/* Behind it: the data, in a write and in the reply to a read. */
struct emu_region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};
static_assert(sizeof(struct emu_region_access) == 16, "REGION_READ and REGION_WRITE");

/* Behind it: the data, in a write and in the reply to a read. */
struct emu_memory_access {
	uint64_t iova;
	uint64_t count;
};
static_assert(sizeof(struct emu_memory_access) == 16, "DMA_READ and DMA_WRITE");

/* Behind it: data of the feature. */
struct emu_feature {
	uint32_t argsz;
	uint32_t flags;
};
static_assert(sizeof(struct emu_feature) == 8, "DEVICE_FEATURE");

struct emu_migration_state {
	uint32_t state;
	int32_t data_fd; /* not used here */
};
static_assert(sizeof(struct emu_migration_state) == 8, "MIG_DEVICE_STATE");

/* Behind it: the data, in a write and in the reply to a read. */
struct emu_migration_data {
	uint32_t argsz;
	uint32_t size;
};
static_assert(sizeof(struct emu_migration_data) == 8, "MIG_DATA_READ and MIG_DATA_WRITE");

/* Behind it: the ranges; none for all addresses. */
struct emu_log_start {
	uint64_t page_len;
	uint32_t nr_ranges;
	uint32_t reserved;
};
static_assert(sizeof(struct emu_log_start) == 16, "DMA_LOGGING_START");

struct emu_log_range {
	uint64_t iova;
	uint64_t len;
};
static_assert(sizeof(struct emu_log_range) == 16, "DMA_LOGGING_START");

/* Behind it, in the answer: a bit for each page, in words of 64. */
struct emu_log_report {
	uint64_t iova;
	uint64_t len;
	uint64_t page_len;
};
static_assert(sizeof(struct emu_log_report) == 24, "DMA_LOGGING_REPORT");

#endif
