/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fuzz targets share: taking the input apart, and ending with a reason.
 *
 * A target is one file fuzz_NAME.c with LLVMFuzzerTestOneInput(); test/fuzz/run runs it. What a
 * target checks beyond not crashing, it checks with fuzz_check(). The helpers of test/unit can be
 * used: their assertions of CUnit end the target, too.
 */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left of an input. It is read to its end as numbers and bytes, and as zeros after that. */
struct fuzz_input {
	const uint8_t *data;
	size_t len;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

uint8_t fuzz_u8(struct fuzz_input *in);
uint16_t fuzz_u16(struct fuzz_input *in);
uint32_t fuzz_u32(struct fuzz_input *in);
uint64_t fuzz_u64(struct fuzz_input *in);
/* Below @n, which is at most 65,536. */
uint32_t fuzz_below(struct fuzz_input *in, uint32_t n);
void fuzz_bytes(struct fuzz_input *in, void *to, size_t len);

/* The descriptors that came with a message are of no use here. */
struct msghdr;
void fuzz_close_received(struct msghdr *msg);

/* How many descriptors the process has. */
unsigned int fuzz_count_fds(void);

__attribute__((noreturn)) void fuzz_fail(const char *file, unsigned int line, const char *what);

#define fuzz_check(cond)                                      \
	do {                                                  \
		if (!(cond))                                  \
			fuzz_fail(__FILE__, __LINE__, #cond); \
	} while (0)

#endif
