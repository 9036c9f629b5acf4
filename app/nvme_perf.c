/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvme_perf: measures NVMe namespaces through nvio, with the options of spdk_nvme_perf.
 *
 * Here are main(), the streams and the signals; the parts are in app/perf/. Public headers only.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <nvio/nvio.h>
#include "perf/opts.h"
#include "perf/qpairs.h"
#include "perf/report.h"
#include "perf/result.h"
#include "perf/target.h"
#include "perf/worker.h"

/* Where the report goes; json is NULL when not wanted. */
struct streams {
	FILE *text;
	FILE *json;
};

/*
 * Warnings of the set-up, kept until it has succeeded: what is not as fast as it could be is of no
 * interest beside the one line that says why nothing runs at all.
 */
static struct {
	bool on;
	char lines[4096];
} held;

static void log_line(void *arg, enum nvio_log_level level, const char *line)
{
	size_t used = strlen(held.lines);

	(void)arg;
	if (held.on && level == NVIO_LOG_WARN)
		snprintf(held.lines + used, sizeof(held.lines) - used, "%s\n", line);
	else
		perf_say("%s", line);
}

static void release_lines(void)
{
	char *rest = held.lines, *line;

	held.on = false;
	while ((line = strsep(&rest, "\n")) && rest)
		perf_say("%s", line);
}

/* Only sets a flag: what a second signal would do is done already. */
static void on_signal(int signal)
{
	(void)signal;
	perf_stop();
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	/* A reader that went away is an error of writing; controllers are still to be shut down. */
	signal(SIGPIPE, SIG_IGN);
}

/* The cores that run workers: those asked for, else the first of the process. */
static int choose_cores(const struct perf_opts *opts, struct cores *cores, struct perf_msg *msg)
{
	struct cores allowed;
	int err = cores_get_allowed(&allowed);

	if (err)
		return perf_fail(msg, "cannot read which cores are allowed: %s", strerror(-err));
	memset(cores, 0, sizeof(*cores));
	if (!cores_count(&opts->cores)) {
		cores_add(cores, cores_next(&allowed, 0));
		return 0;
	}
	*cores = opts->cores;
	return cores_check(cores, &allowed, (unsigned int)sysconf(_SC_NPROCESSORS_CONF), msg);
}

static int open_streams(const struct perf_opts *opts, struct streams *streams, struct perf_msg *msg)
{
	*streams = (struct streams){ .text = stdout };
	if (!opts->json)
		return 0;
	if (!strcmp(opts->json, "-")) {
		*streams = (struct streams){ .text = stderr, .json = stdout };
		return 0;
	}
	streams->json = fopen(opts->json, "we");
	if (!streams->json)
		return perf_fail(msg, "cannot write %s: %s", opts->json, strerror(errno));
	return 0;
}

/* Full disks are noticed when the last bytes go out. */
static int flush(FILE *stream, const char *name, struct perf_msg *msg)
{
	if (fflush(stream) || ferror(stream))
		return perf_fail(msg, "cannot write %s: %s", name, strerror(errno));
	return 0;
}

static int close_streams(const struct perf_opts *opts, struct streams *streams,
			 struct perf_msg *msg)
{
	int err = 0;

	if (streams->json)
		err = flush(streams->json, opts->json, msg);
	if (streams->json && streams->json != stdout)
		fclose(streams->json);
	return err ? err : flush(streams->text, "the results", msg);
}

/* Each submitted I/O has completed once, or the workers have said why not. */
static int check_accounts(const struct perf_qpairs *qpairs, struct perf_msg *msg)
{
	size_t i;

	for (i = 0; i < qpairs->nr; i++) {
		const struct perf_qpair *q = &qpairs->all[i];

		if (!q->failed &&
		    (q->stats.submitted != q->stats.completed || nvio_qpair_outstanding(q->handle)))
			return perf_fail(msg, "%s queue %u: submitted and completed I/Os differ",
					 q->ns->name, q->number);
	}
	return 0;
}

static int run(const struct perf_opts *opts, const struct cores *cores, struct perf_target *target,
	       struct perf_qpairs *qpairs, struct streams *streams, struct perf_msg *msg)
{
	struct perf_report report = {
		.opts = opts, .cores = cores, .target = target, .qpairs = qpairs
	};
	int err;

	release_lines();
	perf_report_plan(&report, streams->text);
	err = perf_run(opts, cores, qpairs, msg);
	if (!err)
		err = perf_figures_total(opts, qpairs, &report.total, msg);
	if (err)
		return err;
	report.interrupted = perf_stopping();
	perf_report_table(&report, streams->text);
	if (streams->json)
		perf_report_json(&report, streams->json);
	return check_accounts(qpairs, msg);
}

static int measure(const struct perf_opts *opts, struct perf_msg *msg)
{
	struct perf_target target;
	struct perf_qpairs qpairs;
	struct streams streams;
	struct cores cores;
	struct perf_msg ignored; /* an error that an earlier one makes unimportant */
	bool failed = false;
	int err, close_err;

	err = choose_cores(opts, &cores, msg);
	if (err)
		return err;
	err = perf_target_open(opts, cores_count(&cores), &target, msg);
	if (err)
		return err;
	err = perf_qpairs_open(opts, &cores, &target, &qpairs, msg);
	if (err)
		goto close_target;
	err = open_streams(opts, &streams, msg);
	if (err)
		goto close_qpairs;
	err = run(opts, &cores, &target, &qpairs, &streams, msg);
	failed = perf_result_failed(&qpairs);
	close_err = close_streams(opts, &streams, err ? &ignored : msg);
	err = err ? err : close_err;
close_qpairs:
	perf_qpairs_close(&target, &qpairs);
close_target:
	perf_target_close(&target);
	return err ? err : failed ? -EIO : 0;
}

int main(int argc, char **argv)
{
	struct perf_opts opts;
	struct perf_msg msg;
	int err;

	err = perf_opts_parse(argc, argv, &opts, &msg);
	if (!err) {
		catch_signals();
		held.on = !opts.verbose;
		nvio_log_set(log_line, NULL, opts.verbose ? NVIO_LOG_DEBUG : NVIO_LOG_WARN);
		err = measure(&opts, &msg);
		perf_opts_free(&opts);
	}
	if (msg.text[0])
		perf_say("%s", msg.text);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
