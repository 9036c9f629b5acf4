/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O on a queue pair: commands are queued, submitted with one doorbell, and polled for.
 *
 * Section numbers as in nvme.h. Thread rule: everything here is for the thread that owns the queue
 * pair, but for what says otherwise. Nothing here allocates, locks or makes a system call, but for
 * nvio_wait(), and nvio_poll() when it looks after the device, every 400 ms at most, or has it
 * reset; a command that is sent again may wait for a thread that unregisters its memory just then.
 *
 * A request may be of any size: it is split where the controller's largest transfer, the
 * namespace's boundary or the memory under it make several commands of it, and completes once, with
 * the first error.
 */
#ifndef NVIO_IO_H
#define NVIO_IO_H

#include <sys/uio.h>

#include <nvio/nvme.h>
#include <nvio/pi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A finished command. */
struct nvio_completion {
	uint64_t user_data; /* as given with the command */
	uint32_t result; /* dword 0 of the completion, command specific */
	uint16_t status; /* 0: success; else status code in bits 7:0, its type in 10:8, bit 14: do
			    not retry (4.6.1) */
	uint16_t reserved;
};

enum nvio_io_flags {
	NVIO_IO_FUA = 1, /* write: on the medium at completion; read: from the medium */
	NVIO_IO_LIMITED_RETRY = 2, /* the controller should give up early */
	NVIO_IO_DEALLOCATE = 4, /* write zeroes: the blocks may be deallocated */
	NVIO_IO_CHECK_REF = 8, /* the controller checks the reference tag (NVM:5.2) */
	NVIO_IO_CHECK_APP = 16, /* the application tag, as far as app_mask says */
	NVIO_IO_CHECK_GUARD = 32, /* the guard */
	NVIO_IO_PRACT = 64, /* it makes the protection information of a write, and strips that of a
			       read where the metadata is nothing else */
	NVIO_IO_ONCE = 128, /* it is not sent again, whatever its status says */
	NVIO_IO_CHECK_STORAGE = 256, /* it checks the storage tag */
	NVIO_IO_REPEATABLE = 512, /* passthrough: it may be sent again */
};

/**
 * nvio_read - queues a read (NVM:3.2.4). No doorbell yet: nvio_submit() or nvio_poll() rings it.
 * @buf:       heap or registered memory (NVIO_DMA_WRITE), 4-byte aligned, a block_len for each
 *             block and its metadata where that is extended; untouched by the caller until the
 *             completion. Protection information is given the first block's number as its
 *             reference tag
 * @slba:      first block
 * @nr_blocks: 1 or more
 * @flags:     enum nvio_io_flags
 * @user_data: comes back with the completion
 *
 * Where flags ask for protection information, the reference tag of the first block is @slba and the
 * application tag 0; nvio_io() takes other tags.
 *
 * Return: 0; -EAGAIN when as many commands as the depth are outstanding; -EINVAL (blocks beyond the
 * namespace, alignment, metadata that nvio_io() takes); -EFAULT when @buf is not registered for it;
 * -EIO when the queue pair failed; -ENODEV when its device is gone.
 */
NVIO_API int nvio_read(struct nvio_qpair *qpair, struct nvio_ns *ns, void *buf, uint64_t slba,
		       uint32_t nr_blocks, unsigned int flags, uint64_t user_data);

/** nvio_write - queues a write (NVM:3.2.6); as nvio_read(), with memory that the device may read
 * (NVIO_DMA_READ). */
NVIO_API int nvio_write(struct nvio_qpair *qpair, struct nvio_ns *ns, const void *buf,
			uint64_t slba, uint32_t nr_blocks, unsigned int flags, uint64_t user_data);

/**
 * nvio_read_buffer - nvio_read() into memory with a handle, which saves looking it up.
 * @buffer: of nvio_buffer_open(), with NVIO_DMA_WRITE
 * @offset: bytes from its beginning
 *
 * Return: as nvio_read(); -EFAULT beyond the buffer's end, for another address space's or without
 * the rights.
 */
NVIO_API int nvio_read_buffer(struct nvio_qpair *qpair, struct nvio_ns *ns,
			      const struct nvio_buffer *buffer, size_t offset, uint64_t slba,
			      uint32_t nr_blocks, unsigned int flags, uint64_t user_data);

