/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `nvio doctor` finds: one line for each thing that has to be true, with the command that
 * makes it so. This part owns how it is printed and what follows from it, and looks at nothing.
 */
#ifndef NVIO_APP_CHECK_H
#define NVIO_APP_CHECK_H

#include <stdbool.h>
#include <stdio.h>

#include "common/json.h"

enum verdict {
	CHECK_OK,
	CHECK_NOTE, /* not as good as it could be: devices can be driven all the same */
	CHECK_BAD, /* no device can be driven, or not this one */
};

struct doctor {
	FILE *out;
	struct json *json; /* NULL for text */
	bool bad; /* something was, since it was set to false */
};

#define CHECK_TEXT_LEN 1280

/* @name: what was looked at, always the same word; @fix: a command, or NULL; then the finding. */
__attribute__((format(printf, 5, 6))) void check(struct doctor *d, enum verdict verdict,
						 const char *name, const char *fix, const char *fmt,
						 ...);

#endif
