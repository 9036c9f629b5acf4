/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Core lists and masks. Asks the kernel for the process's affinity; changes nothing.
 */
#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "perf/cores.h"
#include "common/parse.h"

void cores_add(struct cores *cores, unsigned int core)
{
	cores->bits[core / CORES_PER_WORD] |= 1UL << (core % CORES_PER_WORD);
}

bool cores_has(const struct cores *cores, unsigned int core)
{
	return cores->bits[core / CORES_PER_WORD] >> (core % CORES_PER_WORD) & 1;
}

unsigned int cores_next(const struct cores *cores, unsigned int from)
{
	while (from < CORES_MAX && !cores_has(cores, from))
		from++;
	return from;
}

unsigned int cores_count(const struct cores *cores)
{
	unsigned int nr = 0, i;

	for (i = 0; i < sizeof(cores->bits) / sizeof(cores->bits[0]); i++)
		nr += (unsigned int)__builtin_popcountl(cores->bits[i]);
	return nr;
}

/* @text: the hexadecimal digits, highest first. */
static int parse_mask(const char *text, struct cores *cores)
{
	size_t len = strlen(text), i;
	unsigned int digit, bit;

	for (i = 0; i < len; i++) {
		if (!isxdigit((unsigned char)text[i]))
			return -EINVAL;
		digit = isdigit((unsigned char)text[i]) ? text[i] - '0'
							: (text[i] | 0x20) - 'a' + 10;
		if (digit && len - i > CORES_MAX / 4)
			return -EINVAL;
		for (bit = 0; bit < 4; bit++)
			if (digit & 1U << bit)
				cores_add(cores, (unsigned int)(len - 1 - i) * 4 + bit);
	}
	return cores_count(cores) ? 0 : -EINVAL;
}

/* One element of a list: "2" or "2-3". */
static int parse_span(char *span, struct cores *cores)
{
	char *dash = strchr(span, '-');
	uint64_t first, last;

	if (dash)
		*dash = '\0';
	if (parse_u64(span, 0, CORES_MAX - 1, &first))
		return -EINVAL;
	last = first;
	if (dash && parse_u64(dash + 1, first, CORES_MAX - 1, &last))
		return -EINVAL;
	for (; first <= last; first++)
		cores_add(cores, (unsigned int)first);
	return 0;
}

int cores_parse(const char *text, struct cores *cores)
{
	char list[1024];
	char *rest = list, *span;

	memset(cores, 0, sizeof(*cores));
	if (!strncmp(text, "0x", 2) || !strncmp(text, "0X", 2))
		return parse_mask(text + 2, cores);
	if (strlen(text) >= sizeof(list))
		return -EINVAL;
	strcpy(list, text);
	while ((span = strsep(&rest, ",")))
		if (parse_span(span, cores))
			return -EINVAL;
	return 0;
}

void cores_format(const struct cores *cores, char *text, size_t len)
{
	unsigned int first, last;
	size_t used = 0;

	text[0] = '\0';
	for (first = cores_next(cores, 0); first < CORES_MAX; first = cores_next(cores, last + 1)) {
		for (last = first; last + 1 < CORES_MAX && cores_has(cores, last + 1); last++)
			;
		used += (size_t)snprintf(text + used, len - used, "%s%u", used ? "," : "", first);
		if (used < len && last > first)
			used += (size_t)snprintf(text + used, len - used, "-%u", last);
		if (used >= len)
			return;
	}
}

int cores_get_allowed(struct cores *cores)
{
	memset(cores, 0, sizeof(*cores));
	return sched_getaffinity(0, sizeof(cores->bits), (cpu_set_t *)cores->bits) ? -errno : 0;
}

int cores_check(const struct cores *want, const struct cores *allowed, unsigned int nr_present,
		struct perf_msg *msg)
{
	char list[256];
	unsigned int core;

	for (core = cores_next(want, 0); core < CORES_MAX; core = cores_next(want, core + 1)) {
		if (cores_has(allowed, core))
			continue;
		if (core >= nr_present)
			return perf_fail(msg, "core %u does not exist: the machine has 0 to %u",
					 core, nr_present - 1);
		cores_format(allowed, list, sizeof(list));
		return perf_fail(msg, "this process may not run on core %u, only on %s", core,
				 list);
	}
	return 0;
}
