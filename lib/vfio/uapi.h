/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel's interface has got since the <linux/vfio.h> of Debian 12 (Linux 6.1): character
 * devices, features, and iommufd. Numbers and layouts are the kernel's (include/uapi/linux/vfio.h
 * and iommufd.h); the names are ours, as newer headers define theirs.
 */
#ifndef NVIO_LIB_VFIO_UAPI_H
#define NVIO_LIB_VFIO_UAPI_H

#include <assert.h>
#include <linux/ioctl.h>
#include <linux/vfio.h>
#include <stdint.h>

#define NVIO_UAPI_VFIO(nr)  _IO(VFIO_TYPE, VFIO_BASE + (nr))
#define NVIO_UAPI_IOMMU(nr) _IO(';', (nr))

/* Device files of iommufd (Linux 6.6; the token 6.17, the PASID 6.15). */
#define NVIO_VFIO_BIND_IOMMUFD NVIO_UAPI_VFIO(18)
#define NVIO_VFIO_ATTACH_PT    NVIO_UAPI_VFIO(19)
#define NVIO_VFIO_DETACH_PT    NVIO_UAPI_VFIO(20)
#define NVIO_VFIO_BIND_TOKEN   (1u << 0)
#define NVIO_VFIO_PT_PASID     (1u << 0)

struct nvio_uapi_bind {
	uint32_t argsz;
	uint32_t flags;
	int32_t iommufd;
	uint32_t devid;
	uint64_t token; /* address of the 16 bytes */
};

struct nvio_uapi_attach {
	uint32_t argsz;
	uint32_t flags;
	uint32_t pt_id;
	uint32_t pasid;
};

struct nvio_uapi_detach {
	uint32_t argsz;
	uint32_t flags;
	uint32_t pasid;
};

/* What kernels before the token and the PASID take. */
#define NVIO_UAPI_BIND_OLD   16u
#define NVIO_UAPI_ATTACH_OLD 12u
#define NVIO_UAPI_DETACH_OLD 8u

static_assert(sizeof(struct nvio_uapi_bind) == 24, "layout");
static_assert(sizeof(struct nvio_uapi_attach) == 16, "layout");
static_assert(sizeof(struct nvio_uapi_detach) == 12, "layout");

/* Features 9 to 11 (Linux 6.2, 6.10, 6.19). */
struct nvio_uapi_mig_data_size {
	uint64_t stop_copy_len;
};

#define NVIO_UAPI_BUS_MASTER_CLEAR 0u
#define NVIO_UAPI_BUS_MASTER_SET   1u

struct nvio_uapi_bus_master {
	uint32_t op;
};

struct nvio_uapi_dma_range {
	uint64_t offset;
	uint64_t len;
};

struct nvio_uapi_dma_buf {
	uint32_t region;
	uint32_t open_flags;
	uint32_t flags;
	uint32_t nr_ranges;
	/* and the ranges */
};

struct nvio_uapi_low_power_wakeup {
	int32_t wakeup_eventfd;
	uint32_t reserved;
};

/* On the data fd of a migration (Linux 6.2). */
#define NVIO_VFIO_MIG_PRECOPY_INFO NVIO_UAPI_VFIO(21)

/* Of flags, for who asked for it (Linux 7.1). */
#define NVIO_PRECOPY_REINIT 1u

struct nvio_uapi_precopy_info {
	uint32_t argsz;
	uint32_t flags;
	uint64_t initial_bytes;
	uint64_t dirty_bytes;
};

static_assert(sizeof(struct nvio_uapi_dma_buf) == 16, "layout");
static_assert(sizeof(struct nvio_uapi_precopy_info) == 24, "layout");

