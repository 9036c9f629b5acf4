/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The commands that name blocks: what a caller asks for, checked and turned into a request.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "nvme/command.h"
#include "nvme/parent.h"
#include "nvme/registered.h"
#include "nvme/sgl.h"

#define IO_FLAGS       0x1ffu
#define BLOCKS_MAX     65536u
#define PI_TYPE_CUSTOM 3

/* What is known of an opcode. */
struct verb {
	uint8_t opcode;
	uint8_t rights; /* that its data needs; 0: it has none */
	bool is_limited; /* by the largest transfer, data or not */
	uint16_t oncs; /* the bit that says it is there; 0: it always is */
	const char *name;
};

static const struct verb verbs[] = {
	{ NVIO_OP_READ, NVIO_DMA_WRITE, true, 0, "read" },
	{ NVIO_OP_WRITE, NVIO_DMA_READ, true, 0, "write" },
	{ NVIO_OP_COMPARE, NVIO_DMA_READ, true, NVIO_ONCS_COMPARE, "compare" },
	{ NVIO_OP_WRITE_UNCORRECTABLE, 0, false, NVIO_ONCS_WRITE_UNCORRECTABLE,
	  "write uncorrectable" },
	{ NVIO_OP_WRITE_ZEROES, 0, false, NVIO_ONCS_WRITE_ZEROES, "write zeroes" },
	{ NVIO_OP_VERIFY, 0, true, NVIO_ONCS_VERIFY, "verify" },
};

static const struct verb *find_verb(uint8_t opcode)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (verbs[i].opcode == opcode)
			return &verbs[i];
	}
	return NULL;
}

static int check_blocks(const struct nvio_qpair *qpair, const struct nvio_ns *ns, uint64_t slba,
			uint32_t nr_blocks)
{
	const uint64_t last_block = NVIO_LOOK(ns->last_block);

	if (NVIO_LOOK(ns->ctrl) != qpair->ctrl)
		return nvio_ns_refuse(ns, qpair);
	if (!nr_blocks)
		return nvio_error(EINVAL, "a request for no blocks of namespace %u", ns->nsid);
	if (slba > last_block || nr_blocks - 1 > last_block - slba)
		return nvio_error(EINVAL,
				  "blocks %llu + %u lie beyond namespace %u with its %llu blocks",
				  (unsigned long long)slba, nr_blocks, ns->nsid,
				  (unsigned long long)last_block + 1);
	return 0;
}

static int check_data(const struct nvio_qpair *qpair, const struct nvio_request *request,
		      const struct verb *verb)
{
	size_t len = nvio_data_len(&request->data), want = request->nr_blocks * request->block_len;

	if (len != (verb->rights ? want : 0))
		return nvio_error(EINVAL,
				  "%zu bytes of data with a %s of %llu blocks: it takes %zu", len,
				  verb->name, (unsigned long long)request->nr_blocks,
				  verb->rights ? want : 0);
	for (uint32_t i = 0; i < request->data.nr_iov; i++) {
		if (request->data.iov[i].iov_base || !request->data.iov[i].iov_len)
			continue;
		if (verb->opcode != NVIO_OP_READ || !nvio_sgl_possible(qpair, request) ||
		    !(qpair->ctrl->sgls & NVIO_SGLS_BIT_BUCKET))
			return nvio_error(ENOTSUP,
					  "queue pair %u cannot throw data away: its controller "
					  "has no SGL bit buckets, or this is no read",
					  qpair->qid);
	}
	return 0;
}

/* Metadata of its own, where the format has it and it is transferred. */
static int take_metadata(struct nvio_request *request, const struct nvio_io *io,
			 const struct verb *verb)
{
	const struct nvio_ns_info *info = &request->ns->info;
	size_t want = 0;

	if (verb->rights && info->metadata_len && !info->metadata_extended &&
	    !nvio_is_stripped(request->ns, io->flags))
		want = (size_t)request->nr_blocks * info->metadata_len;
	if ((io->metadata ? io->metadata_len : 0) != want)
		return nvio_error(EINVAL,
				  "%zu bytes of metadata with a %s of %u blocks of namespace %u: "
				  "it takes %zu",
				  io->metadata ? io->metadata_len : 0, verb->name, io->nr_blocks,
				  info->nsid, want);
	if ((uintptr_t)io->metadata & 3)
		return nvio_error(EINVAL, "metadata %p does not begin at a multiple of 4",
				  io->metadata);
	request->metadata = (uintptr_t)io->metadata;
	request->metadata_len = info->metadata_len;
	return 0;
}

/* Blocks of one command. Of those without data the count of 16 bits is the limit, and what the
 * controller says of each: never less than one. */
