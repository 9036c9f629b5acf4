/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guard for accesses through mappings that were revoked; see <nvio/watch.h>.
 *
 * The handler may run in any thread, in the middle of anything: it finds the mapping in a table
 * that is read without a lock, and does nothing but system calls and stores.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include <nvio/watch.h>

#include "base/error.h"
#include "vfio/device.h"

/* Mappings of all devices. */
#define SLOTS 4096u

/* Valid while @device is not NULL, which is stored last and taken away first. */
struct slot {
	struct nvio_device *device;
	uintptr_t addr;
	size_t len;
};

static struct slot slots[SLOTS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over writing them, and below */
static struct sigaction before;
static bool on;

void nvio_guard_add(struct nvio_device *device, const struct nvio_mapping *mapping)
{
	unsigned int i = 0;

	pthread_mutex_lock(&lock);
	while (i < SLOTS && slots[i].device)
		i++;
	if (i < SLOTS) {
		__atomic_store_n(&slots[i].addr, (uintptr_t)mapping->addr, __ATOMIC_RELAXED);
		__atomic_store_n(&slots[i].len, mapping->len, __ATOMIC_RELAXED);
		__atomic_store_n(&slots[i].device, device, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&lock);
	if (i == SLOTS)
		nvio_log(NVIO_LOG_WARN, "%s: a mapping too many to be guarded", device->name);
}

void nvio_guard_remove(const struct nvio_mapping *mapping)
{
	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (slots[i].device && slots[i].addr == (uintptr_t)mapping->addr)
			__atomic_store_n(&slots[i].device, NULL, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&lock);
}

bool nvio_sigbus_take(const void *addr)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct nvio_device *device = __atomic_load_n(&slots[i].device, __ATOMIC_ACQUIRE);
		uintptr_t start = __atomic_load_n(&slots[i].addr, __ATOMIC_RELAXED);
		size_t len = __atomic_load_n(&slots[i].len, __ATOMIC_RELAXED);

		if (!device || (uintptr_t)addr < start || (uintptr_t)addr - start >= len)
			continue;
		__atomic_store_n(&device->revoked, true, __ATOMIC_RELEASE);
		return !nvio_mapping_replace((void *)start, len);
	}
	return false;
}

/* Whoever had the signal before gets it; without anybody it ends the process, as it would have. */
static void hand_on(int number, siginfo_t *info, void *context)
{
	if (before.sa_flags & SA_SIGINFO && before.sa_sigaction) {
		before.sa_sigaction(number, info, context);
	} else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
		before.sa_handler(number);
	} else {
		/* The access is made again when this returns; what was sent is sent again. */
		signal(number, SIG_DFL);
		if (info->si_code <= 0)
			raise(number);
	}
}

static void handle(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	/* Not one that somebody sent. */
	if (info->si_code <= 0 || !nvio_sigbus_take(info->si_addr))
		hand_on(number, info, context);
	errno = saved;
}

int nvio_sigbus_guard(bool wanted)
{
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	int err = 0;

	pthread_mutex_lock(&lock);
	if (wanted && !on)
		err = sigaction(SIGBUS, &action, &before);
	else if (!wanted && on)
		err = sigaction(SIGBUS, &before, NULL);
	if (!err)
		on = wanted;
	pthread_mutex_unlock(&lock);
	return err ? nvio_error(errno, "no handler for SIGBUS: %s", strerror(errno)) : 0;
}
