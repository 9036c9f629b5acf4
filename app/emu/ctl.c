/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client of a control socket; see emu/control.h for what is said there.
 */
#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "emu/complain.h"
#include "emu/control.h"
#include "emu/ctl.h"
#include "emu/listener.h"

/* A server that waits for nobody answers within milliseconds; one whose machine is busy, later. */
#define TIMEOUT_MS 10000

struct request {
	const char *path;
	char line[EMU_CONTROL_LINE];
	size_t len;
};

static int add_word(struct request *request, const char *word)
{
	size_t room = sizeof(request->line) - request->len;
	int len =
		snprintf(request->line + request->len, room, "%s%s", request->len ? " " : "", word);

	/* The newline needs a byte too. */
	if ((size_t)len + 1 >= room)
		return complain("ctl: a command has at most %zu bytes", sizeof(request->line) - 2);
	request->len += (size_t)len;
	return 0;
}

static error_t parse_word(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->err_stream = NULL;
		return 0;
	case ARGP_KEY_ARG:
		if (strchr(arg, '\n'))
			return -complain("ctl: a command is one line");
		if (request->path)
			return -add_word(request, arg);
		request->path = arg;
		return 0;
	case ARGP_KEY_END:
		if (!request->path || !request->len)
			return -complain("ctl: needs the path of a control socket, and a command");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.parser = parse_word,
	.args_doc = "CONTROL COMMAND...",
	.doc = "Sends a command to the nvme_emu whose --control is CONTROL, and prints its answer.\v"
	       "Commands: a fault as --fault takes it (\"drop opcode=2 count=3\"), list, clear, "
	       "back, status.",
};

static int connect_to(const char *path)
{
	struct timeval timeout = { .tv_sec = TIMEOUT_MS / 1000 };
	struct sockaddr_un address;
	struct emu_error error;
	int fd;

	if (socket_address(path, &address, &error))
		return complain("ctl: %s", error.text);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return complain("ctl: cannot make a socket: %s", strerror(errno));
	/* Bounds connecting too. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (!connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED)
		complain("ctl: no nvme_emu listens at %s: %s", path, strerror(errno));
	else
		complain("ctl: cannot connect to %s: %s", path, strerror(errno));
	close(fd);
	return -EINVAL;
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Reads until the end of the line. Returns 0 or -errno; -EPIPE when the server hung up before. */
static int receive(int fd, char *line, size_t room)
{
	long deadline = now_ms() + TIMEOUT_MS;
	size_t len = 0;

	while (len < room) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		long left = deadline - now_ms();
		ssize_t got;

		if (left <= 0 || poll(&ready, 1, (int)left) <= 0)
			return -ETIMEDOUT;
		got = recv(fd, line + len, room - len, 0);
		if (!got || (got < 0 && errno == ECONNRESET))
			return -EPIPE;
		if (got < 0)
			return -errno;
		len += (size_t)got;
		if (line[len - 1] == '\n') {
			line[len - 1] = '\0';
			return 0;
		}
	}
	return -EMSGSIZE;
}

/* Returns whether what was asked was done. */
static bool show(const char *line)
{
	if (!strcmp(line, "ok") || !strncmp(line, "ok ", 3)) {
		puts(line[2] ? line + 3 : line);
		return true;
	}
	complain("%s", strncmp(line, "error: ", 7) ? line : line + 7);
	return false;
}

static int ask(int fd, struct request *request)
{
	char answer[EMU_CONTROL_ANSWER];
	int err;

	request->line[request->len] = '\n';
	if (send(fd, request->line, request->len + 1, MSG_NOSIGNAL) != (ssize_t)request->len + 1)
		return complain("ctl: cannot send: %s", strerror(errno));
	err = receive(fd, answer, sizeof(answer));
	if (err == -ETIMEDOUT)
		return complain("ctl: no answer from %s within %d s", request->path,
				TIMEOUT_MS / 1000);
	if (err == -EPIPE)
		return complain("ctl: %s hung up without an answer", request->path);
	if (err)
		return complain("ctl: cannot read the answer: %s", strerror(-err));
	return show(answer) ? 0 : -EINVAL;
}

int ctl_main(int argc, char **argv)
{
	struct request request = { .path = NULL };
	int fd, err;

	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &request))
		return EXIT_FAILURE;
	fd = connect_to(request.path);
	if (fd < 0)
		return EXIT_FAILURE;
	err = ask(fd, &request);
	close(fd);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
