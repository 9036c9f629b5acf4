/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What goes over the wire between host and controller: queue entries and the numbers in them.
 * Little-endian.
 *
 * Payloads of Identify and of features are libnvme's <nvme/types.h>.
 */
#ifndef NVIO_LIB_NVME_WIRE_H
#define NVIO_LIB_NVME_WIRE_H

#include <stddef.h>

#include <nvio/io.h>

_Static_assert(sizeof(struct nvio_sqe) == 64, "figure 86");
_Static_assert(offsetof(struct nvio_sqe, nsid) == 4, "figure 86");
_Static_assert(offsetof(struct nvio_sqe, prp1) == 24, "figure 86");
_Static_assert(offsetof(struct nvio_sqe, cdw10) == 40, "figure 86");

/* A completion queue entry (figure 90). */
struct nvio_cqe {
	uint32_t result;
	uint32_t reserved;
	uint16_t sq_head;
	uint16_t sq_id;
	uint16_t cid;
	uint16_t status; /* bit 0 is the phase tag */
};

_Static_assert(sizeof(struct nvio_cqe) == 16, "figure 90");
_Static_assert(offsetof(struct nvio_cqe, cid) == 12, "figure 90");

#define NVIO_CQE_PHASE 1u

/* The second half of an entry as a number: the submission queue's head, its identifier, the
 * command's identifier, and the status with the phase tag, in 16 bits each. */
#define NVIO_ANSWER_SQ_SHIFT     16
#define NVIO_ANSWER_CID_SHIFT    32
#define NVIO_ANSWER_PHASE        (1ull << 48)
#define NVIO_ANSWER_STATUS_SHIFT 49

/* Status of a completion without its phase tag (4.6.1): types, and codes that are looked for. */
#define NVIO_STATUS_DNR  (1u << 14)
#define NVIO_STATUS_CODE 0x7ffu /* type and code */

enum nvio_status_type {
	NVIO_STATUS_GENERIC = 0,
	NVIO_STATUS_COMMAND = 1,
	NVIO_STATUS_MEDIA = 2,
	NVIO_STATUS_PATH = 3,
};

/* Codes within their type. */
enum nvio_status_code {
	NVIO_STATUS_ABORT_REQUESTED = 0x07,
	NVIO_STATUS_FUSED_MISSING = 0x0a,
	NVIO_STATUS_GUARD_CHECK = 0x82,
	NVIO_STATUS_STORAGE_TAG_CHECK = 0x88,
};

/* Type and code. */
#define NVIO_STATUS_FUSED_FAILED 0x009u
#define NVIO_STATUS_NO_MEDIA     0x024u /* admin commands */
#define NVIO_STATUS_NS_NOT_READY 0x082u
#define NVIO_STATUS_ABORTED      0x007u
#define NVIO_STATUS_SQ_DELETED   0x008u
/* "Command aborted by host": we gave it up, and it is not known to have run. */
#define NVIO_STATUS_HOST_ABORTED 0x371u

/* log2 of the entry sizes, for CC */
#define NVIO_SQE_SHIFT 6
#define NVIO_CQE_SHIFT 4

/* Bits 1:0 of an opcode: which way its data goes. */
#define NVIO_OPCODE_TO_DEVICE   1u
#define NVIO_OPCODE_FROM_DEVICE 2u

enum nvio_admin_opcode {
	NVIO_ADMIN_DELETE_SQ = 0x00,
	NVIO_ADMIN_CREATE_SQ = 0x01,
	NVIO_ADMIN_GET_LOG = 0x02,
	NVIO_ADMIN_DELETE_CQ = 0x04,
	NVIO_ADMIN_CREATE_CQ = 0x05,
	NVIO_ADMIN_IDENTIFY = 0x06,
	NVIO_ADMIN_ABORT = 0x08,
	NVIO_ADMIN_SET_FEATURES = 0x09,
	NVIO_ADMIN_GET_FEATURES = 0x0a,
	NVIO_ADMIN_ASYNC_EVENT = 0x0c,
	NVIO_ADMIN_KEEP_ALIVE = 0x18,
	NVIO_ADMIN_DOORBELL_BUFFERS = 0x7c,
};

