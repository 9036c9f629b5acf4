/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Strict numbers. No strtoull(): it takes blanks, signs and a prefix of anything.
 */
#include <errno.h>
#include <string.h>
#include "common/parse.h"

/* Reads @len digits, at least one. */
static int parse_digits(const char *text, size_t len, uint64_t *value)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)(text[i] - '0'), &sum))
			return -EINVAL;
	}
	*value = sum;
	return len ? 0 : -EINVAL;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	uint64_t number;

	if (parse_digits(text, strlen(text), &number) || number < min || number > max)
		return -EINVAL;
	*value = number;
	return 0;
}

int parse_size(const char *text, uint64_t max, uint64_t *value)
{
	size_t len = strlen(text);
	unsigned int shift = 0;
	uint64_t number;

	if (len) {
		char unit = (char)(text[len - 1] | 0x20);

		shift = unit == 'k' ? 10 : unit == 'm' ? 20 : 0;
	}
	if (parse_digits(text, shift ? len - 1 : len, &number) || !number || number > max >> shift)
		return -EINVAL;
	*value = number << shift;
	return 0;
}
