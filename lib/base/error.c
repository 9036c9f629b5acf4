/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread's last error and the process' log receiver: the only state of the library that no
 * handle owns.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define SENTENCE_LEN 1024

static __thread char sentence[SENTENCE_LEN];

static struct {
	nvio_log_fn fn;
	void *arg;
	enum nvio_log_level level;
} receiver;

const char *nvio_version(void)
{
	return NVIO_VERSION;
}

const char *nvio_last_error(void)
{
	return sentence;
}

int nvio_error(int err, const char *fmt, ...)
{
	va_list ap;
	char text[SENTENCE_LEN];

	/* By way of a copy: an argument may be the old sentence. */
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(sentence, text, sizeof(text));
	return -err;
}

void nvio_error_prefix(const char *fmt, ...)
{
	va_list ap;
	char prefix[SENTENCE_LEN];

	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	nvio_error(0, "%s: %s", prefix, sentence);
}

void nvio_log_set(nvio_log_fn fn, void *arg, enum nvio_log_level level)
{
	receiver.fn = fn;
	receiver.arg = arg;
	receiver.level = level;
}

void nvio_log(enum nvio_log_level level, const char *fmt, ...)
{
	va_list ap;
	char line[SENTENCE_LEN];
	int saved = errno;

	if (!receiver.fn || level > receiver.level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	receiver.fn(receiver.arg, level, line);
	errno = saved;
}
