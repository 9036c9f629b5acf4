/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a process holds, as the kernel counts it: to be compared with what it holds later.
 */
#ifndef TEST_EMU_USAGE_H
#define TEST_EMU_USAGE_H

#include <sys/types.h>

struct usage {
	unsigned int fds;
	unsigned int maps;
	long threads;
	long rss_kb;
};

unsigned int usage_count_fds(pid_t pid);
void usage_take(struct usage *usage, pid_t pid);

/*
 * Fails the test when the process holds more than before: descriptors and threads to the number,
 * mappings but for a few that malloc() makes and joins, memory but for a megabyte.
 */
void usage_check(const struct usage *before, pid_t pid);

#endif
