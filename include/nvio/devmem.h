/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory on the drive itself: the controller memory buffer (CMB, 8.5), for queues, lists and data.
 *
 * It is mapped from a BAR and not cached: writing it is slower than writing memory, and reading it
 * very much slower. What is written into it travels to the drive once, and a command that uses it
 * needs no DMA; data that goes from one namespace of the controller to another there never passes
 * through the host. Section numbers as in nvme.h. Thread rule: any thread.
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

#ifdef __cplusplus
}
#endif

#endif