enum nvio_nvm_opcode {
	NVIO_NVM_FLUSH = 0x00,
	NVIO_NVM_WRITE = 0x01,
	NVIO_NVM_READ = 0x02,
	NVIO_NVM_WRITE_UNCORRECTABLE = 0x04,
	NVIO_NVM_COMPARE = 0x05,
	NVIO_NVM_WRITE_ZEROES = 0x08,
	NVIO_NVM_DATASET_MANAGEMENT = 0x09,
	NVIO_NVM_VERIFY = 0x0c,
	NVIO_NVM_COPY = 0x19,
};

/* Byte 1 of a command: fused operation, and that its data pointer is an SGL. */
#define NVIO_FUSE_FIRST  1u
#define NVIO_FUSE_SECOND 2u
#define NVIO_PSDT_MASK   0xc0u
#define NVIO_PSDT_SGL    0x40u

enum nvio_cns {
	NVIO_CNS_NS = 0x00,
	NVIO_CNS_CTRL = 0x01,
	NVIO_CNS_ACTIVE_NS = 0x02,
	NVIO_CNS_NVM_NS = 0x05, /* with the command set identifier of NVM, which is 0 */
	NVIO_CNS_NVM_CTRL = 0x06, /* likewise */
};

#define NVIO_FEATURE_ARBITRATION   0x01u
#define NVIO_FEATURE_TEMPERATURE   0x04u
#define NVIO_FEATURE_NR_QUEUES     0x07u
#define NVIO_FEATURE_VECTOR        0x09u
#define NVIO_FEATURE_ASYNC_EVENTS  0x0bu
#define NVIO_FEATURE_HOST_MEMORY   0x0du
#define NVIO_FEATURE_TIMESTAMP     0x0eu
#define NVIO_FEATURE_KEEP_ALIVE    0x0fu
#define NVIO_FEATURE_HOST_BEHAVIOR 0x16u

/* dword 11 of Create I/O Completion Queue and Create I/O Submission Queue */
#define NVIO_QUEUE_CONTIGUOUS 1u
#define NVIO_QUEUE_INTERRUPTS 2u

#define NVIO_QUEUE_PRIORITY_SHIFT 1 /* of a submission queue: urgent is 0 */

/* dword 12 of Read and Write */
#define NVIO_RW_FUA           (1u << 30)
#define NVIO_RW_LIMITED_RETRY (1u << 31)
#define NVIO_RW_DEALLOCATE    (1u << 25)
#define NVIO_RW_STC           (1u << 24)
#define NVIO_RW_PRINFO_SHIFT  26
#define NVIO_RW_DTYPE_SHIFT   20

/* Identify Controller: there may be other controllers in the subsystem (CMIC). */
#define NVIO_CMIC_SHARED 6u

/* Identify Controller: optional admin commands (OACS). */
#define NVIO_OACS_DOORBELL_BUFFERS (1u << 8)

/* Identify Controller: optional commands (ONCS), fused operations (FUSES). */
#define NVIO_ONCS_COMPARE             (1u << 0)
#define NVIO_ONCS_WRITE_UNCORRECTABLE (1u << 1)
#define NVIO_ONCS_DSM                 (1u << 2)
#define NVIO_ONCS_WRITE_ZEROES        (1u << 3)
#define NVIO_ONCS_VERIFY              (1u << 7)
#define NVIO_ONCS_COPY                (1u << 8)
#define NVIO_FUSES_COMPARE_WRITE      1u
/* Formats of copies' source ranges (OCFS): the one for guards of more than 16 bits. */
#define NVIO_OCFS_WIDE (1u << 1)

#define NVIO_IDENTIFY_LEN 4096u

/* One data block of an active namespace list. */
#define NVIO_NS_LIST_LEN 1024u

/* The largest namespace identifier; the one above means all. */
#define NVIO_NSID_MAX 0xfffffffeu
#define NVIO_NSID_ALL 0xffffffffu

#endif
