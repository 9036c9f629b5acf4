/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts of queue pairs; see vectors.h.
 *
 * MSI-X, else MSI, else INTx. A controller, or its host, may have fewer vectors than there are
 * queue pairs: then they share them, and each signal has to reach every owner. So nobody reads a
 * vector's eventfd, which would take the signal from the others. Each queue pair has an epoll
 * instance of its own that watches the eventfd for edges: it notices every signal once, whatever
 * the others do.
 */
#include <errno.h>
#include <limits.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "nvme/ctrl.h"
#include "nvme/tend.h"
#include "nvme/vectors.h"
#include "vfio/device.h"

/* What a queue pair's epoll instance tells. */
enum signal {
	SIGNAL_INTERRUPT,
	SIGNAL_HANGUP, /* the other end of a device that is a socket went away */
	NR_SIGNALS,
};

/* INTx is off unless somebody serves it. */
static int allow_line(struct nvio_ctrl *ctrl)
{
	return ctrl->irq == NVIO_IRQ_INTX ? nvio_device_intx(ctrl->device, true) : 0;
}

/* The best kind that the function has, or the one that was asked for. Returns how many vectors. */
static int choose_kind(struct nvio_ctrl *ctrl, bool *grows)
{
	static const enum nvio_irq kinds[] = { NVIO_IRQ_MSIX, NVIO_IRQ_MSI, NVIO_IRQ_INTX };

	for (unsigned int i = 0; i < ARRAY_LEN(kinds); i++) {
		struct nvio_irq_info irq;
		int err;

		if (ctrl->opts.interrupts && ctrl->opts.interrupts != NVIO_INTERRUPTS_MSIX + i)
			continue;
		err = nvio_device_irq(ctrl->device, kinds[i], &irq, sizeof(irq));
		if (err)
			return err;
		ctrl->irq = kinds[i];
		*grows = !(irq.flags & VFIO_IRQ_INFO_NORESIZE) && irq.nr_vectors > 1;
		if (irq.nr_vectors)
			return (int)min_u64(irq.nr_vectors, INT_MAX);
	}
	return nvio_error(ENOTSUP, "%s has no %s: queue pairs can only be polled", ctrl->info.name,
			  ctrl->opts.interrupts ? "interrupts of that kind" : "interrupts");
}

/* At the first queue pair that wants one. Where none can be added later, vectors for every queue
 * pair there can be. */
static int enable_vectors(struct nvio_ctrl *ctrl)
{
	bool grows = false;
	uint32_t nr;
	int err;

	if (ctrl->nr_vectors)
		return 0;
	err = choose_kind(ctrl, &grows);
	if (err < 0)
		return err;
	nr = (uint32_t)err;
	/* Vector 0 is the admin queue's. */
	nr = (uint32_t)min_u64(nr, ctrl->info.nr_qpairs + 1u);
	ctrl->vectors = calloc(nr, sizeof(*ctrl->vectors));
	if (!ctrl->vectors)
		return nvio_error(ENOMEM, "no memory for %u vectors", nr);
	for (uint32_t i = 0; i < nr; i++)
		ctrl->vectors[i].fd = -1;
	ctrl->max_vectors = nr;
	if (grows)
		nr = 2;
	/* Halved until the host has enough. */
	do {
		err = nvio_device_irq_enable(ctrl->device, ctrl->irq, nr);
	} while (err == -ENOSPC && (nr /= 2));
	if (!err)
		err = allow_line(ctrl);
	if (err) {
		free(ctrl->vectors);
		ctrl->vectors = NULL;
		return err;
	}
	ctrl->nr_vectors = nr;
	if (!grows)
		ctrl->max_vectors = nr;
	return 0;
}

/* The vector that fewest share; the admin queue's only when there is no other. */
static struct nvio_vector *choose_vector(const struct nvio_ctrl *ctrl)
{
	struct nvio_vector *best = &ctrl->vectors[ctrl->nr_vectors - 1];

	for (uint32_t i = 1; i < ctrl->nr_vectors; i++) {
		struct nvio_vector *vector = &ctrl->vectors[i];

		if (vector->nr_qpairs < best->nr_qpairs ||
		    (vector->nr_qpairs == best->nr_qpairs && vector < best))
			best = vector;
	}
	return best;
}

/*
 * Its eventfd stays for the next queue pair. Kernels of POWER's pseries forget where a vector's
 * interrupts go when it loses its eventfd: they are DMA to address 0 from then on.
 */
static void put_vector(struct nvio_vector *vector)
{
	vector->nr_qpairs--;
}

static int give_eventfd(struct nvio_ctrl *ctrl, struct nvio_vector *vector)
{
	int err;

	vector->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vector->fd < 0)
		return nvio_error(errno, "no eventfd for a queue pair: %s", strerror(errno));
	err = nvio_device_irq_set(ctrl->device, ctrl->irq, (uint32_t)(vector - ctrl->vectors),
				  vector->fd);
	if (err) {
		close(vector->fd);
		vector->fd = -1;
	}
	return err;
}

static int get_vector(struct nvio_ctrl *ctrl, struct nvio_vector *vector)
{
	eventfd_t before;
	int err = vector->fd < 0 ? give_eventfd(ctrl, vector) : 0;

	if (err)
		return err;
	/* Signals of those who had it are not for who has it now. */
	if (!vector->nr_qpairs++)
		eventfd_read(vector->fd, &before);
	return 0;
}

