/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sets of CPU cores: parsed from what the user wrote, compared with what the process may use.
 *
 * Wider than cpu_set_t, which ends at 1024 cores. Starts no thread and pins nothing.
 */
#ifndef PERF_CORES_H
#define PERF_CORES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include "perf/msg.h"

#define CORES_MAX      4096
#define CORES_PER_WORD (sizeof(unsigned long) * CHAR_BIT)

/* Laid out as the kernel's CPU masks are. */
struct cores {
	unsigned long bits[CORES_MAX / CORES_PER_WORD];
};

void cores_add(struct cores *cores, unsigned int core);
bool cores_has(const struct cores *cores, unsigned int core);

/* The lowest core in the set that is not below @from. Return: CORES_MAX when there is none. */
unsigned int cores_next(const struct cores *cores, unsigned int from);

unsigned int cores_count(const struct cores *cores);

/* Reads "0,2-3" or "0x5" (bit 0 is core 0). Return: 0; -EINVAL. */
int cores_parse(const char *text, struct cores *cores);

/* Writes the set as a list: "0,2-3"; cut off where @len ends. */
void cores_format(const struct cores *cores, char *text, size_t len);

/* What the process may run on. Return: 0; -errno. */
int cores_get_allowed(struct cores *cores);

/*
 * Checks that all of @want exist and are allowed.
 * @nr_present: how many cores the machine has
 *
 * Return: 0; -EINVAL with @msg naming the first that is not.
 */
int cores_check(const struct cores *want, const struct cores *allowed, unsigned int nr_present,
		struct perf_msg *msg);

#endif
