/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvme_emu: an NVMe controller in software on a UNIX socket, for vfio-user clients.
 *
 * Here are the command line and the signals. What a controller is made of is emu/options.h's, what
 * clients get to see emu/server.h's.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <nvio/base.h>

#include "emu/complain.h"
#include "emu/ctl.h"
#include "emu/listener.h"
#include "emu/server.h"

struct parsing {
	struct emu_opts *opts;
	const char *socket;
	const char *control;
};

static const struct argp_option options[] = {
	{ "socket", 's', "PATH", 0, "UNIX socket to listen on. Required", 1 },
	{ "control", 'c', "PATH", 0,
	  "A second socket, for `nvme_emu ctl PATH COMMAND...`: faults while a client is served",
	  1 },
	{ "ns", 'n', "KEY=VALUE,...", 0,
	  "A namespace: size, lba, md, extended, pi, guard, null, file. Repeat it for more "
	  "(default one of 1 GiB in memory)",
	  2 },
	{ "options", 'o', "KEY=VALUE,...", 0,
	  "The controller: mdts, queues, entries, mpsmin, mpsmax, dstrd, to, vectors, core, vwc, "
	  "latency, serial, model, fw, shadow, mmap, wrr, hmb, kato, media, states, fault",
	  2 },
	{ "fault", 'f', "FAULT", 0,
	  "Misbehave, as nvme_emu(1) says: \"drop opcode=2 count=3\". Repeat it for more", 2 },
	{ 0 },
};

static struct emu_server *server;

static int take_path(const char **path, char *arg, const char *option)
{
	if (*path)
		return complain("%s is given twice: %s and %s", option, *path, arg);
	*path = arg;
	return 0;
}

/* argp wants positive errnos. */
static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct parsing *p = state->input;
	struct emu_error error;

	switch (key) {
	case ARGP_KEY_INIT:
		/* getopt says in one line what is wrong; argp's "Try --help" would be a second. */
		state->err_stream = NULL;
		return 0;
	case 's':
		return -take_path(&p->socket, arg, "--socket");
	case 'c':
		return -take_path(&p->control, arg, "--control");
	case 'n':
		if (nvio_emu_opts_add_ns(p->opts, arg, &error))
			return -complain("--ns '%s': %s", arg, error.text);
		return 0;
	case 'o':
		if (nvio_emu_opts_parse(p->opts, arg, &error))
			return -complain("--options '%s': %s", arg, error.text);
		return 0;
	case 'f':
		if (nvio_emu_opts_add_fault(p->opts, arg, &error))
			return -complain("--fault '%s': %s", arg, error.text);
		return 0;
	case ARGP_KEY_ARG:
		return -complain("'%s' is no option; namespaces are given with --ns", arg);
	case ARGP_KEY_END:
		if (!p->socket)
			return -complain("no socket: name one with --socket PATH");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void print_version(FILE *out, struct argp_state *state)
{
	(void)state;
	fprintf(out, "nvme_emu (nvio) %s\n", nvio_version());
}

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "\nctl CONTROL COMMAND...",
	.doc = "Serves an NVMe controller in software over vfio-user, to one client after another, "
	       "until it is told to end by SIGTERM or SIGINT.",
};

static void on_signal(int signal)
{
	(void)signal;
	nvio_emu_server_stop(server);
}

/* A client that cuts its memory off hurts itself; anything else of this kind is a bug of ours. */
static void on_bus_error(int signal, siginfo_t *info, void *context)
{
	struct sigaction fatal = { .sa_handler = SIG_DFL };

	(void)context;
	if (!nvio_emu_dma_rescue(&server->dma, info->si_addr))
		sigaction(signal, &fatal, NULL);
}

/* Without SA_RESTART: a system call that a client makes the server wait in is to end. */
static void catch_signals(void)
{
	struct sigaction stop = { .sa_handler = on_signal };
	struct sigaction bus = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	sigaction(SIGBUS, &bus, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* A write beyond the limit of file sizes is an error of that write. */
	signal(SIGXFSZ, SIG_IGN);
}

static int listen_for_control(const struct parsing *p, struct listener *control)
{
	struct emu_error error;

	if (!p->control)
		return 0;
	if (listener_open(control, p->control, &error))
		return complain("%s", error.text);
	server->control.listen_fd = control->fd;
	return 0;
}

static int serve(const struct parsing *p)
{
	struct listener listener, control;
	struct emu_error error;
	int err;

	if (nvio_emu_server_new(p->opts, &server, &error))
		return complain("%s", error.text);
	err = nvio_emu_server_pin(pthread_self(), p->opts->core, &error);
	if (err) {
		complain("%s", error.text);
		goto free_server;
	}
	catch_signals();
	err = listener_open(&listener, p->socket, &error);
	if (err) {
		complain("%s", error.text);
		goto free_server;
	}
	err = listen_for_control(p, &control);
	if (err)
		goto close_listener;
	printf("listening on %s\n", p->socket);
	fflush(stdout);
	err = nvio_emu_server_run(server, listener.fd, -1);
	if (err)
		complain("%s: %s", p->socket, strerror(-err));
	if (p->control)
		listener_close(&control);
close_listener:
	listener_close(&listener);
free_server:
	nvio_emu_server_free(server);
	return err;
}

int main(int argc, char **argv)
{
	static struct emu_opts opts;
	struct parsing p = { .opts = &opts };
	static char name[] = "nvme_emu", ctl_name[] = "nvme_emu ctl";

	/* getopt begins its lines with argv[0], path and all. */
	if (argc)
		argv[0] = name;
	argp_program_version_hook = print_version;
	if (argc > 1 && !strcmp(argv[1], "ctl")) {
		argv[1] = ctl_name;
		return ctl_main(argc - 1, argv + 1);
	}
	nvio_emu_opts_default(&opts);
	if (argp_parse(&argp, argc, argv, 0, NULL, &p))
		return EXIT_FAILURE;
	return serve(&p) ? EXIT_FAILURE : EXIT_SUCCESS;
}
