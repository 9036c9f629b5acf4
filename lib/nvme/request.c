/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests and the commands that they take; see request.h.
 */
#include <errno.h>

#include "base/error.h"
#include "base/mmio.h"
#include "nvme/command.h"
#include "nvme/parent.h"
#include "nvme/pi.h"
#include "nvme/request.h"
#include "nvme/sgl.h"

void nvio_request_skip(struct nvio_request *request, uint64_t nr)
{
	request->slba += nr;
	request->nr_blocks -= nr;
	if (request->data.nr_iov)
		nvio_data_skip(&request->data, nr * request->block_len);
	if (request->metadata)
		request->metadata += nr * request->metadata_len;
	if (request->ref_tag_counts)
		request->tags.reference += nr;
}

struct nvio_span nvio_request_metadata(const struct nvio_request *request, uint64_t nr)
{
	if (!request->metadata)
		return (struct nvio_span){ 0, 0 };
	return (struct nvio_span){ request->metadata, max_u64(nr, 1) * request->metadata_len };
}

void nvio_request_track(const struct nvio_request *request, struct nvio_tracker *t, uint64_t nr)
{
	struct nvio_span span = { 0, 0 };

	if (request->data.nr_iov)
		span = nvio_data_span(&request->data,
				      nr ? nr * request->block_len : nvio_data_len(&request->data));
	nvio_track_memory(t, span.addr, span.len);
	span = nvio_request_metadata(request, nr);
	nvio_track_metadata(t, span.addr, (uint32_t)span.len);
	nvio_track_state(t, NVIO_TRACKER_SAVED);
	nvio_track_kind(t, NVIO_TRACKER_WHOLE);
}

/* Blocks up to the controller's limit and the namespace's boundary. */
static uint64_t room(const struct nvio_request *request)
{
	uint64_t nr = min_u64(request->nr_blocks, request->max_blocks);

	if (request->boundary)
		nr = min_u64(nr, request->boundary - request->slba % request->boundary);
	return nr;
}

static int bad_buffer(const struct nvio_request *request)
{
	const struct iovec *iov = request->data.iov;

	return nvio_error(
		EFAULT,
		"buffer %p + %zu is not DMA memory with the rights for this command: take it from "
		"nvio_alloc() or use nvio_mem_register()",
		iov->iov_base, iov->iov_len);
}

static int cannot_express(const struct nvio_qpair *qpair, const struct nvio_request *request)
{
	const struct iovec *iov = request->data.iov;
	char *addr = (char *)iov->iov_base + request->data.offset;
	size_t len = iov->iov_len - request->data.offset;

	if (nvio_sgl_possible(qpair, request))
		return nvio_error(EINVAL,
				  "buffer %p + %zu: the data of a block, or of a command without "
				  "blocks, may be in %u pieces that do not touch, all of them at "
				  "multiples of 4 where the controller says so",
				  (void *)addr, len, nvio_sgl_max(qpair));
	return nvio_error(EINVAL,
			  "buffer %p + %zu: data must begin at a multiple of 4, and its pieces and "
			  "registrations must meet where the controller's pages do",
			  (void *)addr, len);
}

static int64_t describe_by_prps(const struct nvio_qpair *qpair, const struct nvio_request *request,
				const struct nvio_tracker *t, size_t len, struct nvio_sqe *sqe)
{
	struct nvio_prps prps = nvio_tracker_prps(qpair, t);
	int64_t got = nvio_data_prps(qpair, request->data, len, &prps);

	if (got == -EFAULT)
		return bad_buffer(request);
	if (prps.first & 3)
		got = 0;
	sqe->flags &= (uint8_t)~NVIO_PSDT_MASK;
	nvio_prps_end(&prps, sqe);
	return got;
}

/* Describes data of up to @len bytes in a command: by what is better, or by what takes more of it.
 * Both use the list's memory, so that the better one may have to be built again. Returns how many
 * it took, or -errno. */
static int64_t describe_data(const struct nvio_qpair *qpair, const struct nvio_request *request,
			     const struct nvio_tracker *t, size_t len, struct nvio_sqe *sqe)
{
	const bool by_sgl = nvio_sgl_wanted(qpair, request);
	uint64_t iova;
	int64_t got, other;

	/* Most data is in one piece. */
	if (nvio_data_run(qpair, &request->data, len, &iova) == len && !(iova & 3)) {
		sqe->prp1 = iova;
		if ((iova ^ (iova + len - 1)) > qpair->page_mask)
			sqe->prp2 = nvio_prp2(qpair, t, iova, len);
		return (int64_t)len;
	}
	got = by_sgl ? nvio_sgl_build(qpair, request, t, len, sqe)
		     : describe_by_prps(qpair, request, t, len, sqe);
	if (got < 0 || (size_t)got == len || !nvio_sgl_possible(qpair, request))
		return got;
	other = by_sgl ? describe_by_prps(qpair, request, t, len, sqe)
		       : nvio_sgl_build(qpair, request, t, len, sqe);
	/* What is thrown away PRPs find nowhere. */
	if (other > got || (other < 0 && !by_sgl))
		return other;
	return by_sgl ? nvio_sgl_build(qpair, request, t, len, sqe)
		      : describe_by_prps(qpair, request, t, len, sqe);
}

