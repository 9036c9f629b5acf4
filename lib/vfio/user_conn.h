/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection to a vfio-user server: one request at a time, each with its reply and a deadline.
 *
 * Everything that the server sends is checked against what was asked. A server that breaks the
 * protocol, is late or hangs up is gone for good: later requests fail at once.
 */
#ifndef NVIO_LIB_VFIO_USER_CONN_H
#define NVIO_LIB_VFIO_USER_CONN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio/user_wire.h"

#define NVIO_USER_FDS 8

struct nvio_user_conn {
	pthread_mutex_t lock;
	int fd;
	uint16_t id;
	bool dead;
	uint32_t max_data; /* bytes of one region access */
};

struct nvio_user_call {
	enum nvio_user_command command;
	const void *request;
	size_t request_len;
	const void *data; /* behind the request, may be NULL */
	size_t data_len;
	const int *fds; /* stay the caller's */
	size_t nr_fds;
	void *reply; /* receives the payload */
	size_t reply_room;
	size_t reply_len; /* set */
	int reply_fds[NVIO_USER_FDS]; /* set: the caller's to close */
	size_t nr_reply_fds;
};

/* Connects to the server at @path. Returns the socket or -errno. */
int nvio_user_connect(const char *path);

/*
 * Sends a request and waits for its reply.
 * Returns 0; -errno as the server replied; -ENODEV when the server is gone; -ETIMEDOUT and -EPROTO,
 * after which it is gone too. Without a success there are no reply fds.
 */
int nvio_user_call(struct nvio_user_conn *conn, struct nvio_user_call *call);

/* The plain case: no fds and no data, a reply of at most @reply_len bytes. Returns as above. */
int nvio_user_ask(struct nvio_user_conn *conn, enum nvio_user_command command, const void *request,
		  size_t request_len, void *reply, size_t reply_len);

/* Agrees on the version. Returns 0 or -errno. */
int nvio_user_negotiate(struct nvio_user_conn *conn);

/* Whether the server is still there; a system call. */
bool nvio_user_alive(struct nvio_user_conn *conn);

void nvio_user_close_fds(struct nvio_user_call *call);

#endif
