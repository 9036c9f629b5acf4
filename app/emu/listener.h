/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UNIX sockets by their paths: listening on one with care for what is there already, and reaching
 * one.
 */
#ifndef APP_EMU_LISTENER_H
#define APP_EMU_LISTENER_H

#include <sys/stat.h>
#include <sys/un.h>

#include "emu/options.h"

/* The socket as it was made, so that another's under the same name is not removed. */
struct listener {
	const char *path;
	int fd;
	struct stat st;
};

/* Returns 0, or -EINVAL with a sentence for a path that no socket can have. */
int socket_address(const char *path, struct sockaddr_un *address, struct emu_error *error);

/*
 * Listens on @path, which has to stay. A socket there that nobody listens on is replaced. Returns
 * 0, or -errno with a sentence.
 */
int listener_open(struct listener *listener, const char *path, struct emu_error *error);

/* Stops, and removes the socket. */
void listener_close(const struct listener *listener);

#endif
