/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread that reads a vfio-user socket once the server asks for memory, or has to: it can do so
 * at any time, also while the application does nothing but poll.
 *
 * Without it, who sends a request reads the reply, and answers what the server asks for before.
 * With it, the thread alone reads: it answers the server's requests and hands replies to who waits
 * for them.
 */
#ifndef NVIO_LIB_VFIO_USER_READER_H
#define NVIO_LIB_VFIO_USER_READER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct nvio_user_call;
struct nvio_user_conn;
struct nvio_user_fds;
struct nvio_user_header;

struct nvio_user_reader {
	pthread_t thread;
	bool running; /* under the connection's lock */
	void *buf; /* of who reads; NULL before the first request */

	pthread_mutex_t lock; /* over all below */
	pthread_cond_t news;
	struct nvio_user_call *call; /* whose reply is waited for, or NULL */
	bool filling; /* and the thread is writing to it */
	int err; /* of the call, once it is NULL again */
};

void nvio_user_reader_init(struct nvio_user_conn *conn);
/* Ends the thread with the connection; the socket is still open. */
void nvio_user_reader_fini(struct nvio_user_conn *conn);

/* Starts the thread, unless it runs. Returns 0 or -errno. */
int nvio_user_reader_start(struct nvio_user_conn *conn);

/* Starts the thread when there is something to read that nobody has asked for. */
void nvio_user_reader_look(struct nvio_user_conn *conn);

/* For who reads the socket: does what the server asks for, whose @request and first @fds are there,
 * and answers. Returns 0, also when it was refused, or -errno. */
int nvio_user_answer(struct nvio_user_conn *conn, const struct nvio_user_header *request,
		     struct nvio_user_fds *fds, uint64_t deadline);

/* The next reply is for @call. To be said before its request is sent, by one thread at a time. */
void nvio_user_reader_expect(struct nvio_user_conn *conn, struct nvio_user_call *call);

/* Waits for that. Returns 0 or -errno; the thread does not touch the call any more. */
int nvio_user_reader_await(struct nvio_user_conn *conn, uint64_t deadline);

#endif