static uint32_t max_blocks(const struct nvio_ctrl *ctrl, const struct nvio_ns *ns,
			   const struct verb *verb)
{
	uint64_t max = verb->is_limited ? ns->info.max_blocks : BLOCKS_MAX;
	uint64_t len = verb->opcode == NVIO_OP_VERIFY                ? ctrl->verify_max
		       : verb->opcode == NVIO_OP_WRITE_ZEROES        ? ctrl->zeroes_max
		       : verb->opcode == NVIO_OP_WRITE_UNCORRECTABLE ? ctrl->uncorrectable_max
								     : 0;

	if (len)
		max = min_u64(max, max_u64(len / (ns->info.block_len + ns->info.metadata_len), 1));
	return (uint32_t)max;
}

/* Turns what the caller wants into a request. Returns 0 or -errno. */
static int prepare(const struct nvio_qpair *qpair, const struct nvio_ns *ns,
		   const struct nvio_io *io, uint64_t user_data, struct nvio_request *request)
{
	const struct verb *verb = find_verb(io->opcode);
	const struct nvio_ns_info *info = &ns->info;
	int err = check_blocks(qpair, ns, io->slba, io->nr_blocks);

	if (err)
		return err;
	if (!verb || (io->flags & ~IO_FLAGS) || io->directive > NVIO_DIRECTIVE_MAX ||
	    (io->flags & NVIO_IO_DEALLOCATE && io->opcode != NVIO_OP_WRITE_ZEROES))
		return nvio_error(
			EINVAL,
			"opcode 0x%02x with flags 0x%x and directive %u is no request for "
			"blocks of a namespace",
			io->opcode, io->flags, io->directive);
	if (verb->oncs && !(qpair->ctrl->oncs & verb->oncs))
		return nvio_error(ENOTSUP, "%s has no command to %s (ONCS 0x%x)",
				  qpair->ctrl->info.name, verb->name, qpair->ctrl->oncs);
	*request = (struct nvio_request){
		.ns = ns,
		.sqe = { .opcode = io->opcode,
			 .nsid = ns->nsid,
			 .cdw12 = nvio_cdw12_flags(io->flags) | (uint32_t)io->directive
									<< NVIO_RW_DTYPE_SHIFT,
			 .cdw13 = (uint32_t)io->directive_specific << 16 },
		.user_data = user_data,
		.state = io->flags & NVIO_IO_ONCE ? NVIO_TRACKER_ONCE : 0,
		.slba = io->slba,
		.nr_blocks = io->nr_blocks,
		.data = { io->iov, io->nr_iov, verb->rights, 0 },
		.tags = io->tags,
		.max_blocks = max_blocks(qpair->ctrl, ns, verb),
		.boundary = ns->boundary,
		.block_len = (uint32_t)nvio_transfer_len(ns, 1, io->flags),
		.ref_tag_counts = info->protection && info->protection != PI_TYPE_CUSTOM,
	};
	/* One piece is copied, so that its vector need not stay. */
	if (io->nr_iov == 1) {
		request->single = *io->iov;
		request->data.iov = &request->single;
	}
	err = check_data(qpair, request, verb);
	if (!err)
		err = take_metadata(request, io, verb);
	/* Pieces of nothing, where there is no data. */
	if (!verb->rights)
		request->data.nr_iov = 0;
	return err;
}

static int read_or_write(struct nvio_qpair *qpair, struct nvio_ns *ns, uint8_t opcode,
			 uintptr_t addr, uint64_t slba, uint32_t nr_blocks, unsigned int flags,
			 uint64_t user_data)
{
	struct nvio_request request;
	const struct iovec iov = { (void *)addr, nvio_transfer_len(ns, nr_blocks, flags) };
	struct nvio_io io = {
		.opcode = opcode,
		.flags = flags,
		.slba = slba,
		.nr_blocks = nr_blocks,
		.nr_iov = 1,
		.iov = &iov,
		/* What type 1 wants, and nearly everybody with type 2. */
		.tags = { .reference = slba },
	};
	int err;

	if (!qpair->free)
		return nvio_no_slot(qpair);
	/* The heap may have grown: the next request finds its way short again. */
	qpair->heap = nvio_memory_window(qpair->memory);
	/* Nothing at all is not memory to be thrown away. */
	if (!addr)
		return nvio_error(EFAULT, "a buffer of NULL");
	err = prepare(qpair, ns, &io, user_data, &request);
	return err ? err : nvio_request_queue(qpair, &request);
}

int nvio_read_long(struct nvio_qpair *qpair, struct nvio_ns *ns, uintptr_t addr, uint64_t slba,
		   uint32_t nr_blocks, unsigned int flags, uint64_t user_data)
{
	if (nvio_queue_registered(qpair, ns, ns->read_word0, NVIO_DMA_WRITE, addr, slba, nr_blocks,
				  flags, user_data))
		return 0;
	return read_or_write(qpair, ns, NVIO_OP_READ, addr, slba, nr_blocks, flags, user_data);
}

