/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A clock that goes on when somebody looks at it or sleeps: in a target that is linked with it
 * waiting takes no time, and an input does the same each time.
 */
#include <stdint.h>
#include <time.h>

#include "fuzz.h"

#define LOOK_NS 1000u

static uint64_t now; /* nanoseconds */

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *ts,
			   struct timespec *left);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	(void)clock;
	now += LOOK_NS;
	*ts = (struct timespec){ .tv_sec = (time_t)(now / 1000000000u),
				 .tv_nsec = (long)(now % 1000000000u) };
	return 0;
}

int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *ts,
			   struct timespec *left)
{
	(void)clock;
	(void)left;
	fuzz_check(!flags && !ts->tv_sec);
	now += (uint64_t)ts->tv_nsec;
	return 0;
}