/** nvio_write_buffer - nvio_write() from such memory, with NVIO_DMA_READ. */
NVIO_API int nvio_write_buffer(struct nvio_qpair *qpair, struct nvio_ns *ns,
			       const struct nvio_buffer *buffer, size_t offset, uint64_t slba,
			       uint32_t nr_blocks, unsigned int flags, uint64_t user_data);

/**
 * nvio_flush - queues a flush (7.1): what completed before it is on the medium when it completes.
 *
 * Return: 0; -EAGAIN; -EIO; -ENODEV.
 */
NVIO_API int nvio_flush(struct nvio_qpair *qpair, struct nvio_ns *ns, uint64_t user_data);

/* A request with everything that a command can carry. All zero means none of it. */
struct nvio_io {
	size_t size; /* sizeof(struct nvio_io) */
	uint8_t opcode; /* enum nvio_opcode */
	uint8_t directive; /* type: 0 none, 1 streams, 2 data placement (8.7) */
	uint16_t directive_specific; /* stream identifier, or placement handle */
	unsigned int flags; /* enum nvio_io_flags */
	uint64_t slba;
	uint32_t nr_blocks;
	uint32_t nr_iov;
	/* Data in pieces of any length, a NULL base throws bytes of a read away (controllers with
	 * SGL bit buckets only). Unless it is one piece, it stays as it is until the completion,
	 * like what it points to. */
	const struct iovec *iov;
	/* Metadata of its own, metadata_len of the namespace for each block; consecutive IOVAs for
	 * each. */
	void *metadata;
	size_t metadata_len; /* bytes at @metadata */
	struct nvio_pi_tags tags; /* of the first block */
};

#define NVIO_IO                                                             \
	{                                                                   \
		sizeof(struct nvio_io), 0, 0, 0, 0, 0, 0, 0, NULL, NULL, 0, \
		{                                                           \
			0, 0, 0, 0                                          \
		}                                                           \
	}

enum nvio_opcode {
	NVIO_OP_FLUSH = 0x00,
	NVIO_OP_WRITE = 0x01,
	NVIO_OP_READ = 0x02,
	NVIO_OP_WRITE_UNCORRECTABLE = 0x04, /* reads of the blocks fail until they are written */
	NVIO_OP_COMPARE = 0x05, /* status 0x285 when the data differs */
	NVIO_OP_WRITE_ZEROES = 0x08,
	NVIO_OP_VERIFY = 0x0c, /* reads without a transfer */
};

/**
 * nvio_io - queues any command of the NVM command set that names blocks (NVM:3.2), or a flush.
 * @io: read, write and compare with their data, the others without
 *
 * Return: as nvio_read(); -ENOTSUP for what the controller does not offer.
 */
NVIO_API int nvio_io(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct nvio_io *io,
		     uint64_t user_data);

/** nvio_readv - nvio_read() into pieces of memory. @iov: as in struct nvio_io. Return: as
 * nvio_read(). */
NVIO_API int nvio_readv(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct iovec *iov,
			uint32_t nr_iov, uint64_t slba, uint32_t nr_blocks, unsigned int flags,
			uint64_t user_data);

/** nvio_writev - nvio_write() from pieces of memory. Return: as nvio_write(). */
NVIO_API int nvio_writev(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct iovec *iov,
			 uint32_t nr_iov, uint64_t slba, uint32_t nr_blocks, unsigned int flags,
			 uint64_t user_data);

/**
 * nvio_compare_and_write - writes @data where @expected is found, as one operation (6.2).
 *
 * One completion: status 0x285 when the blocks differ, and nothing was written.
 *
 * Return: as nvio_write(); -EINVAL when the blocks do not fit into one command, or the queue pair's
 * depth is 1; -ENOTSUP when the controller cannot (FUSES).
 */
NVIO_API int nvio_compare_and_write(struct nvio_qpair *qpair, struct nvio_ns *ns,
				    const void *expected, const void *data, uint64_t slba,
				    uint32_t nr_blocks, unsigned int flags, uint64_t user_data);

/**
 * nvio_io_fused - nvio_compare_and_write() with all that the two commands can carry: metadata of
 * its own, tags of protection information, data in pieces.
 * @compare: NVIO_OP_COMPARE
 * @write:   NVIO_OP_WRITE of the same blocks
 *
 * Return: as nvio_compare_and_write(); -EINVAL for any other pair.
 */
NVIO_API int nvio_io_fused(struct nvio_qpair *qpair, struct nvio_ns *ns,
			   const struct nvio_io *compare, const struct nvio_io *write,
			   uint64_t user_data);

