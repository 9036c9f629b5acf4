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

__attribute__((format(printf, 2, 3), cold)) void nvio_log(enum nvio_log_level level,
							  const char *fmt, ...);

#endif
