/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One line on standard error.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "emu/complain.h"

int complain(const char *format, ...)
{
	va_list args;

	fputs("nvme_emu: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return -EINVAL;
}
