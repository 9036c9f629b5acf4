/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every part of nvio shares: the version, the sentence behind the last error, and the log.
 *
 * Structs can grow in later versions: options begin with their size, and calls that fill a struct
 * in take its size, so that programs built against an older header go on working.
 *
 * Functions of nvio return 0 (or a count) when they succeed and a negative errno when they do not.
 * Functions that free or close return nothing and accept NULL. The library prints nothing, reads no
 * environment variable, has no constructor and installs no signal handler.
 */
#ifndef NVIO_BASE_H
#define NVIO_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if UINTPTR_MAX < UINT64_MAX
#error "nvio needs a 64-bit platform: IOVAs, IOMMU windows and namespaces are larger than 32 bits."
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define NVIO_VERSION_MAJOR 0
#define NVIO_VERSION_MINOR 1
#define NVIO_VERSION_PATCH 0

/* Marks what the shared library exports; of no meaning to a user. */
#define NVIO_API __attribute__((visibility("default")))

/**
 * nvio_version - the version of the library that is linked.
 *
 * Return: "major.minor.patch", static.
 */
NVIO_API const char *nvio_version(void);

/**
 * nvio_last_error - what went wrong in the last call that failed, as one sentence.
 *
 * Names the object and the value, and what to do about it. Kept per thread; a call that succeeds
 * leaves it alone, so it means something only after a negative return. -EAGAIN from a full queue
 * and -ETIMEDOUT from nvio_wait() set none.
 *
 * Return: the sentence, without a newline; "" when nothing failed yet. Valid until this thread's
 * next failing call.
 */
NVIO_API const char *nvio_last_error(void);

/* How much a log line matters. */
enum nvio_log_level {
	NVIO_LOG_ERROR = 0, /* something failed that no return value tells */
	NVIO_LOG_WARN = 1, /* works, but not as asked: no hugepages, a clamped depth */
	NVIO_LOG_INFO = 2, /* which way was chosen and why */
	NVIO_LOG_DEBUG = 3, /* each step of a bring-up */
};

/**
 * nvio_log_fn - receives a log line.
 * @arg:   what was given to nvio_log_set()
 * @level: how much it matters
 * @line:  one line, no newline; valid during the call
 *
 * May be called from any thread that is inside a call of nvio, with locks of the library held: it
 * must not call nvio itself. Never from the path of an I/O that succeeds.
 */
typedef void (*nvio_log_fn)(void *arg, enum nvio_log_level level, const char *line);

/**
 * nvio_log_set - says where log lines go. They go nowhere until it is called.
 * @fn:    the receiver, or NULL for none
 * @arg:   handed to @fn
 * @level: the least important level that is still wanted
 *
 * For the whole process. Call it before the other calls; it is not synchronised with them.
 */
NVIO_API void nvio_log_set(nvio_log_fn fn, void *arg, enum nvio_log_level level);

#ifdef __cplusplus
}
#endif

#endif
