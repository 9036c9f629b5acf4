/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watches a stretch of code of one thread: which system calls it makes, how often it allocates.
 *
 * For a process of its own, which the watched code ends: its system calls fail with ENOSYS and are
 * counted, from quiet_begin() to the end of the process. Sanitizers make calls of their own: under
 * them nothing is watched.
 */
#ifndef NVIO_TEST_UNIT_QUIET_H
#define NVIO_TEST_UNIT_QUIET_H

#include <stdbool.h>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define QUIET_WATCHES 1
#else
#define QUIET_WATCHES 0
#endif

#define QUIET_CALLS 512u

/* Whether anything is watched: not under valgrind either. */
bool quiet_watches(void);

/* In memory that parent and child share. */
struct quiet {
	unsigned int calls[QUIET_CALLS]; /* by number; the last one for all others */
	unsigned int allocations;
	bool done; /* said by the code when it came to its end */
	bool watches;
	unsigned long counted; /* its own to use */
};

/*
 * Runs @code in a child, watched from its call of quiet_begin() on, and waits up to a minute for
 * its end. Returns what was seen; NULL when the child did not end as it should.
 */
const struct quiet *quiet_run(void (*code)(struct quiet *quiet, void *arg), void *arg);

/* Allowed calls happen, uncounted; a list that ends with -1. */
void quiet_begin(struct quiet *quiet, const int *allowed);

/* Calls other than this one; -1: all. */
unsigned int quiet_calls_but(const struct quiet *quiet, int number);

#endif
