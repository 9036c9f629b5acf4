/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vfio-user client for tests of the server, written from the specification alone: messages are
 * put together by offset, nothing is shared with emu/.
 *
 * The server is stepped by the test, in the same thread: a request is sent, the server gets its
 * turn, the reply is there.
 */
#ifndef TEST_UNIT_EMU_CLIENT_H
#define TEST_UNIT_EMU_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/server.h"

struct client {
	struct emu_server *server;
	int fd;
	bool alive; /* the server has not closed the connection */
	uint16_t id; /* of the next request */

	/* The last reply. */
	uint8_t reply[70000];
	size_t reply_len; /* with its header */
	int reply_fd; /* -1: none */
};

void put16(uint8_t *at, uint16_t value);
void put32(uint8_t *at, uint32_t value);
void put64(uint8_t *at, uint64_t value);
uint16_t get16(const uint8_t *at);
uint32_t get32(const uint8_t *at);
uint64_t get64(const uint8_t *at);

/* A server of its own with default options, and a connection to it, without VERSION. */
void client_open(struct client *c);
/* The connection ends, and another begins. */
void client_reconnect(struct client *c);
void client_close(struct client *c);
/* Lets the server handle what was sent; closes the connection when the server wants that. */
void client_step(struct client *c);

/* Sends @len bytes as they are, with descriptors. */
void client_send(struct client *c, const void *data, size_t len, const int *fds, unsigned int nr);

/*
 * A request and its reply. Returns 0, the errno of an error reply (or 1 when it names none), or
 * -1 when there is no reply or it is malformed. The payload of the reply is at c->reply + 16.
 */
int client_request(struct client *c, uint16_t command, const void *payload, size_t len,
		   const int *fds, unsigned int nr);

/* Requests with their results as above. */
int client_version(struct client *c, uint16_t minor, const char *json);
int client_map(struct client *c, uint64_t iova, uint64_t len, int fd, uint64_t offset,
	       uint32_t flags);
int client_unmap(struct client *c, uint64_t iova, uint64_t len, uint32_t flags);
int client_region_info(struct client *c, uint32_t index, uint32_t argsz);
int client_set_irqs(struct client *c, uint32_t flags, uint32_t index, uint32_t start,
		    uint32_t count, const int *fds, unsigned int nr);
int client_read(struct client *c, uint32_t region, uint64_t offset, void *data, uint32_t len);
int client_write(struct client *c, uint32_t region, uint64_t offset, const void *data,
		 uint32_t len);
uint32_t client_read32(struct client *c, uint32_t region, uint64_t offset);
int client_write32(struct client *c, uint32_t region, uint64_t offset, uint32_t value);

/* Entries of /proc/self/fd. */
unsigned int count_fds(void);
/* What an eventfd has counted since it was last asked, 0 for nothing. */
uint64_t events_of(int fd);

#endif
