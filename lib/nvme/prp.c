/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PRP entries and lists; see prp.h.
 */
#include <errno.h>

#include "base/bits.h"
#include "nvme/prp.h"

size_t nvio_prp_list_len(size_t len, uint32_t page_len)
{
	/* All but the first page of data, which may begin late in its page. */
	size_t entries = align_up(len, page_len) / page_len;
	size_t slots = page_len / sizeof(uint64_t), power = 8;

	if (entries <= slots) {
		while (power < entries)
			power *= 2;
		return power * sizeof(uint64_t);
	}
	/* A full page gives its last slot to the link to the next one. */
	return (entries + slots - 2) / (slots - 1) * page_len;
}

/* The data's next run begins @done bytes in, where a controller page begins. */
static int next_run(const struct nvio_prp_data *data, size_t done, uint32_t page_len,
		    uint64_t *iova, size_t *run_end)
{
	size_t run = nvio_memory_run(data->memory, data->addr + done, data->len - done,
				     data->rights, iova);

	if (!run)
		return -EFAULT;
	if (!is_aligned(*iova, page_len))
		return -EINVAL;
	*run_end = done + run;
	return 0;
}

static int build_list(const struct nvio_prp_list *list, const struct nvio_prp_data *data,
		      size_t done, uint64_t iova, size_t run_end, uint32_t page_len)
{
	const size_t slots = page_len / sizeof(uint64_t);
	size_t slot = 0;

	for (; done < data->len; done += page_len, iova += page_len) {
		if (done >= run_end) {
			int err = done > run_end ? -EINVAL : 0;

			if (!err)
				err = next_run(data, done, page_len, &iova, &run_end);
			if (err)
				return err;
		}
		/* The last slot of a page holds a link, unless it is the very last entry. */
		if ((slot & (slots - 1)) == slots - 1 && data->len - done > page_len) {
			list->entries[slot] = list->iova + (slot + 1) * sizeof(uint64_t);
			slot++;
		}
		list->entries[slot++] = iova;
	}
	return run_end < data->len ? -EINVAL : 0;
}

int nvio_prp_build(struct nvio_sqe *sqe, const struct nvio_prp_list *list,
		   const struct nvio_prp_data *data, uint32_t page_len)
{
	size_t first = page_len - (data->iova & (page_len - 1));
	uint64_t iova = data->iova + first;
	size_t run_end = data->run;
	int err;

	sqe->prp1 = data->iova;
	if (data->len <= first) {
		sqe->prp2 = 0;
		return data->run < data->len ? -EINVAL : 0;
	}
	if (data->len - first > page_len) {
		sqe->prp2 = list->iova;
		return build_list(list, data, first, iova, run_end, page_len);
	}
	if (first > run_end)
		return -EINVAL;
	if (first == run_end) {
		err = next_run(data, first, page_len, &iova, &run_end);
		if (err)
			return err;
	}
	sqe->prp2 = iova;
	return run_end < data->len ? -EINVAL : 0;
}
