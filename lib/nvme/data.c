/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data of a command; see data.h.
 */
#include <errno.h>

#include "nvme/ctrl.h"
#include "nvme/data.h"

size_t nvio_data_len(const struct nvio_data *data)
{
	size_t len = 0;

	for (uint32_t i = 0; i < data->nr_iov; i++)
		len += data->iov[i].iov_len;
	return len - data->offset;
}

struct nvio_span nvio_data_span(const struct nvio_data *data, size_t len)
{
	uintptr_t low = UINTPTR_MAX, high = 0;
	size_t offset = data->offset;

	for (uint32_t i = 0; i < data->nr_iov && len; i++) {
		uintptr_t addr = (uintptr_t)data->iov[i].iov_base + offset;
		size_t n = min_u64(data->iov[i].iov_len - offset, len);

		offset = 0;
		len -= n;
		/* Bytes that are thrown away lie nowhere, and no bytes do. */
		if (!data->iov[i].iov_base || !n)
			continue;
		low = min_u64(low, addr);
		high = max_u64(high, addr + n);
	}
	return (struct nvio_span){ low, high > low ? high - low : 0 };
}

void nvio_data_skip(struct nvio_data *data, size_t len)
{
	while (data->nr_iov && len >= data->iov->iov_len - data->offset) {
		len -= data->iov->iov_len - data->offset;
		data->offset = 0;
		data->iov++;
		data->nr_iov--;
	}
	data->offset += len;
}

size_t nvio_data_run(const struct nvio_qpair *qpair, const struct nvio_data *data, size_t len,
		     uint64_t *iova)
{
	uintptr_t addr = (uintptr_t)data->iov->iov_base + data->offset;
	size_t run;

	len = min_u64(len, data->iov->iov_len - data->offset);
	if (nvio_memory_in_window(qpair->memory, addr, len, iova))
		return len;
	run = nvio_memory_run(qpair->memory, addr, len, data->rights, iova);
	return run ? run : nvio_local_run(qpair->ctrl, addr, len, data->rights, iova);
}

int64_t nvio_data_prps(const struct nvio_qpair *qpair, struct nvio_data data, size_t len,
		       struct nvio_prps *prps)
{
	size_t left = len;

	nvio_data_skip(&data, 0);
	while (left) {
		uint64_t iova;
		size_t run = nvio_data_run(qpair, &data, left, &iova);

		if (!run)
			return -EFAULT;
		if (!nvio_prps_add(prps, iova, run))
			break;
		left -= run;
		nvio_data_skip(&data, run);
	}
	return (int64_t)(len - left);
}
