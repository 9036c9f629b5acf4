/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a subcommand of nvio is: a row of a table, with the options that it takes.
 *
 * A subcommand writes its results to a stream. When it fails, the sentence behind the failure is
 * set (nvio_error()), and main() prints it: one failure makes one line.
 */
#ifndef NVIO_APP_CMD_H
#define NVIO_APP_CMD_H

#include <stdbool.h>
#include <stdio.h>

/* Options, a bit each. */
enum cmd_opt {
	CMD_JSON = 1,
	CMD_FORCE = 2,
	CMD_GROUP = 4,
	CMD_ALL = 8,
	CMD_USER = 16,
	CMD_WAY = 32,
	CMD_HELP = 64,
	CMD_TOKEN = 128,
};

struct cmd_args {
	unsigned int given; /* enum cmd_opt */
	const char *user;
	const char *way; /* of --vfio */
	const char *vf_token;
	char **devices;
	int nr_devices;
};

struct cmd {
	const char *name;
	const char *synopsis; /* what stands behind the name */
	const char *summary;
	unsigned int opts; /* that it takes, besides --help */
	int min_devices, max_devices;
	/* Returns 0; 1 when the answer is no, which the output says; -errno with the sentence. */
	int (*run)(const struct cmd_args *args, FILE *out);
};

int cmd_list(const struct cmd_args *args, FILE *out);
int cmd_bind(const struct cmd_args *args, FILE *out);
int cmd_restore(const struct cmd_args *args, FILE *out);
int cmd_doctor(const struct cmd_args *args, FILE *out);
int cmd_vfio(const struct cmd_args *args, FILE *out);

#endif
