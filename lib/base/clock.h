/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time and bounded waiting.
 *
 * Every wait of the library goes through struct nvio_backoff: it spins first, then sleeps in
 * growing steps, and never past its deadline.
 */
#ifndef NVIO_LIB_BASE_CLOCK_H
#define NVIO_LIB_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define NVIO_NS_PER_MS    1000000ull
#define NVIO_SLEEP_MIN_NS 10000u

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t nvio_now(void);

/* Milliseconds of the same clock, some of them old: cheap enough to be asked often. */
uint64_t nvio_coarse_ms(void);

/* Whether nvio_now() can tell a microsecond: it moves in less, and costs less. */
bool nvio_clock_is_fine(void);

struct nvio_backoff {
	uint64_t start;
	uint64_t deadline; /* nvio_now() scale; UINT64_MAX never passes */
	unsigned int spins;
	uint32_t sleep_ns;
};

/* Begins a wait of at most @timeout_ns. */
void nvio_backoff_start(struct nvio_backoff *b, uint64_t timeout_ns);

/* Lets some time pass. Returns false, and waits no more, once the deadline has passed. */
bool nvio_backoff_wait(struct nvio_backoff *b);

/* Whether the wait is past its spinning: the time for checks that cost something. */
static inline bool nvio_backoff_is_long(const struct nvio_backoff *b)
{
	return b->sleep_ns > NVIO_SLEEP_MIN_NS;
}

/* Milliseconds since the start. */
uint64_t nvio_backoff_elapsed_ms(const struct nvio_backoff *b);

#endif
