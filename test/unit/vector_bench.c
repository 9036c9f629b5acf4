/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Vectored requests; see vector_bench.h.
 */
#include "vector_bench.h"

size_t vector_len(const struct iovec *iov, uint32_t nr)
{
	size_t len = 0;

	for (uint32_t i = 0; i < nr; i++)
		len += iov[i].iov_len;
	return len;
}

int vector_queue(struct bench *b, const struct iovec *iov, uint32_t nr)
{
	return nvio_readv(&b->qpair, &b->ns, iov, nr, VECTOR_SLBA,
			  (uint32_t)(vector_len(iov, nr) / b->ns.info.block_len), 0, VECTOR_USER);
}

bool are_pieces(const struct bench *b, const struct run *runs, const struct iovec *iov,
		size_t offset, size_t len)
{
	uint64_t used = 0;

	while (len) {
		uint64_t n, iova;

		while (offset >= iov->iov_len)
			offset -= iov++->iov_len;
		n = min_u64(len, min_u64(iov->iov_len - offset, runs->len - used));
		iova = iov->iov_base ? iova_of(b, (char *)iov->iov_base + offset) : 0;
		if (iova != (iov->iov_base ? runs->iova + used : runs->iova))
			return false;
		offset += n;
		used += n;
		len -= n;
		if (used == runs->len) {
			runs++;
			used = 0;
		}
	}
	return true;
}

void vector_check(struct bench *b, const struct iovec *iov, uint32_t nr, const uint32_t *parts)
{
	const uint32_t block_len = b->ns.info.block_len;
	struct run runs[PATH_RUNS_MAX];
	struct nvio_completion done[2];
	size_t offset = 0;
	uint16_t cids[64];
	unsigned int n;

	CU_ASSERT_EQUAL_FATAL(vector_queue(b, iov, nr), 0);
	nvio_submit(&b->qpair);
	for (n = 0; parts[n]; n++) {
		const struct nvio_sqe *sqe = next_command(b);
		const size_t len = parts[n] * block_len;

		CU_ASSERT_EQUAL(sqe_slba(sqe), VECTOR_SLBA + offset / block_len);
		CU_ASSERT_EQUAL(sqe_nr(sqe), parts[n]);
		CU_ASSERT_TRUE(path_data(b, sqe, len, runs) > 0);
		CU_ASSERT_TRUE(are_pieces(b, runs, iov, offset, len));
		offset += len;
		cids[n] = sqe->cid;
	}
	CU_ASSERT_PTR_NULL(fetch(b));
	CU_ASSERT_EQUAL(offset, vector_len(iov, nr));
	for (unsigned int i = 0; i < n; i++)
		complete(b, cids[i], 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b->qpair, done, 2), 1);
	CU_ASSERT_EQUAL(done[0].user_data, VECTOR_USER);
	CU_ASSERT_EQUAL(done[0].status, 0);
}

void vector_refused(struct bench *b, const struct iovec *iov, uint32_t nr, int err)
{
	CU_ASSERT_EQUAL(vector_queue(b, iov, nr), -err);
	CU_ASSERT_EQUAL(nvio_submit(&b->qpair), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b->qpair), 0);
}
