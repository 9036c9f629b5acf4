/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scatter-gather lists; see sgl.h.
 */
#include <errno.h>

#include "base/error.h"
#include "nvme/command.h"
#include "nvme/sgl.h"

/* A descriptor (figure 94): its type is in the last byte. */
struct sgl {
	uint64_t addr;
	uint64_t len_and_type; /* 32 bits of length, then 24 of zeros */
};

_Static_assert(sizeof(struct sgl) == 16, "figure 94");

#define TYPE_DATA       (0ull << 60)
#define TYPE_BIT_BUCKET (1ull << 60)
#define TYPE_LAST       (3ull << 60)

bool nvio_sgl_possible(const struct nvio_qpair *qpair, const struct nvio_request *request)
{
	return request->data.nr_iov && nvio_sgl_taken(qpair);
}

bool nvio_sgl_wanted(const struct nvio_qpair *qpair, const struct nvio_request *request)
{
	/* PRPs have no way to throw data away. */
	return (request->data.nr_iov > 1 || !request->data.iov->iov_base) &&
	       nvio_sgl_possible(qpair, request);
}

/* The next descriptor. Returns how many bytes it stands for, 0 when they are not registered. */
static size_t describe(const struct nvio_qpair *qpair, const struct nvio_data *data, size_t len,
		       struct sgl *sgl)
{
	if (!data->iov->iov_base && qpair->ctrl->sgls & NVIO_SGLS_BIT_BUCKET) {
		len = min_u64(len, data->iov->iov_len - data->offset);
		*sgl = (struct sgl){ 0, len | TYPE_BIT_BUCKET };
		return len;
	}
	len = nvio_data_run(qpair, data, len, &sgl->addr);
	sgl->len_and_type = len | TYPE_DATA;
	return len;
}

/* Neighbours are one piece. */
static bool joins(struct sgl *sgl, const struct sgl *next)
{
	if ((sgl->len_and_type | next->len_and_type) & TYPE_BIT_BUCKET ||
	    sgl->addr + sgl->len_and_type != next->addr)
		return false;
	sgl->len_and_type += next->len_and_type;
	return true;
}

uint32_t nvio_sgl_max(const struct nvio_qpair *qpair)
{
	return qpair->list_len / sizeof(struct sgl);
}

int64_t nvio_sgl_build(const struct nvio_qpair *qpair, const struct nvio_request *request,
		       const struct nvio_tracker *t, size_t len, struct nvio_sqe *sqe)
{
	const uint32_t max = nvio_sgl_max(qpair);
	struct nvio_prps place = nvio_tracker_prps(qpair, t);
	struct sgl *list = (struct sgl *)(void *)place.entries, next;
	struct nvio_data data = request->data;
	bool aligned = (qpair->ctrl->sgls & NVIO_SGLS_SUPPORT) == NVIO_SGLS_ALIGNED;
	size_t left = len, got;
	uint32_t n = 0;

	nvio_data_skip(&data, 0);
	for (; left; left -= got) {
		got = describe(qpair, &data, left, &next);
		if (!got)
			return nvio_error(EFAULT,
					  "buffer %p + %zu is not DMA memory with the rights for "
					  "this command",
					  data.iov->iov_base, data.iov->iov_len);
		if (aligned && ((next.addr | next.len_and_type) & 3))
			break;
		if (!n || !joins(&list[n - 1], &next)) {
			if (n == max)
				break;
			list[n++] = next;
		}
		nvio_data_skip(&data, got);
	}
	if (!n)
		return 0;
	sqe->flags |= NVIO_PSDT_SGL;
	if (n == 1) {
		sqe->prp1 = list[0].addr;
		sqe->prp2 = list[0].len_and_type;
	} else {
		sqe->prp1 = place.list_iova;
		sqe->prp2 = n * sizeof(struct sgl) | TYPE_LAST;
	}
	return (int64_t)(len - left);
}
