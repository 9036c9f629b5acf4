/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe controllers and namespaces; their queue pairs are in qpair.h, which this includes.
 *
 * Section numbers are those of the NVM Express Base Specification 2.0 and, with "NVM:", of the NVM
 * Command Set Specification 1.0. Thread rule: a queue pair belongs to one thread at a time;
 * everything else may be called from any thread and is serialised inside.
 */
#ifndef NVIO_NVME_H
#define NVIO_NVME_H

#include <nvio/base.h>
#include <nvio/mem.h>
#include <nvio/qpair.h>
#include <nvio/vfio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvio_ctrl;
struct nvio_ns;

/* A submission queue entry (figure 86), little-endian. nvio fills in @cid, and the data pointer
 * where it is told to. */
struct nvio_sqe {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	uint32_t nsid;
	uint32_t cdw2;
	uint32_t cdw3;
	uint64_t mptr;
	uint64_t prp1;
	uint64_t prp2;
	uint32_t cdw10;
	uint32_t cdw11;
	uint32_t cdw12;
	uint32_t cdw13;
	uint32_t cdw14;
	uint32_t cdw15;
};

/* What is decided by what is best for the controller at hand, unless it is asked for. */
enum nvio_choice {
	NVIO_AUTO = 0,
	NVIO_ON,
	NVIO_OFF,
};

/* How the controller chooses whose commands come next (3.4.4). */
enum nvio_arbitration {
	NVIO_ROUND_ROBIN = 0,
	NVIO_WEIGHTED, /* weighted round robin with an urgent class: queue pairs have priorities */
};

/* Kinds of interrupts. */
enum nvio_interrupts {
	NVIO_INTERRUPTS_BEST = 0, /* MSI-X, else MSI, else INTx */
	NVIO_INTERRUPTS_MSIX = 1,
	NVIO_INTERRUPTS_MSI = 2,
	NVIO_INTERRUPTS_INTX = 3, /* for all queue pairs one line; two system calls more a sleep */
};

/* All zero means the default. */
struct nvio_ctrl_opts {
	size_t size; /* sizeof(struct nvio_ctrl_opts) */
	struct nvio_iommu *iommu; /* address space to join; NULL: one of its own */
	uint16_t nr_qpairs; /* I/O queue pairs to ask the controller for; 0: 128 */
	uint32_t admin_timeout_ms; /* deadline of an admin command; 0: 30,000 */
	uint32_t ready_timeout_ms; /* deadline of enabling and disabling, and for its media; 0: what
				      the controller says (CAP.TO, CRTO) */
	uint8_t shadow_doorbells; /* enum nvio_choice: doorbells in memory, of which a controller in
				     software asks for some in its registers, too (5.8). Auto: where
				     doorbells cannot be mapped */
	uint8_t arbitration; /* enum nvio_arbitration */
	uint8_t burst; /* commands of a queue pair in one turn: 1, 2, 4 to 64; NVIO_NO_BURST_LIMIT;
			  0: the controller's own */
	uint16_t weights[3]; /* with NVIO_WEIGHTED: commands of high, medium and low priority in one
				round, 1 to 256; 0: the controller's own */
	uint64_t host_memory_max; /* bytes, at most, that a drive gets of the DMA heap which wants
				     to work in memory of the host (HMB, 8.9); 0: 64 MiB;
				     NVIO_NO_HOST_MEMORY: none. It works with less, or without */
	bool no_recovery; /* what goes wrong stays wrong: no Abort, no reset but the one that
			     nvio_ctrl_open() begins with */
	uint8_t interrupts; /* enum nvio_interrupts: for queue pairs that have them */
	uint32_t keep_alive_ms; /* the controller takes us for dead, and stops, when it hears
				   nothing for so long (7.12); a thread of the library's sees to
				   it. 0: only where it does so by itself; NVIO_NO_KEEP_ALIVE */
	uint32_t quirks; /* enum nvio_quirk (nvio/quirk.h), besides those that nvio knows of */
	const char *vf_token; /* of a virtual function whose physical one has a token: the UUID */
};

#define NVIO_NO_HOST_MEMORY UINT64_MAX

#define NVIO_NO_BURST_LIMIT 255

#define NVIO_NO_KEEP_ALIVE UINT32_MAX

#define NVIO_CTRL_OPTS                                                                           \
	{                                                                                        \
		sizeof(struct nvio_ctrl_opts), NULL, 0, 0, 0, 0, 0, 0, { 0, 0, 0 }, 0, false, 0, \
			0, 0, NULL                                                               \
	}