/* Blocks, for dataset management and copy. */
struct nvio_range {
	uint64_t slba;
	uint32_t nr_blocks;
	uint32_t attributes; /* dataset management: context attributes (NVM:figure 41) */
};

enum nvio_dsm_attributes {
	NVIO_DSM_INTEGRAL_READ = 1,
	NVIO_DSM_INTEGRAL_WRITE = 2,
	NVIO_DSM_DEALLOCATE = 4, /* the blocks are not needed any more: trim */
};

/**
 * nvio_dsm - queues a dataset management command (NVM:3.2.3).
 * @ranges:     up to 256; copied
 * @attributes: enum nvio_dsm_attributes
 *
 * Return: as nvio_read(); -EINVAL for more ranges than a command takes (nvio_dsm_max_ranges()), or
 * more blocks (DMRSL, DMSL).
 */
NVIO_API int nvio_dsm(struct nvio_qpair *qpair, struct nvio_ns *ns, const struct nvio_range *ranges,
		      unsigned int nr_ranges, unsigned int attributes, uint64_t user_data);

/** nvio_dsm_max_ranges - how many ranges nvio_dsm() takes at once on this queue pair. They lie in
 * memory that is as long as the list of the largest transfer, so that small transfers (MDTS) make
 * them few; the controller may want fewer (DMRL). Return: 1 to 256. */
NVIO_API unsigned int nvio_dsm_max_ranges(const struct nvio_qpair *qpair);

/**
 * nvio_copy - queues a copy within a namespace (NVM:3.2.2).
 * @slba:   where the blocks go, one range after another
 * @ranges: where they come from; copied
 * @flags:  NVIO_IO_FUA, NVIO_IO_LIMITED_RETRY
 *
 * Never sent again unasked: source and destination may overlap.
 *
 * Of blocks with protection information the controller checks the guards, and makes it anew for
 * where they go: each block's number as the reference tag, the application tag 0. nvio_copy_io()
 * takes other tags and checks, or leaves it as it is.
 *
 * Return: as nvio_read(); -EINVAL beyond the namespace's limits (MSSRL, MCL, MSRC); -ENOTSUP when
 * the controller cannot (ONCS), or not with the guards that these blocks have (OCFS).
 */
NVIO_API int nvio_copy(struct nvio_qpair *qpair, struct nvio_ns *ns, uint64_t slba,
		       const struct nvio_range *ranges, unsigned int nr_ranges, unsigned int flags,
		       uint64_t user_data);

/* A copy with everything that the command can carry. All zero means none of it. */
struct nvio_copy_io {
	size_t size; /* sizeof(struct nvio_copy_io) */
	uint64_t slba; /* where the blocks go */
	const struct nvio_range *ranges; /* where they come from; copied, like their tags */
	/* What the protection information of each range carries; NULL: its blocks' numbers as
	 * reference tags, and 0. */
	const struct nvio_pi_tags *range_tags;
	unsigned int nr_ranges;
	unsigned int range_flags; /* what is checked as they are read: NVIO_IO_CHECK_... */
	/* NVIO_IO_FUA, NVIO_IO_LIMITED_RETRY; NVIO_IO_PRACT: protection information is made anew,
	 * with @tags, else it stays as it is, and NVIO_IO_CHECK_... compare it with them. */
	unsigned int flags;
	uint8_t directive; /* as in struct nvio_io, of what is written */
	uint16_t directive_specific;
	struct nvio_pi_tags tags; /* of the first block that is written */
};

#define NVIO_COPY_IO                                                       \
	{                                                                  \
		sizeof(struct nvio_copy_io), 0, NULL, NULL, 0, 0, 0, 0, 0, \
		{                                                          \
			0, 0, 0, 0                                         \
		}                                                          \
	}

/** nvio_copy_io - queues any copy within a namespace. Return: as nvio_copy(). */
NVIO_API int nvio_copy_io(struct nvio_qpair *qpair, struct nvio_ns *ns,
			  const struct nvio_copy_io *copy, uint64_t user_data);

/** nvio_copy_max_ranges - how many ranges a copy takes at once; as above, and by the namespace's
 * limit (MSRC). Return: 1 to 256; 0 when the namespace has no copy. */
NVIO_API unsigned int nvio_copy_max_ranges(const struct nvio_qpair *qpair,
					   const struct nvio_ns *ns);

