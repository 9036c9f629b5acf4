/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection: whole messages in, whole messages out, never waiting for the peer.
 */
#ifndef NVIO_EMU_CONN_H
#define NVIO_EMU_CONN_H

#include <stdbool.h>
#include <sys/uio.h>

#include "proto.h"

/* A message and its descriptors, header first. */
struct emu_message {
	uint8_t *data;
	size_t cap;
	size_t len;
	int fds[EMU_MSG_FDS];
	unsigned int nr_fds;
	bool too_many_fds;
	struct emu_message *next; /* of those put off */
};

struct emu_conn {
	int fd; /* -1: nobody is connected */
	struct emu_message in; /* the message to be handled */
	struct emu_message rx; /* the one that is being received */

	/* Messages that were put off, the oldest first. */
	struct emu_message *late;
	struct emu_message **late_end;
	size_t late_len; /* the memory that they take, about */
	unsigned int late_fds;

	/* The reply being built or sent, header first. */
	uint8_t *out;
	size_t out_cap;
	size_t out_len;
	size_t out_sent;
	int out_fd; /* borrowed from the caller until it has left */
};

/* Takes @fd. */
void nvio_emu_conn_open(struct emu_conn *conn, int fd);
void nvio_emu_conn_close(struct emu_conn *conn);

/*
 * Goes on with sending, then with receiving. Returns 1 with a whole message in @conn->in, 0 when
 * there is none yet, or -errno when the connection is of no more use: -ECONNRESET the peer left,
 * -EMSGSIZE a length out of bounds (the header is there), others from the socket.
 */
int nvio_emu_conn_receive(struct emu_conn *conn);

/* Receives alone, and only what was not put off: while an answer of the peer's is waited for.
 * Returns as above. */
int nvio_emu_conn_receive_now(struct emu_conn *conn);

/*
 * Puts the message in @conn->in off: nvio_emu_conn_receive() gives it before what came later.
 * Returns 0; -ENOBUFS when the peer has sent too much meanwhile; -ENOMEM.
 */
int nvio_emu_conn_put_off(struct emu_conn *conn);

/* The message is handled: closes the descriptors that nobody took by making them -1, and makes room
 * for the next. */
void nvio_emu_conn_done(struct emu_conn *conn);

static inline const struct emu_header *nvio_emu_conn_header(const struct emu_conn *conn)
{
	return (const struct emu_header *)conn->in.data;
}

/*
 * Room for a reply with @len bytes of payload behind its header. Returns where the payload goes,
 * zeroed, or NULL.
 */
void *nvio_emu_conn_reply(struct emu_conn *conn, size_t len);

/* Makes the reply as long as its payload turned out: at most what nvio_emu_conn_reply() got. */
void nvio_emu_conn_reply_len(struct emu_conn *conn, size_t len);

/*
 * Sends the reply to the message in @conn: with what nvio_emu_conn_reply() prepared, or a header
 * alone when @error (a positive errno) is set.
 */
int nvio_emu_conn_send(struct emu_conn *conn, int error);

/* Whether a part of a reply waits for the peer to read. */
static inline bool nvio_emu_conn_sending(const struct emu_conn *conn)
{
	return conn->out_sent < conn->out_len;
}

/*
 * Goes on with a request of the server's own, behind what is left of a reply: takes what it has
 * sent off the front of @iov. Returns 1 when all has left, 0 when the peer has to read first, or
 * -errno.
 */
int nvio_emu_conn_push(struct emu_conn *conn, struct iovec *iov, unsigned int nr);

#endif
