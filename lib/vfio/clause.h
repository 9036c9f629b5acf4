/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A clause of an explanation while it grows: the arguments of callbacks. For explain.c and use.c.
 */
#ifndef NVIO_LIB_VFIO_CLAUSE_H
#define NVIO_LIB_VFIO_CLAUSE_H

#include <stdbool.h>
#include <stddef.h>

struct clause {
	char *buf;
	size_t len;
	const char *what; /* the device, path or disk that is being asked about */
	struct clause *fix; /* the commands that end it; or NULL */
};

/* Calls @match for each line of /proc/@file until it returns true. Returns whether it did. */
bool nvio_each_proc_line(const char *file, bool (*match)(struct clause *c, char *line),
			 struct clause *c);

#endif