/**
 * nvio_passthrough - queues any command.
 * @cmd:          the command; identifier, data pointers and their kind (PSDT) are filled in,
 *                whatever they are
 * @iov:          its data, in registered memory; its direction is that of the opcode (bits 1:0)
 * @metadata:     its metadata in registered memory at consecutive IOVAs; NULL when it has none
 * @flags:        0, or NVIO_IO_REPEATABLE: it may be sent again when its status allows
 *
 * Nothing is split and nothing of the command is checked.
 *
 * Return: as nvio_read(); -EINVAL when the data needs more than one command.
 */
NVIO_API int nvio_passthrough(struct nvio_qpair *qpair, const struct nvio_sqe *cmd,
			      const struct iovec *iov, uint32_t nr_iov, void *metadata,
			      size_t metadata_len, unsigned int flags, uint64_t user_data);

/**
 * nvio_submit - rings the doorbell once for all commands queued since the last one. Does nothing
 * when there are none.
 *
 * Thread: the queue pair's.
 *
 * Return: how many commands it covered; -EIO or -ENODEV when there are some and the queue pair
 * failed.
 */
NVIO_API int nvio_submit(struct nvio_qpair *qpair);

/**
 * nvio_poll - takes finished commands, and submits what is pending.
 * @done: receives them, in the order in which they finished
 * @max:  entries at @done
 *
 * Never waits. The completion doorbell is rung once for one or more polls that found something,
 * never for one that found nothing. A completion that names no outstanding command, and a command
 * that takes too long, have the controller reset, of which the caller sees nothing but the time:
 * see nvio_ctrl_reset(). When that does not help, everything outstanding completes with an error,
 * and from then on -EIO is returned.
 *
 * Without recovery they fail the queue pair: this and every later call on it returns -EIO, and no
 * memory was touched. What was outstanding then never completes, nvio_qpair_outstanding() goes on
 * counting it, and its buffers are the caller's again once nvio_qpair_free() returns.
 *
 * Thread: the queue pair's.
 *
 * Return: how many; 0 when there are none; -EIO.
 */
NVIO_API int nvio_poll(struct nvio_qpair *qpair, struct nvio_completion *done, int max);

/**
 * nvio_wait - polls until enough commands have finished.
 * @min:        how many to wait for; 1 to @max, clamped to what is outstanding
 * @timeout_ns: nanoseconds; negative waits as long as it takes
 *
 * Without interrupts, it spins. With them, it sleeps; before that it spins for a while, spin_ns of
 * the queue pair's options at most, as long as completions come within that time on average. While
 * nothing comes, it looks after the controller twice a second: a dead one ends the wait. A signal
 * does not.
 *
 * Return: how many there are at @done: fewer than @min only when the time ran out or the queue pair
 * failed; before the first completion -ETIMEDOUT, -EIO or -ENODEV.
 */
NVIO_API int nvio_wait(struct nvio_qpair *qpair, struct nvio_completion *done, int min, int max,
		       int64_t timeout_ns);

/**
 * nvio_status_text - an NVMe status in words.
 * @status: as in struct nvio_completion, or the positive return of nvio_admin()
 *
 * Return: a static string: "LBA out of range".
 */
NVIO_API const char *nvio_status_text(unsigned int status);

/* Counted since the queue pair was made. */
struct nvio_qpair_stats {
	uint64_t polls; /* calls of nvio_poll() */
	uint64_t idle_polls; /* those that took no completion from the controller */
	uint64_t submitted; /* commands that the controller was told of, parts and repeats too */
	uint64_t completed; /* completions that it gave */
	uint64_t sq_doorbells; /* rung */
	uint64_t cq_doorbells;
	uint64_t splits; /* requests that took several commands */
	uint64_t retries; /* commands sent again */
	uint64_t errors; /* requests completed with a status other than 0 */
	uint64_t doorbells_spared; /* rung in memory only: shadow doorbells */
	uint64_t resent; /* commands sent again after a reset */
	uint64_t abandoned; /* commands that ended with one, by status 0x371 */
};

/** nvio_qpair_get_stats - what a queue pair has done. @size: sizeof(*stats). Any thread, at any
 * time before the queue pair is freed. Return: 0. */
NVIO_API int nvio_qpair_get_stats(const struct nvio_qpair *qpair, struct nvio_qpair_stats *stats,
				  size_t size);

#ifdef __cplusplus
}
#endif

#endif
