/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Protection information: what <nvio/pi.h> is made of, and tags as a command carries them.
 */
#ifndef NVIO_LIB_NVME_PI_H
#define NVIO_LIB_NVME_PI_H

#include <nvio/pi.h>

/* Bytes of the tuple in the metadata (NVM:5.2.1). */
static inline unsigned int nvio_pi_len(unsigned int guard_bits)
{
	return guard_bits == 16 ? 8 : 16;
}

/* Bits that storage and reference tag share: what guard and application tag leave. */
static inline unsigned int nvio_pi_space_bits(unsigned int guard_bits)
{
	return 8 * nvio_pi_len(guard_bits) - guard_bits - 16;
}

/*
 * pi_crc.c: goes on with the guard of what came before @data; 0 is the one of nothing. @guard_bits
 * is 16, 32 or 64; @len below 2^31.
 */
uint64_t nvio_pi_crc(unsigned int guard_bits, uint64_t guard, const void *data, size_t len);

/* Puts tags where Read, Write, Compare and Verify carry them: dwords 2, 3, 14 and 15
 * (NVM:5.2.1.4.1). */
void nvio_pi_to_sqe(const struct nvio_ns_info *format, const struct nvio_pi_tags *tags,
		    struct nvio_sqe *sqe);

#endif