struct nvio_ctrl_info {
	const char *name; /* the device, as it was found */
	char model[41]; /* trailing blanks removed, unprintable bytes as '?' */
	char serial[21];
	char firmware[9];
	uint16_t vendor; /* PCI vendor and device id */
	uint16_t device;
	uint32_t version; /* VS register: 0x00010400 is 1.4 */
	uint32_t nr_namespaces; /* active ones */
	uint16_t nr_qpairs; /* how many I/O queue pairs the controller granted */
	uint16_t max_depth; /* of a queue pair: commands outstanding at once (CAP.MQES) */
	uint32_t max_transfer; /* bytes of one command: MDTS, at most 4 MiB */
	uint32_t page_len; /* the controller's memory page (CC.MPS) in bytes */
	int numa_node; /* -1 when the machine has none */
	bool shadow_doorbells; /* they are in use */
	uint64_t host_memory_len; /* bytes that it was lent (HMB) */
	uint32_t quirks; /* enum nvio_quirk: what it is taken to need */
};

struct nvio_ns_info {
	uint32_t nsid;
	uint32_t block_len; /* bytes of data in a logical block */
	uint32_t metadata_len; /* bytes of metadata with each block */
	uint32_t max_blocks; /* blocks of one command: what is larger is split */
	uint64_t nr_blocks; /* size of the namespace */
	uint64_t capacity; /* blocks that may be allocated at once */
	uint64_t used; /* blocks allocated when it was identified */
	uint8_t eui64[8]; /* zero when it has none */
	uint8_t nguid[16];
	bool metadata_extended; /* metadata lies at the end of each block (else in a buffer of its
				   own) */
	uint8_t protection; /* protection information type 1 to 3, 0 when off */
	bool read_only; /* write protected (8.12) */

	/* Protection information (NVM:5.2); all zero when it is off. */
	uint8_t guard_bits; /* 16, 32 or 64 */
	uint8_t pi_len; /* bytes of metadata that it takes */
	uint16_t pi_offset; /* where in the metadata it begins */
	bool pi_alone; /* the metadata is nothing else: with PRACT the controller makes and strips
			  it, and none is transferred (NVM:5.2.2) */
	uint8_t storage_tag_bits; /* of the bits that the reference tag would have; 0: no storage
				     tag */
	uint64_t storage_tag_mask; /* bits of the storage tag that the controller compares */
};

/**
 * nvio_name_split - takes a name apart: "0000:01:00.0/1" is namespace 1 of 0000:01:00.0.
 * A number behind a directory is a socket's or file's name instead.
 * @name:   what the user wrote
 * @device: receives the device's name, NUL-terminated; a PCI address in its one full form, so that
 *          two names of one device compare equal
 * @len:    bytes at @device
 * @nsid:   receives the namespace, 0 when @name has none
 *
 * Return: 0; -EINVAL when the part behind '/' is no namespace identifier or the name is empty;
 * -ENAMETOOLONG.
 */
NVIO_API int nvio_name_split(const char *name, char *device, size_t len, uint32_t *nsid);

/**
 * nvio_ctrl_open - takes a controller into use: resets and enables it, identifies it, asks for I/O
 * queues.
 * @device: "0000:01:00.0" (dots accepted for the colons), "vfio-user:/path", "emu:options"
 * @opts:   options, or NULL
 * @ctrl:   receives the handle; nvio_ctrl_close()
 *
 * Every wait has a deadline: the controller's own figure (CAP.TO) for enabling, admin_timeout_ms
 * for commands.
 *
 * Return: 0; what nvio_device_open() and nvio_alloc() return; -ETIMEDOUT (which state, how long);
 * -EIO when the controller reports a fatal status or refuses a command; -ENODEV when it reads as
 * all ones (gone); -ENOTSUP when it lacks what nvio needs (NVM command set, doorbells inside
 * BAR 0) or an option asks for (weighted arbitration, shadow doorbells); -EINVAL for options that
 * make no sense, and for a token that is no UUID.
 */
NVIO_API int nvio_ctrl_open(const char *device, const struct nvio_ctrl_opts *opts,
			    struct nvio_ctrl **ctrl);

/**
 * nvio_ctrl_close - deletes the queue pairs that are left, sends the shutdown notification (3.6.1),
 * waits for it, and lets the device go.
 *
 * Namespaces and queue pairs of it end here. Commands still outstanding are abandoned; their
 * buffers are no longer written once this returns.
 */