/* iommufd (Linux 6.2; MAP_FILE 6.13, CHANGE_PROCESS 6.14). Each begins with its size. */
#define NVIO_IOMMU_DESTROY        NVIO_UAPI_IOMMU(0x80)
#define NVIO_IOMMU_IOAS_ALLOC     NVIO_UAPI_IOMMU(0x81)
#define NVIO_IOMMU_ALLOW_IOVAS    NVIO_UAPI_IOMMU(0x82)
#define NVIO_IOMMU_COPY           NVIO_UAPI_IOMMU(0x83)
#define NVIO_IOMMU_IOVA_RANGES    NVIO_UAPI_IOMMU(0x84)
#define NVIO_IOMMU_MAP            NVIO_UAPI_IOMMU(0x85)
#define NVIO_IOMMU_UNMAP          NVIO_UAPI_IOMMU(0x86)
#define NVIO_IOMMU_OPTION         NVIO_UAPI_IOMMU(0x87)
#define NVIO_IOMMU_GET_HW_INFO    NVIO_UAPI_IOMMU(0x8a)
#define NVIO_IOMMU_MAP_FILE       NVIO_UAPI_IOMMU(0x8f)
#define NVIO_IOMMU_CHANGE_PROCESS NVIO_UAPI_IOMMU(0x92)

#define NVIO_IOMMU_MAP_FIXED (1u << 0)
#define NVIO_IOMMU_MAP_WRITE (1u << 1)
#define NVIO_IOMMU_MAP_READ  (1u << 2)

struct nvio_uapi_destroy {
	uint32_t size;
	uint32_t id;
};

struct nvio_uapi_ioas_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas;
};

struct nvio_uapi_iova_range {
	uint64_t start;
	uint64_t last;
};

struct nvio_uapi_iova_ranges {
	uint32_t size;
	uint32_t ioas;
	uint32_t nr;
	uint32_t reserved;
	uint64_t ranges;
	uint64_t alignment;
};

struct nvio_uapi_allow_iovas {
	uint32_t size;
	uint32_t ioas;
	uint32_t nr;
	uint32_t reserved;
	uint64_t ranges;
};

struct nvio_uapi_map {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas;
	uint32_t reserved;
	uint64_t addr;
	uint64_t len;
	uint64_t iova;
};

struct nvio_uapi_map_file {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas;
	int32_t fd;
	uint64_t start;
	uint64_t len;
	uint64_t iova;
};

struct nvio_uapi_copy {
	uint32_t size;
	uint32_t flags;
	uint32_t dst_ioas;
	uint32_t src_ioas;
	uint64_t len;
	uint64_t dst_iova;
	uint64_t src_iova;
};

struct nvio_uapi_unmap {
	uint32_t size;
	uint32_t ioas;
	uint64_t iova;
	uint64_t len;
};

#define NVIO_IOMMU_RLIMIT_MODE 0u
#define NVIO_IOMMU_HUGE_PAGES  1u
#define NVIO_IOMMU_OPTION_SET  0u
#define NVIO_IOMMU_OPTION_GET  1u

struct nvio_uapi_option {
	uint32_t size;
	uint32_t option;
	uint16_t op;
	uint16_t reserved;
	uint32_t object;
	uint64_t value;
};

struct nvio_uapi_hw_info {
	uint32_t size;
	uint32_t flags;
	uint32_t devid;
	uint32_t data_len;
	uint64_t data;
	uint32_t type;
	uint8_t max_pasid_log2;
	uint8_t reserved[3];
	uint64_t capabilities;
};

struct nvio_uapi_change_process {
	uint32_t size;
	uint32_t reserved;
};

static_assert(sizeof(struct nvio_uapi_change_process) == 8, "layout");
static_assert(sizeof(struct nvio_uapi_ioas_alloc) == 12, "layout");
static_assert(sizeof(struct nvio_uapi_iova_ranges) == 32, "layout");
static_assert(sizeof(struct nvio_uapi_allow_iovas) == 24, "layout");
static_assert(sizeof(struct nvio_uapi_map) == 40, "layout");
static_assert(sizeof(struct nvio_uapi_map_file) == 40, "layout");
static_assert(sizeof(struct nvio_uapi_copy) == 40, "layout");
static_assert(sizeof(struct nvio_uapi_unmap) == 24, "layout");
static_assert(sizeof(struct nvio_uapi_option) == 24, "layout");
static_assert(sizeof(struct nvio_uapi_hw_info) == 40, "layout");

#endif