/* Edges only: an eventfd that nobody reads stays readable, and a socket closed. */
static int watch(int epoll, int fd, uint32_t events, enum signal signal)
{
	struct epoll_event event = { .events = events | EPOLLET, .data.u32 = signal };

	return fd < 0 ? 0 : epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int open_fd(struct nvio_qpair *qpair, const struct nvio_vector *vector)
{
	int hangup = nvio_device_hangup_fd(qpair->ctrl->device);

	qpair->fd = epoll_create1(EPOLL_CLOEXEC);
	if (qpair->fd >= 0 && !watch(qpair->fd, vector->fd, EPOLLIN, SIGNAL_INTERRUPT) &&
	    !watch(qpair->fd, hangup, EPOLLRDHUP, SIGNAL_HANGUP))
		return 0;
	return nvio_error(errno, "no epoll instance for a queue pair: %s", strerror(errno));
}

/* One more, where that is possible; when the host has none left, they are shared from then on. */
static struct nvio_vector *add_vector(struct nvio_ctrl *ctrl)
{
	struct nvio_vector *vector = &ctrl->vectors[ctrl->nr_vectors];

	if (ctrl->nr_vectors == ctrl->max_vectors)
		return NULL;
	if (!nvio_device_irq_add(ctrl->device, ctrl->irq, 1) && !get_vector(ctrl, vector)) {
		ctrl->nr_vectors++;
		return vector;
	}
	nvio_log(NVIO_LOG_INFO, "%s: no more than %u vectors: %s", ctrl->info.name,
		 ctrl->nr_vectors, nvio_last_error());
	ctrl->max_vectors = ctrl->nr_vectors;
	return NULL;
}

int nvio_qpair_take_vector(struct nvio_qpair *qpair)
{
	struct nvio_ctrl *ctrl = qpair->ctrl;
	struct nvio_vector *vector, *added;
	int err = enable_vectors(ctrl);

	if (err)
		return err;
	vector = choose_vector(ctrl);
	added = vector->nr_qpairs ? add_vector(ctrl) : NULL;
	if (added)
		vector = added;
	else
		err = get_vector(ctrl, vector);
	if (err)
		return err;
	err = open_fd(qpair, vector);
	if (err) {
		put_vector(vector);
		return err;
	}
	qpair->vector = vector;
	return 0;
}

void nvio_qpair_drop_vector(struct nvio_qpair *qpair)
{
	if (!qpair->vector)
		return;
	put_vector(qpair->vector);
	qpair->vector = NULL;
}

int nvio_vectors_again(struct nvio_ctrl *ctrl)
{
	int err;

	if (!ctrl->nr_vectors)
		return 0;
	/* Whoever is asked to enable what is enabled, as far as it knows, leaves the function be.
	 */
	err = nvio_device_irq_disable(ctrl->device, ctrl->irq);
	if (!err)
		err = nvio_device_irq_enable(ctrl->device, ctrl->irq, ctrl->nr_vectors);
	for (uint32_t i = 0; i < ctrl->nr_vectors && !err; i++) {
		if (ctrl->vectors[i].fd >= 0)
			err = nvio_device_irq_set(ctrl->device, ctrl->irq, i, ctrl->vectors[i].fd);
	}
	return err ? err : allow_line(ctrl);
}

void nvio_vectors_free(struct nvio_ctrl *ctrl)
{
	for (uint32_t i = 0; i < ctrl->nr_vectors; i++) {
		if (ctrl->vectors[i].fd >= 0)
			close(ctrl->vectors[i].fd);
	}
	free(ctrl->vectors);
}

int nvio_qpair_fd(const struct nvio_qpair *qpair)
{
	if (qpair->fd < 0)
		return nvio_error(ENOTSUP, "queue pair %u was made without interrupts", qpair->qid);
	return qpair->fd;
}

/* Sleeps for less than a second, or until the descriptor is readable. */
static void nap(int fd, long ns)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	struct timespec ts = { .tv_nsec = ns };

	ppoll(&readable, 1, &ts, NULL);
}

/*
 * The kernel masks INTx with each signal. If the line is still up when it is unmasked, the kernel
 * signals again and masks it: who sleeps next has to find that signal.
 */
void nvio_line_unmask(const struct nvio_qpair *qpair)
{
	if (qpair->ctrl->irq == NVIO_IRQ_INTX)
		nvio_device_irq_unmask(qpair->ctrl->device, NVIO_IRQ_INTX, 0);
}

void nvio_line_rest(const struct nvio_qpair *qpair, uint64_t ns)
{
	if (qpair->ctrl->irq == NVIO_IRQ_INTX)
		nap(qpair->fd, (long)ns);
}

int nvio_signals_take(struct nvio_qpair *qpair, uint64_t ns)
{
	struct epoll_event events[NR_SIGNALS];
	uint64_t ms = min_u64(ns / NVIO_NS_PER_MS, INT_MAX);
	int n;

	/* A sleep of its own. */
	if (ns)
		nvio_line_unmask(qpair);
	/* epoll_wait() knows no shorter times, and not everything knows epoll_pwait2(). */
	if (ns && !ms)
		nap(qpair->fd, (long)ns);
	n = epoll_wait(qpair->fd, events, NR_SIGNALS, (int)ms);
	if (n < 0)
		n = -errno;
	/* The sleep is somebody else's, and comes later. */
	if (!ns)
		nvio_line_unmask(qpair);
	if (n < 0 && n != -EINTR)
		return nvio_error(-n, "waiting for queue pair %u: %s", qpair->qid, strerror(-n));
	if (n > 0)
		qpair->unsignalled_at = 0;
	for (int i = 0; i < n; i++) {
		if (events[i].data.u32 == SIGNAL_HANGUP)
			nvio_qpair_check_alive(qpair);
	}
	return n != 0;
}

int nvio_qpair_arm(struct nvio_qpair *qpair)
{
	int ret = nvio_qpair_fd(qpair);

	return ret < 0 ? ret : nvio_signals_take(qpair, 0);
}
