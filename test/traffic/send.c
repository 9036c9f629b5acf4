/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * By which of the library's calls a request is queued: any that can say it; see request.h.
 */
#include "request.h"

/* What nvio_io() takes, with data and metadata where the request has them. */
static struct nvio_io command(const struct run *run, const struct request *request, uint8_t opcode,
			      const struct vector *vector, uint8_t *metadata)
{
	struct nvio_io io = NVIO_IO;

	io.opcode = opcode;
	io.flags = request->flags;
	io.slba = request->slba;
	io.nr_blocks = request->nr;
	io.tags = blocks_tags(&run->blocks, request->slba);
	if (request_has_data(request)) {
		io.iov = vector->iov;
		io.nr_iov = vector->nr;
		io.metadata_len = request_metadata_len(run, request);
		io.metadata = io.metadata_len ? metadata : NULL;
	}
	return io;
}

static int queue_blocks(struct run *run, const struct request *request)
{
	static const uint8_t opcodes[TRAFFIC_OPS] = {
		[TRAFFIC_READ] = NVIO_OP_READ,
		[TRAFFIC_WRITE] = NVIO_OP_WRITE,
		[TRAFFIC_COMPARE] = NVIO_OP_COMPARE,
		[TRAFFIC_MISCOMPARE] = NVIO_OP_COMPARE,
		[TRAFFIC_ZERO] = NVIO_OP_WRITE_ZEROES,
		[TRAFFIC_VERIFY] = NVIO_OP_VERIFY,
		[TRAFFIC_SPOIL] = NVIO_OP_WRITE_UNCORRECTABLE,
	};
	const struct nvio_io io =
		command(run, request, opcodes[request->op], &request->vector, request->metadata);

	return nvio_io(run->qpair, run->traffic->ns, &io, (uintptr_t)request);
}

/* A handle that begins anywhere before the data, which are one piece. Memory of which a part is
 * another registration's has none. */
static bool open_buffer(struct run *run, struct request *request, size_t *offset)
{
	struct nvio_iommu *iommu = nvio_ctrl_iommu(run->traffic->ctrl);
	char *data = request->vector.iov[0].iov_base;
	size_t len = request->vector.len;
	uint64_t iova;

	*offset = random_below(&run->random, (size_t)(data - request->memory) + 1);
	len += *offset;
	if (!nvio_buffer_open(iommu, data - *offset, len, NVIO_DMA_RW, &request->buffer))
		return true;
	request->buffer = NULL;
	if (nvio_mem_iova(iommu, data - *offset, len, NVIO_DMA_RW, &iova) == (int64_t)len)
		request_failed(run, request, nvio_last_error());
	return false;
}

static int queue_buffer(struct run *run, const struct request *request, size_t offset)
{
	const uint64_t user_data = (uintptr_t)request;

	if (request->op == TRAFFIC_WRITE)
		return nvio_write_buffer(run->qpair, run->traffic->ns, request->buffer, offset,
					 request->slba, request->nr, request->flags, user_data);
	return nvio_read_buffer(run->qpair, run->traffic->ns, request->buffer, offset,
				request->slba, request->nr, request->flags, user_data);
}

/* A read or write with nothing to it that only nvio_io() can say. */
static int queue_plain(struct run *run, const struct request *request)
{
	const struct vector *vector = &request->vector;
	const uint64_t user_data = (uintptr_t)request;
	const bool write = request->op == TRAFFIC_WRITE;

	if (vector->nr == 1 && write)
		return nvio_write(run->qpair, run->traffic->ns, vector->iov[0].iov_base,
				  request->slba, request->nr, request->flags, user_data);
	if (vector->nr == 1)
		return nvio_read(run->qpair, run->traffic->ns, vector->iov[0].iov_base,
				 request->slba, request->nr, request->flags, user_data);
	if (write)
		return nvio_writev(run->qpair, run->traffic->ns, vector->iov, vector->nr,
				   request->slba, request->nr, request->flags, user_data);
	return nvio_readv(run->qpair, run->traffic->ns, vector->iov, vector->nr, request->slba,
			  request->nr, request->flags, user_data);
}

