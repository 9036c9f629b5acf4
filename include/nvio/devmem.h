/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory on the drive itself: the controller memory buffer (CMB, 8.5), for queues, lists and data,
 * and the persistent memory region (PMR, 8.14).
 *
 * Both are mapped from a BAR and not cached: writing is slower than writing memory, and reading
 * very much slower. What is written into the buffer travels to the drive once, and a command that
 * uses it needs no DMA; data that goes from one namespace of the controller to another there never
 * passes through the host. Section numbers as in nvme.h. Thread rule: any thread.
 */
#ifndef NVIO_DEVMEM_H
#define NVIO_DEVMEM_H

#include <nvio/nvme.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvio_cmb_info {
	uint64_t len; /* bytes */
	uint64_t used_len;
	bool queues; /* it takes submission queues */
	bool lists; /* and PRP lists and SGLs */
	bool reads; /* and data of commands that transfer to the host */
	bool writes; /* and of those that transfer from it */
};

/**
 * nvio_cmb_get_info - what the controller memory buffer is for. @size: sizeof(*info).
 *
 * Return: 0; -ENOTSUP when the controller has none, or it cannot be mapped; -EPROTO when it makes
 * no sense; -EIO when the controller refuses its address.
 */
NVIO_API int nvio_cmb_get_info(struct nvio_ctrl *ctrl, struct nvio_cmb_info *info, size_t size);

/**
 * nvio_cmb_alloc - memory in the controller memory buffer, as data of commands of this controller.
 * @len:   bytes
 * @align: a power of two, of its address as the controller sees it and, up to 4096, as the program
 *         does; 0: 64
 *
 * Whatever takes a buffer in registered memory takes it, as far as info.reads and info.writes say;
 * the commands of other controllers get -EFAULT for it. All data and metadata of one command lie in
 * the buffer or none of them: what is mixed is completed with status 0x012.
 *
 * Return: the memory, not cleared, until nvio_cmb_free() or the controller is closed; NULL with the
 * reason in nvio_last_error(): those of nvio_cmb_get_info(), or no room.
 */
NVIO_API void *nvio_cmb_alloc(struct nvio_ctrl *ctrl, size_t len, size_t align);

/** nvio_cmb_free - gives such memory back, with no command outstanding that uses it. NULL is fine.
 */
NVIO_API void nvio_cmb_free(struct nvio_ctrl *ctrl, void *addr);

/* What a persistent memory region is able to do (PMRSTS.HSTS). */
enum nvio_pmr_health {
	NVIO_PMR_NORMAL = 0,
	NVIO_PMR_RESTORE_FAILED = 1, /* what was there may be lost; what is written now is kept */
	NVIO_PMR_READ_ONLY = 2,
	NVIO_PMR_UNRELIABLE = 3, /* reads may give anything, writes may get lost */
};

struct nvio_pmr_info {
	uint64_t len; /* bytes */
	unsigned int health; /* enum nvio_pmr_health */
	unsigned int error; /* not 0: writes before now were not kept; the drive's own code */
	uint64_t buffer_len; /* bytes that it takes at full speed, 0: unknown (PMREBS) */
	uint64_t sustained; /* bytes a second that it takes for ever, 0: unknown (PMRSWTP) */
	bool reads; /* it takes data of commands that transfer to the host */
	bool writes; /* and of those that transfer from it */
};

/**
 * nvio_pmr_map - maps the persistent memory region (8.14): memory that keeps what is written there
 * when the power goes.
 * @addr: receives its address, the same at every call; until the controller is closed
 * @len:  receives its length in bytes
 *
 * The first call enables the region and waits for it, as long as the controller says it may take
 * (PMRTO). Not cached, as the CMB. Commands of this controller can use it as data as far as
 * info.reads and info.writes say.
 *
 * Return: 0; -ENOTSUP when the controller has none, or it cannot be mapped; -ETIMEDOUT; -EPROTO
 * when it makes no sense; -ENODEV when the controller is gone.
 */
NVIO_API int nvio_pmr_map(struct nvio_ctrl *ctrl, void **addr, size_t *len);

/** nvio_pmr_get_info - how the region is now; maps it first as nvio_pmr_map() does. @size:
 * sizeof(*info). Return: 0, or as nvio_pmr_map(). */
NVIO_API int nvio_pmr_get_info(struct nvio_ctrl *ctrl, struct nvio_pmr_info *info, size_t size);

/**
 * nvio_pmr_flush - makes what was written persistent: the calling thread's stores into the region,
 * and commands that completed (PMRWBM).
 *
 * Return: 0; -EIO when the region reports that writes were not kept, or that it is read-only or
 * unreliable; -EINVAL before nvio_pmr_map(); -ENODEV when the controller is gone.
 */
NVIO_API int nvio_pmr_flush(struct nvio_ctrl *ctrl);

#ifdef __cplusplus
}
#endif

#endif
