/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Formats messages. Knows nothing of what they are about; prints to standard error only.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include "perf/msg.h"

int(perf_fail)(struct perf_msg *msg, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(msg->text, sizeof(msg->text), fmt, args);
	va_end(args);
	return -EINVAL;
}

void perf_say(const char *fmt, ...)
{
	char line[1024];
	va_list args;
	char *c;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	/* What the user typed is quoted in messages; it must not make two lines of one. */
	for (c = line; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	fprintf(stderr, "nvme_perf: %s\n", line);
}
