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

/* Memory of messages that are put off, and their descriptors: a few of the longest, thousands of
 * the usual. */
#define LATE_MAX     (4ul * EMU_MSG_MAX)
#define LATE_FDS_MAX 128u

void nvio_emu_conn_open(struct emu_conn *conn, int fd)
{
	memset(conn, 0, sizeof(*conn));
	conn->fd = fd;
	conn->out_fd = -1;
	conn->late_end = &conn->late;
}

static void close_fds(struct emu_message *message)
{
	unsigned int i;

	for (i = 0; i < message->nr_fds; i++)
		if (message->fds[i] >= 0)
			close(message->fds[i]);
	message->nr_fds = 0;
	message->too_many_fds = false;
}

static void release(struct emu_message *message)
{
	close_fds(message);
	free(message->data);
}

static size_t late_cost(const struct emu_message *message)
{
	return sizeof(*message) + message->len;
}

/* Takes the oldest of the messages that were put off out of their list. */
static struct emu_message *pop_late(struct emu_conn *conn)
{
	struct emu_message *late = conn->late;

	if (!late)
		return NULL;
	conn->late = late->next;
	if (!conn->late)
		conn->late_end = &conn->late;
	conn->late_len -= late_cost(late);
	conn->late_fds -= late->nr_fds;
	return late;
}

void nvio_emu_conn_close(struct emu_conn *conn)
{
	struct emu_message *late;

	if (conn->fd < 0)
		return;
	while ((late = pop_late(conn))) {
		release(late);
		free(late);
	}
	release(&conn->in);
	release(&conn->rx);
	close(conn->fd);
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
static void keep_fds(struct emu_message *message, struct msghdr *msg)
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
			if (message->nr_fds < EMU_MSG_FDS) {
				message->fds[message->nr_fds++] = fd;
			} else {
				close(fd);
				message->too_many_fds = true;
			}
		}
	}
	if (msg->msg_flags & MSG_CTRUNC)
		message->too_many_fds = true;
}

/*
 * Reads on until @len bytes of the message are there: 1 when they are. Never more than that:
 * descriptors come with the bytes they were sent with, so a read that ran into the next message
 * could not tell whose they are.
 */
static int fill(int fd, struct emu_message *message, size_t len)
{
	while (message->len < len) {
		union {
			char buf[CMSG_SPACE(EMU_MSG_FDS * sizeof(int))];
			struct cmsghdr align;
		} control;
		struct iovec iov = { message->data + message->len, len - message->len };
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.buf,
			.msg_controllen = sizeof(control.buf),
		};
		ssize_t got = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? 0 : -errno;
		keep_fds(message, &msg);
		if (!got)
			return -ECONNRESET;
		message->len += (size_t)got;
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

/* What was received becomes the message to be handled; their buffers change places. */
static void deliver(struct emu_conn *conn)
{
	struct emu_message empty = { .data = conn->in.data, .cap = conn->in.cap };

	conn->in = conn->rx;
	conn->rx = empty;
}

int nvio_emu_conn_receive_now(struct emu_conn *conn)
{
	const size_t header_len = sizeof(struct emu_header);
	struct emu_message *rx = &conn->rx;
	size_t len;
	int ret;

	if (grow(&rx->data, &rx->cap, header_len))
		return -ENOMEM;
	ret = fill(conn->fd, rx, header_len);
	if (ret <= 0)
		return ret;
	len = ((const struct emu_header *)rx->data)->len;
	if (len < header_len || len > EMU_MSG_MAX) {
		deliver(conn);
		return -EMSGSIZE;
	}
	if (grow(&rx->data, &rx->cap, len))
		return -ENOMEM;
	ret = fill(conn->fd, rx, len);
	if (ret > 0)
		deliver(conn);
	return ret;
}

int nvio_emu_conn_receive(struct emu_conn *conn)
{
	struct emu_message *late;
	int ret = transmit(conn);

	/* A peer that does not read its replies gets no further request in. */
	if (ret <= 0)
		return ret;
	late = pop_late(conn);
	if (!late)
		return nvio_emu_conn_receive_now(conn);
	release(&conn->in);
	conn->in = *late;
	free(late);
	return 1;
}

int nvio_emu_conn_put_off(struct emu_conn *conn)
{
	struct emu_message *late;
	uint8_t *data;

	if (conn->late_len + late_cost(&conn->in) > LATE_MAX ||
	    conn->late_fds + conn->in.nr_fds > LATE_FDS_MAX)
		return -ENOBUFS;
	late = malloc(sizeof(*late));
	/* Its buffer may have room for much more. */
	data = realloc(conn->in.data, conn->in.len);
	if (data) {
		conn->in.data = data;
		conn->in.cap = conn->in.len;
	}
	if (!late || !data) {
		free(late);
		return -ENOMEM;
	}
	*late = conn->in;
	late->next = NULL;
	*conn->late_end = late;
	conn->late_end = &late->next;
	conn->late_len += late_cost(late);
	conn->late_fds += late->nr_fds;
	memset(&conn->in, 0, sizeof(conn->in));
	return 0;
}

void nvio_emu_conn_done(struct emu_conn *conn)
{
	close_fds(&conn->in);
	conn->in.len = 0;
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

static void advance(struct iovec *iov, unsigned int nr, size_t len)
{
	for (unsigned int i = 0; i < nr && len; i++) {
		size_t n = len < iov[i].iov_len ? len : iov[i].iov_len;

		iov[i].iov_base = (uint8_t *)iov[i].iov_base + n;
		iov[i].iov_len -= n;
		len -= n;
	}
}

static bool is_empty(const struct iovec *iov, unsigned int nr)
{
	while (nr && !iov[nr - 1].iov_len)
		nr--;
	return !nr;
}

int nvio_emu_conn_push(struct emu_conn *conn, struct iovec *iov, unsigned int nr)
{
	int ret = transmit(conn);

	if (ret <= 0)
		return ret;
	while (!is_empty(iov, nr)) {
		struct msghdr msg = { .msg_iov = iov, .msg_iovlen = nr };
		ssize_t sent = sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? 0 : -errno;
		advance(iov, nr, (size_t)sent);
	}
	return 1;
}
