/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO capability chains: input from outside, walked with every offset checked.
 *
 * A chain lies behind an information structure; each header names the offset, from the start of
 * that structure, of the next (struct vfio_info_cap_header of <linux/vfio.h>).
 */
#ifndef NVIO_LIB_VFIO_CAPS_H
#define NVIO_LIB_VFIO_CAPS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Receives one capability: @cap points to its header, @len bytes up to the end of the buffer may be
 * read. Returns 0 to go on, or -errno to end the walk with.
 */
typedef int (*nvio_cap_fn)(void *arg, uint16_t id, uint16_t version, const void *cap, size_t len);

/*
 * Walks the chain that begins at @offset in the @len bytes at @info; @offset 0 is an empty chain.
 * Returns 0; -EPROTO for an offset that is outside, inside the fixed part (@fixed bytes), or that
 * does not ascend (a cycle); what @each returned.
 */
int nvio_caps_walk(const void *info, size_t len, size_t fixed, uint32_t offset, nvio_cap_fn each,
		   void *arg);

/*
 * Asks the kernel for an information structure with its chain: the argsz two-step.
 * @info: what to ask with, @len bytes of it, its first member the argsz; receives the fixed part
 * Returns the answer with its chain in malloc()ed memory of *@full_len bytes, the caller's to free;
 * NULL with the error in *@err (-errno).
 */
void *nvio_caps_ioctl(int fd, unsigned long request, const void *info, size_t len, size_t *full_len,
		      int *err);

#endif
