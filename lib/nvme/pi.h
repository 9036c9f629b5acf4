/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Protection information: sizes in the metadata.
 */
#ifndef NVIO_LIB_NVME_PI_H
#define NVIO_LIB_NVME_PI_H

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

#endif
