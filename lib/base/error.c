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

static __thread char sentence[NVIO_SENTENCE_LEN];

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

int(nvio_error)(int err, const char *fmt, ...)
{
	va_list ap;
	char text[NVIO_SENTENCE_LEN];

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
	char prefix[NVIO_SENTENCE_LEN];

	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	nvio_error(0, "%s: %s", prefix, sentence);
}

void nvio_error_save(struct nvio_sentence *kept)
{
	memcpy(kept->text, sentence, sizeof(kept->text));
}

void nvio_error_restore(const struct nvio_sentence *kept)
{
	memcpy(sentence, kept->text, sizeof(sentence));
}

int nvio_take_opts(void *own, size_t len, const void *given, const char *what)
{
	const char *bytes = given;
	size_t size;

	if (!given)
		return 0;
	memcpy(&size, given, sizeof(size));
	if (size < sizeof(size))
		return nvio_error(EINVAL, "%s: the size of the options is not set", what);
	for (size_t i = len; i < size; i++) {
		if (bytes[i])
			return nvio_error(E2BIG,
					  "%s: option at byte %zu is not known to this version %s",
					  what, i, NVIO_VERSION);
	}
	memcpy(own, given, size < len ? size : len);
	return 0;
}

int nvio_give_info(void *out, size_t size, const void *own, size_t len)
{
	memset(out, 0, size);
	memcpy(out, own, size < len ? size : len);
	return 0;
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
	char line[NVIO_SENTENCE_LEN];
	int saved = errno;

	if (!receiver.fn || level > receiver.level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	receiver.fn(receiver.arg, level, line);
	errno = saved;
}
