/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watching a device, and letting it go in the middle of its use; see <nvio/watch.h>.
 *
 * Letting go does without the help of those who use the device: the memory behind its mappings is
 * exchanged under them, and so is the file behind its number.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nvio/watch.h>

#include "base/clock.h"
#include "base/error.h"
#include "vfio/device.h"

#define GRACE_MS 5000u
/* Registers lie at the start; what is behind them may be gigabytes of memory. */
#define ONES_LEN 65536u

struct nvio_watch {
	pthread_t thread;
	struct nvio_device *device;
	struct nvio_watch_opts opts;
	int requested_fd;
	int stop_fd;
};

int nvio_mapping_replace(void *addr, size_t len)
{
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return -1;
	memset(memory, 0xff, len < ONES_LEN ? len : ONES_LEN);
	if (mremap(memory, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, addr) != MAP_FAILED)
		return 0;
	munmap(memory, len);
	return -1;
}

int nvio_mapping_bury(struct nvio_mapping *mapping)
{
	if (!nvio_mapping_replace(mapping->addr, mapping->len))
		return 0;
	return nvio_error(errno, "no memory in the place of a device's registers: %s",
			  strerror(errno));
}

int nvio_device_let_go(struct nvio_device *device)
{
	int err = 0;

	if (!device->ops->let_go)
		return nvio_error(ENOTSUP, "%s cannot be let go while it is in use", device->name);
	/* What it still has to read and write would end in faults of the IOMMU. */
	if (!nvio_device_was_let_go(device))
		nvio_device_bus_master(device, false);
	pthread_mutex_lock(&device->lock);
	if (!nvio_device_was_let_go(device)) {
		__atomic_store_n(&device->let_go, true, __ATOMIC_RELEASE);
		for (struct nvio_mapping *m = device->mappings; m && !err; m = m->next)
			err = nvio_mapping_bury(m);
		/* Not before nobody can reach it by a mapping, which would keep its file alive. */
		if (!err)
			err = device->ops->let_go(device);
		nvio_log(err ? NVIO_LOG_ERROR : NVIO_LOG_WARN, "%s was let go%s", device->name,
			 err ? ", but not all of it" : "");
	}
	pthread_mutex_unlock(&device->lock);
	return err;
}

static void tell(struct nvio_watch *watch, enum nvio_event event)
{
	if (watch->opts.fn)
		watch->opts.fn(watch->opts.arg, watch->device, event);
}

/* The kernel asks again and again: once is enough. */
static void requested(struct nvio_watch *watch, uint64_t *deadline)
{
	eventfd_t value;

	eventfd_read(watch->requested_fd, &value);
	if (*deadline != UINT64_MAX)
		return;
	*deadline = nvio_now() + watch->opts.grace_ms * NVIO_NS_PER_MS;
	nvio_log(NVIO_LOG_WARN, "%s: the host wants it back, within %u ms", watch->device->name,
		 watch->opts.grace_ms);
	tell(watch, NVIO_EVENT_REQUESTED);
}

/* Tells who drives the device of an error. Returns whether there was one. */
static bool take_error(struct nvio_device *device)
{
	eventfd_t value;
	bool any;

	pthread_mutex_lock(&device->error_lock);
	any = !eventfd_read(device->error_fd, &value);
	if (any && device->failed)
		device->failed(device->failed_arg);
	pthread_mutex_unlock(&device->error_lock);
	return any;
}

static int patience_ms(uint64_t deadline)
{
	uint64_t now = nvio_now();

	if (deadline == UINT64_MAX)
		return -1;
	return deadline <= now ? 0 : (int)((deadline - now) / NVIO_NS_PER_MS) + 1;
}

static void *watch_events(void *arg)
{
	struct nvio_watch *watch = arg;
	uint64_t deadline = UINT64_MAX;
	struct pollfd fds[] = { { watch->stop_fd, POLLIN, 0 },
				{ watch->requested_fd, POLLIN, 0 },
				{ watch->device->error_fd, POLLIN, 0 } };

	for (;;) {
		if (poll(fds, 3, patience_ms(deadline)) < 0 && errno != EINTR)
			return NULL;
		if (fds[0].revents)
			return NULL;
		if (fds[1].revents)
			requested(watch, &deadline);
		/* Who drives the device before who uses it. */
		if (fds[2].revents && take_error(watch->device))
			tell(watch, NVIO_EVENT_FAILED);
		if (nvio_now() < deadline)
			continue;
		nvio_device_let_go(watch->device);
		tell(watch, NVIO_EVENT_LET_GO);
		return NULL;
	}
}

