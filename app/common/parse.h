/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers as the user writes them, read strictly: digits and nothing else, inside the bounds, or an
 * error. It prints nothing; the caller knows which option it was.
 */
#ifndef COMMON_PARSE_H
#define COMMON_PARSE_H

#include <stdint.h>

/* A decimal number from @min to @max. Return: 0; -EINVAL, and @value is untouched. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* Bytes, 1 to @max; a k or m behind the number (either case) stands for 2^10 or 2^20. */
int parse_size(const char *text, uint64_t max, uint64_t *value);

#endif
