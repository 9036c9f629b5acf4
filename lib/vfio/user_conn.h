/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection to a vfio-user server: one request at a time, each with its reply and a deadline;
 * and the server's own requests, once it may have some (user_reader.h).
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

#include "vfio/user_io.h"
#include "vfio/user_memory.h"
#include "vfio/user_reader.h"
#include "vfio/user_wire.h"

/* Bytes of data in one message, in either direction. */
#define NVIO_USER_DATA_MAX (1u << 20)

struct nvio_user_conn {
	pthread_mutex_t lock; /* over a request and its reply */
	pthread_mutex_t send_lock; /* over a message out */
	int fd;
	uint16_t id;
	uint32_t max_data; /* bytes of one region access */
	uint32_t max_maps; /* regions of memory at a time */
	uint64_t page_sizes; /* a bit for each that memory can be mapped in */
	uint64_t timeout_ns; /* how long a reply, or the rest of a message, may take */
	const char *gone; /* why the server is; NULL: it is not. Atomic, set once */
	int gone_err;
	struct nvio_user_memory memory;
	struct nvio_user_reader reader;
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
	struct nvio_user_fds reply_fds; /* set: the caller's to close */
	int refused; /* set: the errno of the server */
};

/* Connects to the server at @path. Returns the socket or -errno. */
int nvio_user_connect(const char *path);

/* @fd is the connection's from here on. */
void nvio_user_conn_init(struct nvio_user_conn *conn, int fd);
void nvio_user_conn_fini(struct nvio_user_conn *conn);

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

/* For who reads the socket: the rest of a reply, whose @header and first @fds are there. Returns 0,
 * also when the server refused, or -errno. */
int nvio_user_take_reply(struct nvio_user_conn *conn, struct nvio_user_call *call,
			 const struct nvio_user_header *header, struct nvio_user_fds *fds,
			 uint64_t deadline);

#endif