/* An eventfd that the kernel signals; -1 where it does not offer that. */
static int wire(struct nvio_device *device, enum nvio_irq irq)
{
	struct nvio_irq_info info;
	int fd;

	if (nvio_device_irq(device, irq, &info, sizeof(info)) || !info.nr_vectors)
		return -1;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -1;
	if (!nvio_device_irq_enable(device, irq, 1)) {
		if (!nvio_device_irq_set(device, irq, 0, fd))
			return fd;
		nvio_device_irq_disable(device, irq);
	}
	close(fd);
	return -1;
}

/* Once for all: a signal that came before anybody watched is not lost. */
static int error_fd(struct nvio_device *device)
{
	if (device->error_fd < 0)
		device->error_fd = wire(device, NVIO_IRQ_ERR);
	return device->error_fd;
}

void nvio_device_on_error(struct nvio_device *device, void (*fn)(void *arg), void *arg)
{
	device->failed_arg = arg;
	device->failed = fn;
	error_fd(device);
}

void nvio_device_look(struct nvio_device *device)
{
	if (device->failed && device->error_fd >= 0 &&
	    !__atomic_load_n(&device->watch, __ATOMIC_RELAXED))
		take_error(device);
}

void nvio_device_forget_errors(struct nvio_device *device)
{
	eventfd_t value;

	if (device->error_fd < 0 || !device->failed)
		return;
	pthread_mutex_lock(&device->error_lock);
	eventfd_read(device->error_fd, &value);
	pthread_mutex_unlock(&device->error_lock);
}

static void watch_free(struct nvio_watch *watch)
{
	if (watch->requested_fd >= 0)
		close(watch->requested_fd);
	if (watch->stop_fd >= 0)
		close(watch->stop_fd);
	free(watch);
}

/* Signals are the application's: its own threads take them. */
static int start(struct nvio_watch *watch)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&watch->thread, NULL, watch_events, watch);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err ? nvio_error(err, "no thread to watch %s: %s", watch->device->name,
				strerror(err))
		   : 0;
}

int nvio_device_watch(struct nvio_device *device, const struct nvio_watch_opts *given)
{
	struct nvio_watch_opts opts = NVIO_WATCH_OPTS;
	struct nvio_watch *watch;
	int err = nvio_take_opts(&opts, sizeof(opts), given, "nvio_device_watch");

	if (!err && !device->ops->let_go)
		err = nvio_error(ENOTSUP, "nothing tells of events of %s", device->name);
	if (!err && device->watch)
		err = nvio_error(EEXIST, "%s is watched already", device->name);
	if (err)
		return err;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return nvio_error(ENOMEM, "no memory to watch %s", device->name);
	watch->device = device;
	watch->opts = opts;
	if (!watch->opts.grace_ms)
		watch->opts.grace_ms = GRACE_MS;
	watch->requested_fd = wire(device, NVIO_IRQ_REQ);
	watch->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (error_fd(device) < 0 && watch->requested_fd < 0)
		err = nvio_error(ENOTSUP, "nothing tells of events of %s", device->name);
	else if (watch->stop_fd < 0)
		err = nvio_error(errno, "%s cannot be watched: %s", device->name, strerror(errno));
	else
		err = start(watch);
	if (err)
		watch_free(watch);
	else
		__atomic_store_n(&device->watch, watch, __ATOMIC_RELAXED);
	return err;
}

void nvio_device_unwatch(struct nvio_device *device)
{
	struct nvio_watch *watch = device->watch;

	if (!watch)
		return;
	eventfd_write(watch->stop_fd, 1);
	pthread_join(watch->thread, NULL);
	__atomic_store_n(&device->watch, NULL, __ATOMIC_RELAXED);
	watch_free(watch);
}
