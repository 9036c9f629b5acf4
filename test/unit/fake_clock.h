/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A clock that a test moves: takes the place of libc's in a program that includes this once.
 */
#ifndef NVIO_TEST_UNIT_FAKE_CLOCK_H
#define NVIO_TEST_UNIT_FAKE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool clock_is_fake;
static uint64_t fake_ms;
static uint64_t clock_reads;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (!clock_is_fake)
		return (int)syscall(SYS_clock_gettime, id, ts);
	clock_reads++;
	ts->tv_sec = (time_t)(fake_ms / 1000);
	ts->tv_nsec = (long)(fake_ms % 1000 * 1000000);
	return 0;
}

#endif
