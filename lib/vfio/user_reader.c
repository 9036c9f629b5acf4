/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread behind a vfio-user socket; see user_reader.h.
 *
 * What the server asks for is checked by user_memory.c; here are the messages. A request that makes
 * no sense gets an error, one that leaves the stream without order ends the connection.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "vfio/iommu.h"
#include "vfio/user_conn.h"

/* The longest request: a write of as much as we said that one may have. */
#define BODY_MAX (sizeof(struct nvio_user_dma_access) + NVIO_USER_DATA_MAX)

void nvio_user_reader_init(struct nvio_user_conn *conn)
{
	struct nvio_user_reader *reader = &conn->reader;
	pthread_condattr_t attr;

	memset(reader, 0, sizeof(*reader));
	pthread_mutex_init(&reader->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&reader->news, &attr);
	pthread_condattr_destroy(&attr);
}

void nvio_user_reader_fini(struct nvio_user_conn *conn)
{
	struct nvio_user_reader *reader = &conn->reader;

	if (reader->running) {
		nvio_user_give_up(conn, ENODEV, "it was closed");
		pthread_join(reader->thread, NULL);
	}
	free(reader->buf);
	pthread_cond_destroy(&reader->news);
	pthread_mutex_destroy(&reader->lock);
}

/* Reads or writes memory as a request says, whose body of @len bytes is at @access; the data of a
 * read go behind it. Returns 0 or -errno. */
static int access_memory(struct nvio_user_conn *conn, const struct nvio_user_header *request,
			 struct nvio_user_dma_access *access, size_t len)
{
	bool write = request->command == NVIO_USER_DMA_WRITE;

	if (!write && request->command != NVIO_USER_DMA_READ)
		return -EOPNOTSUPP;
	if (len < sizeof(*access) || !access->count)
		return -EINVAL;
	if (access->count > NVIO_USER_DATA_MAX)
		return -E2BIG;
	if (len - sizeof(*access) != (write ? access->count : 0))
		return -EINVAL;
	return nvio_user_memory_access(&conn->memory, write ? NVIO_DMA_WRITE : NVIO_DMA_READ,
				       access->iova, access + 1, access->count);
}

/* Memory for a request and its answer; nobody else reads meanwhile. */
static void *get_buf(struct nvio_user_conn *conn)
{
	if (!conn->reader.buf)
		conn->reader.buf = malloc(BODY_MAX);
	return conn->reader.buf;
}

int nvio_user_answer(struct nvio_user_conn *conn, const struct nvio_user_header *request,
		     struct nvio_user_fds *fds, uint64_t deadline)
{
	struct nvio_user_dma_access *access = get_buf(conn);
	size_t len = request->size - sizeof(*request);
	struct nvio_user_header reply = { .id = request->id,
					  .command = request->command,
					  .flags = NVIO_USER_REPLY };
	struct iovec iov[] = { { &reply, sizeof(reply) }, { access, 0 } };
	int err;

	if (!access)
		return nvio_user_give_up(conn, ENOMEM, "no memory for its requests");
	if (len > BODY_MAX)
		return nvio_user_give_up(conn, EPROTO, "it sent a request that is too long");
	err = nvio_user_receive(conn, fds, access, len, deadline);
	if (err)
		return err;
	err = access_memory(conn, request, access, len);
	if (request->flags & NVIO_USER_NO_REPLY)
		return 0;
	if (err) {
		reply.flags |= NVIO_USER_ERROR;
		reply.error = (uint32_t)-err;
	} else {
		iov[1].iov_len = sizeof(*access);
		if (request->command == NVIO_USER_DMA_READ)
			iov[1].iov_len += access->count;
	}
	reply.size = (uint32_t)(sizeof(reply) + iov[1].iov_len);
	return nvio_user_send(conn, iov, 2, NULL, 0, deadline);
}

/* Hands a reply to the call that waits for it. */
static int deliver(struct nvio_user_conn *conn, const struct nvio_user_header *header,
		   struct nvio_user_fds *fds, uint64_t deadline)
{
	struct nvio_user_reader *reader = &conn->reader;
	struct nvio_user_call *call;
	int err;

