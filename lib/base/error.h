/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sentence behind a failing call, and log lines.
 *
 * A function that fails first says why with nvio_error() and returns what that returns; callers
 * pass the errno on and replace the sentence only when they know more. Never on the path of a
 * successful I/O.
 */
#ifndef NVIO_LIB_BASE_ERROR_H
#define NVIO_LIB_BASE_ERROR_H

#include <nvio/base.h>

/* Sets this thread's sentence. Returns -@err, so that a check is one line. */
__attribute__((format(printf, 2, 3), cold)) int nvio_error(int err, const char *fmt, ...);

/* Puts "PREFIX: " before this thread's sentence: the object that the caller was working on. */
__attribute__((format(printf, 1, 2), cold)) void nvio_error_prefix(const char *fmt, ...);

#define NVIO_SENTENCE_LEN 1024

/* This thread's sentence, kept over a clean-up that may set another. */
struct nvio_sentence {
	char text[NVIO_SENTENCE_LEN];
};

void nvio_error_save(struct nvio_sentence *kept);
void nvio_error_restore(const struct nvio_sentence *kept);

/*
 * Copies an option struct of the user's, which begins with its size, over our own of @len bytes. A
 * shorter one leaves the rest at its defaults. Returns 0; -EINVAL for a size that no version had;
 * -E2BIG for a longer one with something set that we do not know.
 */
int nvio_take_opts(void *own, size_t len, const void *given, const char *what);

/*
 * Copies an info struct of ours of @len bytes into the user's of @size: as much as it has room for,
 * zeros in what we do not know. Returns 0.
 */
int nvio_give_info(void *out, size_t size, const void *own, size_t len);

__attribute__((format(printf, 2, 3), cold)) void nvio_log(enum nvio_log_level level,
							  const char *fmt, ...);

#endif
