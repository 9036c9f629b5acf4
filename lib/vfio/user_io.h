/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The socket to a vfio-user server: pieces of messages in and out, each with a deadline, and the
 * end of it.
 *
 * Any thread may send; one at a time reads.
 */
#ifndef NVIO_LIB_VFIO_USER_IO_H
#define NVIO_LIB_VFIO_USER_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define NVIO_USER_FDS 16

struct nvio_user_conn;
struct nvio_user_header;

/* Descriptors that came with a message. */
struct nvio_user_fds {
	int fd[NVIO_USER_FDS];
	size_t nr;
};

void nvio_user_fds_close(struct nvio_user_fds *fds);

/*
 * The server is gone: what it may still say counts no more, and whoever waits for it is told. The
 * first reason counts; @why is a constant. Returns -@err.
 */
int nvio_user_give_up(struct nvio_user_conn *conn, int err, const char *why);

/* Why the server is gone, or NULL. */
const char *nvio_user_gone(const struct nvio_user_conn *conn);

/*
 * Below, 0 or what nvio_user_give_up() returned: -ETIMEDOUT, -ENODEV, -errno. @deadline is of
 * nvio_now(); UINT64_MAX for none.
 */

/* Waits until there is something to read. */
int nvio_user_wait(struct nvio_user_conn *conn, uint64_t deadline);

/* Sends a message, whole: header, payload and fds leave in one piece where the socket takes it, as
 * some servers count on it. Uses @iov up. */
int nvio_user_send(struct nvio_user_conn *conn, struct iovec *iov, int nr_iov, const int *fds,
		   size_t nr_fds, uint64_t deadline);

/* Reads @len bytes; adds the fds that come with them, as far as there is room. */
int nvio_user_receive(struct nvio_user_conn *conn, struct nvio_user_fds *fds, void *buf, size_t len,
		      uint64_t deadline);

/* The same for a header; what it says of the message's length is at least its own. */
int nvio_user_receive_header(struct nvio_user_conn *conn, struct nvio_user_fds *fds,
			     struct nvio_user_header *header, uint64_t deadline);

#endif
