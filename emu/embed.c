/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server in a thread of this process, behind a socket pair.
 *
 * It owns the thread. The client is in the same process but gets nothing that another process
 * would not: all goes through the socket and the memory that is shared over it.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "embed.h"
#include "server.h"

struct emu {
	struct emu_server *server;
	pthread_t thread;
	int fd; /* the server's end, the thread's */
};

static void *run(void *arg)
{
	struct emu *emu = arg;

	nvio_emu_server_run(emu->server, -1, emu->fd);
	return NULL;
}

/* Signals are the application's: none is ever delivered to this thread. */
static int start_thread(struct emu *emu, struct emu_error *error)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&emu->thread, NULL, run, emu);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		snprintf(error->text, sizeof(error->text), "cannot start a thread: %s",
			 strerror(err));
	else
		pthread_setname_np(emu->thread, "nvio-emu");
	return -err;
}

static int new_server(const char *options, struct emu_server **server, int *core,
		      struct emu_error *error)
{
	struct emu_opts *opts = malloc(sizeof(*opts));
	int err = -ENOMEM;

	if (!opts) {
		snprintf(error->text, sizeof(error->text), "no memory for a controller");
		return err;
	}
	nvio_emu_opts_default(opts);
	err = nvio_emu_opts_parse(opts, options, error);
	if (!err)
		err = nvio_emu_server_new(opts, server, error);
	*core = opts->core;
	free(opts);
	return err;
}

int nvio_emu_start(const char *options, struct emu **emu_out, int *fd, struct emu_error *error)
{
	struct emu *emu = calloc(1, sizeof(*emu));
	int ends[2], core, err;

	error->text[0] = '\0';
	if (!emu) {
		snprintf(error->text, sizeof(error->text), "no memory for a controller");
		return -ENOMEM;
	}
	err = new_server(options ? options : "", &emu->server, &core, error);
	if (err)
		goto free_emu;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
		err = -errno;
		snprintf(error->text, sizeof(error->text), "cannot make a socket pair: %s",
			 strerror(-err));
		goto free_server;
	}
	emu->fd = ends[0];
	err = start_thread(emu, error);
	if (err)
		goto close_ends;
	err = nvio_emu_server_pin(emu->thread, core, error);
	if (err)
		goto stop_thread;
	*emu_out = emu;
	*fd = ends[1];
	return 0;
stop_thread:
	close(ends[1]);
	nvio_emu_stop(emu);
	return err;
close_ends:
	close(ends[0]);
	close(ends[1]);
free_server:
	nvio_emu_server_free(emu->server);
free_emu:
	free(emu);
	return err;
}

void nvio_emu_stop(struct emu *emu)
{
	if (!emu)
		return;
	nvio_emu_server_stop(emu->server);
	pthread_join(emu->thread, NULL);
	nvio_emu_server_free(emu->server);
	free(emu);
}