int nvio_write_long(struct nvio_qpair *qpair, struct nvio_ns *ns, uintptr_t addr, uint64_t slba,
		    uint32_t nr_blocks, unsigned int flags, uint64_t user_data)
{
	if (nvio_queue_registered(qpair, ns, ns->write_word0, NVIO_DMA_READ, addr, slba, nr_blocks,
				  flags, user_data))
		return 0;
	return read_or_write(qpair, ns, NVIO_OP_WRITE, addr, slba, nr_blocks, flags, user_data);
}

static int queue_io(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct nvio_io *io,
		    uint64_t user_data)
{
	struct nvio_request request;
	int err;

	if (!qpair->free)
		return nvio_no_slot(qpair);
	if (io->opcode == NVIO_OP_FLUSH)
		return nvio_flush(qpair, ns, user_data);
	err = prepare(qpair, ns, io, user_data, &request);
	return err ? err : nvio_request_queue(qpair, &request);
}

int nvio_io(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct nvio_io *given,
	    uint64_t user_data)
{
	struct nvio_io io = { 0 };
	int err;

	/* What a caller of another version has made is taken over first. */
	if (likely(given && given->size == sizeof(*given)))
		return queue_io(qpair, ns, given, user_data);
	err = nvio_take_opts(&io, sizeof(io), given, "nvio_io");
	return err ? err : queue_io(qpair, ns, &io, user_data);
}

int nvio_flush(struct nvio_qpair *qpair, struct nvio_ns *ns, uint64_t user_data)
{
	const struct nvio_sqe sqe = { .opcode = NVIO_OP_FLUSH, .nsid = ns->nsid };
	int err = check_blocks(qpair, ns, 0, 1);

	return err ? err : nvio_command_post(qpair, &sqe, 0, user_data);
}

/* Two commands side by side, and one completion for both. */
static int queue_fused(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct nvio_io *compare,
		       const struct nvio_io *write, uint64_t user_data)
{
	struct nvio_request first, second;
	int err;

	if (!qpair->free)
		return nvio_no_slot(qpair);
	if (!(qpair->ctrl->fuses & NVIO_FUSES_COMPARE_WRITE))
		return nvio_error(ENOTSUP, "%s has no fused compare and write",
				  qpair->ctrl->info.name);
	if (compare->opcode != NVIO_OP_COMPARE || write->opcode != NVIO_OP_WRITE ||
	    compare->slba != write->slba || compare->nr_blocks != write->nr_blocks)
		return nvio_error(EINVAL,
				  "opcodes 0x%02x and 0x%02x of blocks %llu + %u and %llu + %u: a "
				  "compare and a write of the same blocks are fused",
				  compare->opcode, write->opcode, (unsigned long long)compare->slba,
				  compare->nr_blocks, (unsigned long long)write->slba,
				  write->nr_blocks);
	err = prepare(qpair, ns, compare, user_data, &first);
	if (!err)
		err = prepare(qpair, ns, write, user_data, &second);
	if (err)
		return err;
	/* A boundary is where commands are slower, and these cannot be split. */
	first.boundary = second.boundary = 0;
	first.sqe.flags = NVIO_FUSE_FIRST;
	second.sqe.flags = NVIO_FUSE_SECOND;
	return nvio_parent_queue_fused(qpair, &first, &second);
}

int nvio_compare_and_write(struct nvio_qpair *qpair, struct nvio_ns *ns, const void *expected,
			   const void *data, uint64_t slba, uint32_t nr_blocks, unsigned int flags,
			   uint64_t user_data)
{
	const size_t len = nvio_transfer_len(ns, nr_blocks, flags);
	const struct iovec iov[] = { { (void *)expected, len }, { (void *)data, len } };
	const struct nvio_io compare = {
		.opcode = NVIO_OP_COMPARE,
		.flags = flags,
		.slba = slba,
		.nr_blocks = nr_blocks,
		.nr_iov = 1,
		.iov = &iov[0],
		.tags = { .reference = slba },
	};
	struct nvio_io write = compare;

	write.opcode = NVIO_OP_WRITE;
	write.iov = &iov[1];
	return queue_fused(qpair, ns, &compare, &write, user_data);
}

int nvio_io_fused(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct nvio_io *compare,
		  const struct nvio_io *write, uint64_t user_data)
{
	struct nvio_io first = { 0 }, second = { 0 };
	int err = nvio_take_opts(&first, sizeof(first), compare, "nvio_io");

	if (!err)
		err = nvio_take_opts(&second, sizeof(second), write, "nvio_io");
	return err ? err : queue_fused(qpair, ns, &first, &second, user_data);
}
