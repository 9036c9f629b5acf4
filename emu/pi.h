/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * End-to-end data protection (NVM: 5.2): guards, and the tuple of guard, application tag, storage
 * tag and reference tag that travels in a block's metadata.
 *
 * Works on one block in private memory: what was checked is what is used.
 */
#ifndef NVIO_EMU_PI_H
#define NVIO_EMU_PI_H

#include "state.h"

#define EMU_PI_MAX 16u

/* What a command says of protection information. */
struct emu_pi {
	uint64_t ref; /* of the next block */
	uint16_t app;
	uint16_t app_mask;
	uint16_t storage;
	bool check_storage; /* STC */
	bool act; /* PRACT */
	uint8_t check; /* PRCHK: bit 2 guard, bit 1 application tag, bit 0 reference tag */
};

/* Makes the tables; any number of times, from any thread. */
void nvio_emu_pi_init(void);

uint16_t nvio_emu_crc16(uint16_t crc, const void *data, size_t len);
/* Not inverted at either end: ~nvio_emu_crc64(~0, ...) is the guard. */
uint32_t nvio_emu_crc32(uint32_t crc, const void *data, size_t len);
uint64_t nvio_emu_crc64(uint64_t crc, const void *data, size_t len);

/* From dwords 2, 3, 12, 14 and 15. Returns a status: the combination may be refused. */
uint16_t nvio_emu_pi_parse(struct emu_pi *pi, const struct emu_ns *ns, const struct nvio_sqe *cmd,
			   uint64_t slba);

/* What a command says of the blocks behind its first @nr. */
struct emu_pi nvio_emu_pi_skip(const struct emu_pi *pi, const struct emu_ns *ns, uint32_t nr);

/* Checks one block, and goes on to the next. Returns a status. */
uint16_t nvio_emu_pi_check(struct emu_pi *pi, const struct emu_ns *ns, const uint8_t *data,
			   const uint8_t *md);

/* Puts the tuple of one block in its metadata, and goes on to the next. */
void nvio_emu_pi_make(struct emu_pi *pi, const struct emu_ns *ns, const uint8_t *data, uint8_t *md);

/* io_md.c: Write Zeroes and Copy of blocks with protection information. */
uint16_t nvio_emu_md_protect(struct emu_ctrl *ctrl, struct emu_ns *ns, struct emu_pi *pi,
			     uint64_t slba, uint32_t nr);
uint16_t nvio_emu_md_copy(struct emu_ctrl *ctrl, struct emu_ns *ns, struct emu_pi *from,
			  struct emu_pi *to, uint64_t source, uint64_t dest);

/* Where the tuple is in a block's metadata. */
static inline size_t nvio_emu_pi_at(const struct emu_ns *ns)
{
	return ns->pi_first ? 0 : (size_t)ns->md_len - ns->pi_len;
}

#endif
