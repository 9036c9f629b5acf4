/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time and bounded waiting; see clock.h.
 */
#include <time.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/mmio.h"

#define SPINS        64u
#define SLEEP_MAX_NS 1000000u

#define FINE_READINGS 8u
#define FINE_NS       8000u /* for all of them */
#define FINE_TRIES    5u

uint64_t nvio_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

bool nvio_clock_is_fine(void)
{
	/* Who is interrupted once is not each time. */
	for (unsigned int i = 0; i < FINE_TRIES; i++) {
		uint64_t begin = nvio_now(), end = begin;

		for (unsigned int j = 0; j < FINE_READINGS; j++)
			end = nvio_now();
		if (end != begin && end - begin < FINE_NS)
			return true;
	}
	return false;
}

uint64_t nvio_coarse_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

void nvio_backoff_start(struct nvio_backoff *b, uint64_t timeout_ns)
{
	b->start = nvio_now();
	b->deadline = timeout_ns > UINT64_MAX - b->start ? UINT64_MAX : b->start + timeout_ns;
	b->spins = 0;
	b->sleep_ns = NVIO_SLEEP_MIN_NS;
}

bool nvio_backoff_wait(struct nvio_backoff *b)
{
	uint64_t now = nvio_now();
	struct timespec ts = { 0 };

	if (now >= b->deadline)
		return false;
	if (b->spins < SPINS) {
		b->spins++;
		nvio_cpu_relax();
		return true;
	}
	ts.tv_nsec = (long)min_u64(b->sleep_ns, b->deadline - now);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
	b->sleep_ns = (uint32_t)min_u64(b->sleep_ns * 2ull, SLEEP_MAX_NS);
	return true;
}

uint64_t nvio_backoff_elapsed_ms(const struct nvio_backoff *b)
{
	return (nvio_now() - b->start) / NVIO_NS_PER_MS;
}