static int queue_fused(struct run *run, const struct request *request)
{
	const struct vector *expected = &request->expected, *vector = &request->vector;
	const struct nvio_io compare =
		command(run, request, NVIO_OP_COMPARE, expected, request->expected_metadata);
	const struct nvio_io write =
		command(run, request, NVIO_OP_WRITE, vector, request->metadata);

	if (!compare.metadata_len && random_below(&run->random, 2))
		return nvio_compare_and_write(run->qpair, run->traffic->ns,
					      expected->iov[0].iov_base, vector->iov[0].iov_base,
					      request->slba, request->nr, request->flags,
					      (uintptr_t)request);
	return nvio_io_fused(run->qpair, run->traffic->ns, &compare, &write, (uintptr_t)request);
}

/* Protection information is made for the new place; that of type 3 is of none, and may stay. */
static int queue_copy(struct run *run, const struct request *request)
{
	const struct nvio_ns_info *info = &run->blocks.info;
	struct nvio_copy_io copy = NVIO_COPY_IO;
	struct nvio_pi_tags tags[RANGES];

	if (!info->protection)
		return nvio_copy(run->qpair, run->traffic->ns, request->slba, request->ranges,
				 request->nr_ranges, 0, (uintptr_t)request);
	for (unsigned int i = 0; i < request->nr_ranges; i++)
		tags[i] = blocks_tags(&run->blocks, request->ranges[i].slba);
	copy.slba = request->slba;
	copy.ranges = request->ranges;
	copy.range_tags = tags;
	copy.nr_ranges = request->nr_ranges;
	copy.tags = blocks_tags(&run->blocks, request->slba);
	copy.range_flags = request->flags & ~(unsigned int)NVIO_IO_PRACT;
	copy.flags = request->flags;
	return nvio_copy_io(run->qpair, run->traffic->ns, &copy, (uintptr_t)request);
}

/* Every other one with something in each dword that a flush has no use for, nor a read. */
static int queue_flush(struct run *run, uint64_t user_data)
{
	const struct nvio_sqe sqe = {
		.opcode = NVIO_OP_FLUSH,
		.nsid = run->blocks.info.nsid,
		.cdw2 = 2,
		.cdw3 = 3,
		.cdw14 = 14,
		.cdw15 = 15,
	};

	if (random_below(&run->random, 2))
		return nvio_flush(run->qpair, run->traffic->ns, user_data);
	return nvio_passthrough(run->qpair, &sqe, NULL, 0, NULL, 0, NVIO_IO_REPEATABLE, user_data);
}

bool request_is_plain(const struct run *run)
{
	const struct nvio_ns_info *info = &run->blocks.info;

	return !info->protection && (!info->metadata_len || info->metadata_extended);
}

/* By any call that can say it. */
static int queue_read_or_write(struct run *run, struct request *request)
{
	size_t offset;

	if (!request_is_plain(run) || !random_below(&run->random, 4))
		return queue_blocks(run, request);
	if (request->vector.nr == 1 && random_below(&run->random, 2) &&
	    open_buffer(run, request, &offset))
		return queue_buffer(run, request, offset);
	return queue_plain(run, request);
}

int request_send(struct run *run, struct request *request)
{
	struct nvio_ns *ns = run->traffic->ns;
	const uint64_t user_data = (uintptr_t)request;

	switch (request->op) {
	case TRAFFIC_READ:
	case TRAFFIC_WRITE:
		return queue_read_or_write(run, request);
	case TRAFFIC_FUSED:
	case TRAFFIC_MISFUSED:
		return queue_fused(run, request);
	case TRAFFIC_DISCARD:
		return nvio_dsm(run->qpair, ns, request->ranges, request->nr_ranges,
				NVIO_DSM_DEALLOCATE, user_data);
	case TRAFFIC_COPY:
		return queue_copy(run, request);
	case TRAFFIC_FLUSH:
		return queue_flush(run, user_data);
	default:
		return queue_blocks(run, request);
	}
}