/* Describes the metadata of @nr blocks. Returns them, or of how many fewer it can be, or -errno. */
static int64_t describe_metadata(const struct nvio_qpair *qpair, const struct nvio_request *request,
				 uint64_t nr, struct nvio_sqe *sqe)
{
	struct iovec iov = { (void *)request->metadata, nr * request->metadata_len };
	struct nvio_data data = { &iov, 1, request->data.rights, 0 };
	const size_t run = nvio_data_run(qpair, &data, iov.iov_len, &sqe->mptr);

	if (run < iov.iov_len) {
		nr = request->nr_blocks ? run / request->metadata_len : 0;
		if (!nr)
			return nvio_error(EFAULT,
					  "metadata %p + %zu is not DMA memory with the rights for "
					  "this command and consecutive IOVAs",
					  iov.iov_base, iov.iov_len);
	}
	/* A later part's begins where this one ends. */
	while (nr && nr < request->nr_blocks && nr * request->metadata_len & 3)
		nr--;
	return nr ? (int64_t)nr
		  : nvio_error(EINVAL,
			       "metadata of %u bytes a block: no command's can end at a multiple "
			       "of 4 before block %llu",
			       request->metadata_len,
			       (unsigned long long)(request->slba +
						    iov.iov_len / request->metadata_len));
}

/* Describes @nr blocks in a command. Returns them, or fewer of which it can be tried again, or
 * -errno. */
static int64_t describe(const struct nvio_qpair *qpair, const struct nvio_request *request,
			const struct nvio_tracker *t, uint64_t nr, struct nvio_sqe *sqe)
{
	const bool counts = request->nr_blocks;

	if (request->data.nr_iov) {
		size_t len = counts ? nr * request->block_len : nvio_data_len(&request->data);
		/* Of a command that counts no blocks it may be nothing. */
		int64_t got = len ? describe_data(qpair, request, t, len, sqe) : 0;

		if (got < 0)
			return got;
		if ((size_t)got < len) {
			/* Whole blocks only; the rest goes into the next command. */
			nr = counts ? (uint64_t)got / request->block_len : 0;
			if (!nr)
				return cannot_express(qpair, request);
		}
		/* The next part's data begins where this one's ends. */
		while (nr > 1 && nr < request->nr_blocks && nr * request->block_len & 3)
			nr--;
		if (counts && nr * request->block_len < len)
			return (int64_t)nr;
	}
	return request->metadata ? describe_metadata(qpair, request, nr, sqe) : (int64_t)nr;
}

int64_t nvio_request_build(const struct nvio_qpair *qpair, const struct nvio_request *request,
			   const struct nvio_tracker *t, struct nvio_sqe *sqe)
{
	int64_t fits = request->nr_blocks ? (int64_t)room(request) : 1, nr;

	/* Each time from the start: flags and pointers of what was too much mean nothing for less.
	 */
	do {
		nr = fits;
		*sqe = request->sqe;
		fits = describe(qpair, request, t, (uint64_t)nr, sqe);
		if (fits < 0)
			return fits;
	} while (fits < nr);
	if (request->nr_blocks) {
		sqe->cdw10 = (uint32_t)request->slba;
		sqe->cdw11 = (uint32_t)(request->slba >> 32);
		sqe->cdw12 |= (uint32_t)(nr - 1);
		if (request->ns->info.protection)
			nvio_pi_to_sqe(&request->ns->info, &request->tags, sqe);
	}
	return nr;
}

int nvio_request_queue(struct nvio_qpair *qpair, struct nvio_request *request)
{
	struct nvio_tracker *t = qpair->free;
	struct nvio_sqe sqe;
	int64_t nr;

	if (!t)
		return nvio_no_slot(qpair);
	/*
	 * Said to be in use before it is looked up: whoever unregisters it clears it first and
	 * looks for users then, so that one of the two sees the other.
	 */
	nvio_request_track(request, t, request->nr_blocks);
	nvio_smp_mb();
	nr = nvio_request_build(qpair, request, t, &sqe);
	if (nr > 0 && (uint64_t)nr >= request->nr_blocks) {
		nvio_command_queue(qpair, t, &sqe, request->state, request->user_data);
		return 0;
	}
	nvio_track_kind(t, NVIO_TRACKER_FREE);
	return nr < 0 ? (int)nr : nvio_parent_queue(qpair, request);
}
