/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scatter-gather lists (section 4.1.2), for what PRPs cannot say or say at length: data in many
 * pieces, at odd addresses, or not wanted at all.
 */
#ifndef NVIO_LIB_NVME_SGL_H
#define NVIO_LIB_NVME_SGL_H

#include "nvme/request.h"

/* SGLS of Identify Controller. */
#define NVIO_SGLS_SUPPORT    3u
#define NVIO_SGLS_ALIGNED    2u /* of the two bits: data in multiples of 4 bytes */
#define NVIO_SGLS_BIT_BUCKET (1u << 16)

/* Whether the queue pair sends any: for data in several pieces it does then, but where PRPs are
 * shorter (vectored.c). */
static inline bool nvio_sgl_taken(const struct nvio_qpair *qpair)
{
	return !qpair->no_sgl && qpair->list_len && qpair->ctrl->sgls & NVIO_SGLS_SUPPORT;
}

/* Whether the controller takes them, and whether they are the better way for a request. */
bool nvio_sgl_possible(const struct nvio_qpair *qpair, const struct nvio_request *request);
bool nvio_sgl_wanted(const struct nvio_qpair *qpair, const struct nvio_request *request);

/* Pieces of memory in one command. */
uint32_t nvio_sgl_max(const struct nvio_qpair *qpair);

/*
 * Describes the next @len bytes of a request, with the list memory of @t.
 * Returns how many fit; -EFAULT; 0 when an address is not aligned as the controller wants it.
 */
int64_t nvio_sgl_build(const struct nvio_qpair *qpair, const struct nvio_request *request,
		       const struct nvio_tracker *t, size_t len, struct nvio_sqe *sqe);

#endif
