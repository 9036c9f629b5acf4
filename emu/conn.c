/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages over a UNIX stream socket.
 *
 * It owns the socket, both buffers and each received descriptor until somebody takes it. It never
 * blocks: a peer that stops in the middle of a message, or does not read its replies, only stops
 * its own connection. It knows headers and lengths; what is inside is the server's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "conn.h"

/* Buffers begin with this and grow to what a message needs. */
#define CAP_MIN 8192u

void nvio_emu_conn_open(struct emu_conn *conn, int fd)
{
	memset(conn, 0, sizeof(*conn));
	conn->fd = fd;
	conn->out_fd = -1;
}

static void close_fds(struct emu_conn *conn)
{
	unsigned int i;

	for (i = 0; i < conn->nr_fds; i++)
		if (conn->fds[i] >= 0)
			close(conn->fds[i]);
	conn->nr_fds = 0;
	conn->too_many_fds = false;
}

void nvio_emu_conn_close(struct emu_conn *conn)
{
	if (conn->fd < 0)
		return;
	close_fds(conn);
	close(conn->fd);
	free(conn->in);
	free(conn->out);
	nvio_emu_conn_open(conn, -1);
}

static int grow(uint8_t **buf, size_t *cap, size_t len)
{
	size_t new_cap = len > CAP_MIN ? len : CAP_MIN;
	uint8_t *p;

	if (len <= *cap)
		return 0;
	p = realloc(*buf, new_cap);
	if (!p)
		return -ENOMEM;
	*buf = p;
	*cap = new_cap;
	return 0;
}

/* Descriptors beyond the limit are closed at once, and the message will be refused. */
static void keep_fds(struct emu_conn *conn, struct msghdr *msg)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t nr, i;

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		nr = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < nr; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
			if (conn->nr_fds < EMU_MSG_FDS) {
				conn->fds[conn->nr_fds++] = fd;
			} else {
				close(fd);
				conn->too_many_fds = true;
			}
		}
	}
	if (msg->msg_flags & MSG_CTRUNC)
		conn->too_many_fds = true;
}

/*
 * Reads on until @len bytes of the message are there: 1 when they are. Never more than that:
 * descriptors come with the bytes they were sent with, so a read that ran into the next message
 * could not tell whose they are.
 */
static int fill(struct emu_conn *conn, size_t len)
{
	while (conn->in_len < len) {
		union {
			char buf[CMSG_SPACE(EMU_MSG_FDS * sizeof(int))];
			struct cmsghdr align;
		} control;
		struct iovec iov = { conn->in + conn->in_len, len - conn->in_len };
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.buf,
			.msg_controllen = sizeof(control.buf),
		};
		ssize_t got = recvmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? 0 : -errno;
		keep_fds(conn, &msg);
		if (!got)
			return -ECONNRESET;
		conn->in_len += (size_t)got;
	}
	return 1;
}

static int transmit(struct emu_conn *conn)
{
	while (nvio_emu_conn_sending(conn)) {
		union {
			char buf[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} control = { 0 };
		struct iovec iov = { conn->out + conn->out_sent, conn->out_len - conn->out_sent };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t sent;

		if (conn->out_fd >= 0) {
			struct cmsghdr *cmsg = &control.align;

			cmsg->cmsg_level = SOL_SOCKET;
			cmsg->cmsg_type = SCM_RIGHTS;
			cmsg->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(cmsg), &conn->out_fd, sizeof(int));
			msg.msg_control = control.buf;
			msg.msg_controllen = sizeof(control.buf);
		}
		sent = sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? 0 : -errno;
		/* The descriptor left with the first byte. */
		conn->out_fd = -1;
		conn->out_sent += (size_t)sent;
	}
	return 1;
}

int nvio_emu_conn_receive(struct emu_conn *conn)
{
	const size_t header_len = sizeof(struct emu_header);
	size_t len;
	int ret = transmit(conn);

	/* A peer that does not read its replies gets no further request in. */
	if (ret <= 0)
		return ret;
	if (grow(&conn->in, &conn->in_cap, header_len))
		return -ENOMEM;
	if (conn->in_len < header_len) {
		ret = fill(conn, header_len);
		if (ret <= 0)
			return ret;
	}
	len = nvio_emu_conn_header(conn)->len;
	if (len < header_len || len > EMU_MSG_MAX)
		return -EMSGSIZE;
	if (grow(&conn->in, &conn->in_cap, len))
		return -ENOMEM;
	return fill(conn, len);
}

void nvio_emu_conn_done(struct emu_conn *conn)
{
	close_fds(conn);
	conn->in_len = 0;
}

int nvio_emu_conn_take_fd(struct emu_conn *conn, unsigned int i)
{
	int fd = conn->fds[i];

	conn->fds[i] = -1;
	return fd;
}

void *nvio_emu_conn_reply(struct emu_conn *conn, size_t len)
{
	const size_t header_len = sizeof(struct emu_header);

	if (grow(&conn->out, &conn->out_cap, header_len + len))
		return NULL;
	memset(conn->out, 0, header_len + len);
	conn->out_fd = -1;
	conn->out_len = header_len + len;
	conn->out_sent = conn->out_len;
	return conn->out + header_len;
}

void nvio_emu_conn_reply_len(struct emu_conn *conn, size_t len)
{
	conn->out_len = sizeof(struct emu_header) + len;
	conn->out_sent = conn->out_len;
}

int nvio_emu_conn_send(struct emu_conn *conn, int error)
{
	const struct emu_header *in = nvio_emu_conn_header(conn);
	struct emu_header *out;
	int ret;

	if (error && !nvio_emu_conn_reply(conn, 0))
		return -ENOMEM;
	out = (struct emu_header *)conn->out;
	out->id = in->id;
	out->command = in->command;
	out->len = (uint32_t)conn->out_len;
	out->flags = EMU_MSG_REPLY | (error ? EMU_MSG_ERROR : 0);
	out->error = (uint32_t)error;
	conn->out_sent = 0;
	ret = transmit(conn);
	return ret < 0 ? ret : 0;
}
