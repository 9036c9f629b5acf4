/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection: whole messages in, whole messages out, never waiting for the peer.
 */
#ifndef NVIO_EMU_CONN_H
#define NVIO_EMU_CONN_H

#include <stdbool.h>
#include "proto.h"

struct emu_conn {
	int fd; /* -1: nobody is connected */

	/* The message being received, header first. */
	uint8_t *in;
	size_t in_cap;
	size_t in_len;
	int fds[EMU_MSG_FDS];
	unsigned int nr_fds;
	bool too_many_fds;

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
 * Goes on with sending, then with receiving. Returns 1 with a whole message in @conn, 0 when there
 * is none yet, or -errno when the connection is of no more use: -ECONNRESET the peer left,
 * -EMSGSIZE a length out of bounds (the header is there), others from the socket.
 */
int nvio_emu_conn_receive(struct emu_conn *conn);

/* The message is handled: closes the descriptors that nobody took, makes room for the next. */
void nvio_emu_conn_done(struct emu_conn *conn);

static inline const struct emu_header *nvio_emu_conn_header(const struct emu_conn *conn)
{
	return (const struct emu_header *)conn->in;
}

/* Descriptor @i of the message, the caller's from now on. */
int nvio_emu_conn_take_fd(struct emu_conn *conn, unsigned int i);

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

#endif
