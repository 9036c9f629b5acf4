/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks with protection information for tests: every combination of type, guard, place and way of
 * transfer, filled with random data and made by nvio_pi_generate().
 */
#ifndef TEST_UNIT_PI_SHAPE_H
#define TEST_UNIT_PI_SHAPE_H

#include "nvme/pi.h"

#define PI_BLOCKS     5u
#define PI_BLOCK_MAX  4096u
#define PI_MD_MAX     64u
#define PI_STRIDE_MAX (PI_BLOCK_MAX + PI_MD_MAX)

/* The blocks of a shape; one at a time. */
extern uint8_t pi_data[PI_BLOCKS * PI_STRIDE_MAX];
extern uint8_t pi_md[PI_BLOCKS * PI_MD_MAX];

/* One shape of blocks with valid protection information in @pi_data and @pi_md. */
struct pi_shape {
	struct nvio_ns_info f;
	struct nvio_pi_tags tags;
	uint32_t stride; /* from block to block in the data */
	uint32_t md_stride;
	uint8_t *md; /* of the first block */
	void *separate;
	unsigned int pi_len;
};

/* A format without a storage tag, or with one of 32 bits where the guard asks for one. */
struct nvio_ns_info pi_format(unsigned int type, unsigned int guard_bits, uint32_t block_len,
			      uint32_t md_len, bool first, bool extended);

uint32_t pi_random(void);
void pi_fill(uint8_t *at, size_t len);

/* Returns what nvio_pi_generate() does. */
int pi_make(struct pi_shape *s, const struct nvio_ns_info *f);
int pi_verify(const struct pi_shape *s, unsigned int checks, struct nvio_pi_error *error);

/* Calls @fn with each shape; what goes wrong is counted in @wrong. */
void pi_each_shape(void (*fn)(struct pi_shape *s, int *wrong), int *wrong);

unsigned int pi_reference_bits(const struct pi_shape *s);
uint64_t pi_expected_reference(const struct pi_shape *s, uint32_t block);
uint8_t *pi_tuple(const struct pi_shape *s, uint32_t block);

#endif