	pthread_mutex_lock(&reader->lock);
	call = reader->call;
	reader->filling = call != NULL;
	pthread_mutex_unlock(&reader->lock);
	if (!call)
		return nvio_user_give_up(conn, EPROTO, "it answered what was not asked");
	err = nvio_user_take_reply(conn, call, header, fds, deadline);
	pthread_mutex_lock(&reader->lock);
	reader->filling = false;
	reader->call = NULL;
	reader->err = err;
	pthread_cond_broadcast(&reader->news);
	pthread_mutex_unlock(&reader->lock);
	return 0;
}

/* One message, whenever it comes. */
static int serve_one(struct nvio_user_conn *conn)
{
	struct nvio_user_fds fds = { .nr = 0 };
	struct nvio_user_header header;
	uint64_t deadline;
	int err = nvio_user_wait(conn, UINT64_MAX);

	if (err)
		return err;
	deadline = nvio_now() + conn->timeout_ns;
	err = nvio_user_receive_header(conn, &fds, &header, deadline);
	if (!err && (header.flags & NVIO_USER_TYPE_MASK) == NVIO_USER_REPLY)
		err = deliver(conn, &header, &fds, deadline);
	else if (!err)
		err = nvio_user_answer(conn, &header, &fds, deadline);
	nvio_user_fds_close(&fds);
	return err;
}

static void *serve(void *arg)
{
	struct nvio_user_conn *conn = arg;

	while (!nvio_user_gone(conn) && !serve_one(conn))
		continue;
	return NULL;
}

/* Signals are the application's: none is ever delivered to this thread. */
static int start_thread(struct nvio_user_conn *conn)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&conn->reader.thread, NULL, serve, conn);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return nvio_error(err, "no thread for a vfio-user server's requests: %s",
				  strerror(err));
	pthread_setname_np(conn->reader.thread, "nvio-dma");
	conn->reader.running = true;
	return 0;
}

int nvio_user_reader_start(struct nvio_user_conn *conn)
{
	int err = 0;

	/* Nobody else reads meanwhile. */
	pthread_mutex_lock(&conn->lock);
	if (!conn->reader.running && !get_buf(conn))
		err = nvio_error(ENOMEM, "no memory for a vfio-user server's requests");
	else if (!conn->reader.running)
		err = start_thread(conn);
	pthread_mutex_unlock(&conn->lock);
	return err;
}

void nvio_user_reader_look(struct nvio_user_conn *conn)
{
	struct pollfd fd = { .fd = conn->fd, .events = POLLIN };

	/* Who has the lock has asked, and reads. */
	if (pthread_mutex_trylock(&conn->lock))
		return;
	/* When that fails, the next look tries again. */
	if (!conn->reader.running && poll(&fd, 1, 0) > 0)
		start_thread(conn);
	pthread_mutex_unlock(&conn->lock);
}

void nvio_user_reader_expect(struct nvio_user_conn *conn, struct nvio_user_call *call)
{
	pthread_mutex_lock(&conn->reader.lock);
	conn->reader.call = call;
	pthread_mutex_unlock(&conn->reader.lock);
}

int nvio_user_reader_await(struct nvio_user_conn *conn, uint64_t deadline)
{
	struct timespec until = { .tv_sec = (time_t)(deadline / 1000000000u),
				  .tv_nsec = (long)(deadline % 1000000000u) };
	struct nvio_user_reader *reader = &conn->reader;
	int err;

	pthread_mutex_lock(&reader->lock);
	while (reader->call && (reader->filling || !nvio_user_gone(conn))) {
		if (nvio_user_gone(conn)) {
			pthread_cond_wait(&reader->news, &reader->lock);
		} else if (pthread_cond_timedwait(&reader->news, &reader->lock, &until)) {
			pthread_mutex_unlock(&reader->lock);
			nvio_user_give_up(conn, ETIMEDOUT, "no answer in time");
			pthread_mutex_lock(&reader->lock);
		}
	}
	err = reader->call ? -conn->gone_err : reader->err;
	reader->call = NULL;
	pthread_mutex_unlock(&reader->lock);
	return err;
}
