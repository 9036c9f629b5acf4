/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread that reads a vfio-user socket once the server may ask for memory: it can do so at any
 * time, also while the application does nothing but poll.
 *
 * Without it, who sends a request reads the reply. With it, the thread alone reads: it answers the
 * server's requests and hands replies to who waits for them.
 */
#ifndef NVIO_LIB_VFIO_USER_READER_H
#define NVIO_LIB_VFIO_USER_READER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct nvio_user_call;
struct nvio_user_conn;

struct nvio_user_reader {
	pthread_t thread;
	bool running; /* under the connection's lock */
	void *buf; /* the thread's */

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

/* The next reply is for @call. To be said before its request is sent, by one thread at a time. */
void nvio_user_reader_expect(struct nvio_user_conn *conn, struct nvio_user_call *call);

/* Waits for that. Returns 0 or -errno; the thread does not touch the call any more. */
int nvio_user_reader_await(struct nvio_user_conn *conn, uint64_t deadline);

#endif