NVIO_API void nvio_ctrl_close(struct nvio_ctrl *ctrl);

/** nvio_ctrl_get_info - facts about a controller. @size: sizeof(*info). Return: 0. */
NVIO_API int nvio_ctrl_get_info(struct nvio_ctrl *ctrl, struct nvio_ctrl_info *info, size_t size);

/** nvio_ctrl_iommu - the address space, for nvio_alloc(). Return: the handle, which stays the
 * controller's. */
NVIO_API struct nvio_iommu *nvio_ctrl_iommu(struct nvio_ctrl *ctrl);

/** nvio_ctrl_device - the device under the controller. Return: the handle, which stays the
 * controller's. */
NVIO_API struct nvio_device *nvio_ctrl_device(struct nvio_ctrl *ctrl);

/**
 * nvio_ctrl_next_nsid - walks the active namespaces (Identify, CNS 02h).
 * @nsid: where to go on; 0 to begin
 *
 * Return: the smallest active identifier above @nsid; 0 when there is none.
 */
NVIO_API uint32_t nvio_ctrl_next_nsid(struct nvio_ctrl *ctrl, uint32_t nsid);

/**
 * nvio_ctrl_ns - a namespace; it is identified at the first call for it.
 *
 * The handle is good until the controller is closed. A namespace that is found to have been
 * resized has another size from then on, under the same handle. One that went, or has another
 * format or identity, takes no more commands by the handle that it had: what queues commands
 * returns -ESTALE, and this call returns what there is now.
 *
 * Return: the namespace, owned by the controller; NULL when it is not active or cannot be
 * identified.
 */
NVIO_API struct nvio_ns *nvio_ctrl_ns(struct nvio_ctrl *ctrl, uint32_t nsid);

/** nvio_ns_get_info - facts about a namespace. @size: sizeof(*info). Return: 0. */
NVIO_API int nvio_ns_get_info(const struct nvio_ns *ns, struct nvio_ns_info *info, size_t size);

/**
 * nvio_ctrl_reset - resets a controller, as is done by itself when it does not do its work (see
 * doc/recovery.md), and waits for it.
 *
 * Queue pairs come back by themselves, in their owners' next polls, with the commands that were
 * outstanding: those that may run twice are sent again, the others complete with status 0x371,
 * "command aborted by host": they are not known to have run. What was set stays set: shadow
 * doorbells, lent memory, arbitration, interrupts, features set with nvio_admin().
 *
 * Return: 0; -EIO when no kind of reset helped, and the controller is given up; -ENOTSUP with
 * no_recovery.
 */
NVIO_API int nvio_ctrl_reset(struct nvio_ctrl *ctrl);

/* What was done to keep a controller at work. */
struct nvio_ctrl_stats {
	uint64_t aborts; /* late commands that it aborted when told to */
	uint64_t controller_resets; /* tried: by CC.EN */
	uint64_t subsystem_resets; /* by NSSR */
	uint64_t device_resets; /* by VFIO_DEVICE_RESET */
	uint64_t hot_resets; /* of its slot or bus, where nothing else is; POWER: by EEH */
	uint64_t recoveries; /* resets after which it worked again */
	bool given_up; /* none helped, or the device is gone */
};

/** nvio_ctrl_get_stats - what was done to keep a controller at work. @size: sizeof(*stats). Return:
 * 0. */
NVIO_API int nvio_ctrl_get_stats(struct nvio_ctrl *ctrl, struct nvio_ctrl_stats *stats,
				 size_t size);

/**
 * nvio_admin - sends an admin command and waits for it.
 * @cmd:    the command; identifier and data pointer are filled in
 * @data:   its data, in any memory; NULL when it has none
 * @len:    bytes, at most max_transfer
 * @result: receives dword 0 of the completion; may be NULL
 *
 * The opcode's low two bits say which way the data goes (5).
 *
 * Return: 0; a positive NVMe status as in struct nvio_completion; -ETIMEDOUT, after which the
 * controller is reset (without recovery it takes no more commands); -EIO when a reset came in
 * between, or it was given up; -ENODEV when it is gone; -EINVAL (length); -ENOMEM.
 */
NVIO_API int nvio_admin(struct nvio_ctrl *ctrl, const struct nvio_sqe *cmd, void *data, size_t len,
			uint32_t *result);

#ifdef __cplusplus
}
#endif

#endif
