/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values of options and faults, from their text: sizes, times, on and off.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

/* A number with a unit of the list behind it, each @step times the one before. */
static bool parse_number(const char *text, const char *const *units, uint64_t step, uint64_t *out)
{
	char *end;
	unsigned long long value;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno)
		return false;
	for (uint64_t scale = 1; *units; units++, scale *= step) {
		if (strcasecmp(end, *units))
			continue;
		if (value > UINT64_MAX / scale)
			return false;
		*out = value * scale;
		return true;
	}
	return false;
}

bool nvio_emu_parse_size(const char *text, uint64_t *out)
{
	static const char *const units[] = { "", "k", "M", "G", "T", NULL };

	return parse_number(text, units, 1024, out);
}

bool nvio_emu_parse_time(const char *text, uint64_t *out)
{
	static const char *const units[] = { "", "us", "ms", "s", NULL };

	return parse_number(text, units, 1000, out);
}

bool nvio_emu_parse_bool(const char *text, bool *out)
{
	/* A key alone switches on. */
	*out = !*text || !strcmp(text, "1") || !strcmp(text, "on") || !strcmp(text, "yes");
	return *out || !strcmp(text, "0") || !strcmp(text, "off") || !strcmp(text, "no");
}
