/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvio: finds NVMe controllers, hands them to vfio-pci and back, says what is missing, and shows
 * what VFIO says of a device.
 *
 * Here are main() and the command line; the subcommands are in app/nvio/. What /sys and /proc say
 * is read by lib/vfio, whose private headers this program uses: it prepares what the library needs.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "nvio/cmd.h"

static const struct cmd commands[] = {
	{ "list", "[--json]", "the NVMe controllers of this machine, and who uses them", CMD_JSON,
	  0, 0, cmd_list },
	{ "bind", "[--user NAME] [--group] [--force] [--json] DEVICE...",
	  "hands controllers to vfio-pci and remembers their drivers",
	  CMD_JSON | CMD_USER | CMD_GROUP | CMD_FORCE, 1, INT_MAX, cmd_bind },
	{ "restore", "[--force] [--json] DEVICE...|--all",
	  "gives controllers back to the drivers that they had", CMD_JSON | CMD_ALL | CMD_FORCE, 0,
	  INT_MAX, cmd_restore },
	{ "doctor", "[--json] [DEVICE]",
	  "walks through what has to be true, and says how to make it so", CMD_JSON, 0, 1,
	  cmd_doctor },
	{ "vfio", "[--vfio WAY] [--vf-token UUID] [--json] DEVICE",
	  "opens a device and prints everything that VFIO says of it",
	  CMD_JSON | CMD_WAY | CMD_TOKEN, 1, 1, cmd_vfio },
};

static const struct {
	struct option option;
	const char *value; /* what --help calls it */
	const char *help;
} options[] = {
	{ { "json", no_argument, NULL, CMD_JSON }, "", "print JSON instead of text" },
	{ { "user", required_argument, NULL, CMD_USER },
	  "=NAME",
	  "give this user access, so that root is not needed afterwards" },
	{ { "group", no_argument, NULL, CMD_GROUP },
	  "",
	  "take the other devices of its IOMMU group along" },
	{ { "all", no_argument, NULL, CMD_ALL }, "", "all that `nvio bind` has taken" },
	{ { "force", no_argument, NULL, CMD_FORCE },
	  "",
	  "even if it is in use, or no NVMe controller" },
	{ { "vfio", required_argument, NULL, CMD_WAY },
	  "=WAY",
	  "the way to it: group, cdev, noiommu or tce-v1" },
	{ { "vf-token", required_argument, NULL, CMD_TOKEN },
	  "=UUID",
	  "of a virtual function whose physical one has a token" },
	{ { "help", no_argument, NULL, CMD_HELP }, "", "print this" },
};

static void print_commands(FILE *out)
{
	size_t i;

	fputs("Usage: nvio COMMAND [OPTION...] [DEVICE...]\n\n"
	      "Prepares NVMe controllers for nvio. A DEVICE is a PCI address such as 0000:01:00.0.\n\n",
	      out);
	for (i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fputs("\n`nvio COMMAND --help` says more, the manual page nvio(1) everything;\n"
	      "`nvio --version` prints the version.\n",
	      out);
}

static void print_command(const struct cmd *cmd, FILE *out)
{
	size_t i;

	fprintf(out, "Usage: nvio %s %s\n\nnvio %s: %s.\n\n", cmd->name, cmd->synopsis, cmd->name,
		cmd->summary);
	for (i = 0; i < ARRAY_LEN(options); i++) {
		const struct option *o = &options[i].option;
		char name[32];

		if (o->val != CMD_HELP && !(cmd->opts & (unsigned int)o->val))
			continue;
		snprintf(name, sizeof(name), "--%s%s", o->name, options[i].value);
		fprintf(out, "  %-15s %s\n", name, options[i].help);
	}
}

/* One line, whatever the user typed. */
static void complain(const char *text)
{
	fputs("nvio: ", stderr);
	for (; *text; text++)
		fputc(iscntrl((unsigned char)*text) ? '?' : *text, stderr);
	fputc('\n', stderr);
}

static const struct cmd *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(commands); i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	nvio_error(EINVAL, "there is no command '%s': `nvio --help` lists them", name);
	return NULL;
}

static int check_devices(const struct cmd *cmd, const struct cmd_args *args)
{
	bool all = args->given & CMD_ALL;

	if (all && args->nr_devices)
		return nvio_error(EINVAL, "--all and a DEVICE: give one of them");
	if (args->nr_devices > cmd->max_devices)
		return nvio_error(EINVAL, "'%s' is too much: `nvio %s %s`",
				  args->devices[cmd->max_devices], cmd->name, cmd->synopsis);
	if (args->nr_devices < cmd->min_devices ||
	    (cmd->opts & CMD_ALL && !all && !args->nr_devices))
		return nvio_error(EINVAL, "no DEVICE: `nvio list` shows them; `nvio %s %s`",
				  cmd->name, cmd->synopsis);
	return 0;
}

/* @argv[0] is the command's name. */
static int parse(const struct cmd *cmd, int argc, char **argv, struct cmd_args *args)
{
	struct option list[ARRAY_LEN(options) + 1] = { 0 };
	size_t i, nr = 0;
	int opt;

	for (i = 0; i < ARRAY_LEN(options); i++) {
		if (options[i].option.val == CMD_HELP ||
		    cmd->opts & (unsigned int)options[i].option.val)
			list[nr++] = options[i].option;
	}
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":h", list, NULL)) != -1) {
		if (opt == ':')
			return nvio_error(EINVAL, "%s needs a value: `nvio %s --help`",
					  argv[optind - 1], cmd->name);
		if (opt == '?')
			return nvio_error(EINVAL, "'%s' is no option of nvio %s: `nvio %s --help`",
					  argv[optind - 1], cmd->name, cmd->name);
		args->given |= opt == 'h' ? CMD_HELP : (unsigned int)opt;
		if (opt == CMD_USER)
			args->user = optarg;
		if (opt == CMD_WAY)
			args->way = optarg;
		if (opt == CMD_TOKEN)
			args->vf_token = optarg;
	}
	args->devices = argv + optind;
	args->nr_devices = argc - optind;
	return args->given & CMD_HELP ? 0 : check_devices(cmd, args);
}

static int run(int argc, char **argv)
{
	struct cmd_args args = { 0 };
	const struct cmd *cmd;
	int ret;

	if (argc < 2)
		return nvio_error(EINVAL, "no command: `nvio --help` lists them");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_commands(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("nvio %s\n", nvio_version());
		return 0;
	}
	cmd = find_command(argv[1]);
	if (!cmd)
		return -EINVAL;
	ret = parse(cmd, argc - 1, argv + 1, &args);
	if (ret)
		return ret;
	if (args.given & CMD_HELP) {
		print_command(cmd, stdout);
		return 0;
	}
	return cmd->run(&args, stdout);
}

int main(int argc, char **argv)
{
	int ret;

	setlocale(LC_CTYPE, "");
	ret = run(argc, argv);
	if ((fflush(stdout) || ferror(stdout)) && ret >= 0)
		ret = nvio_error(EIO, "cannot write the output: %s", strerror(errno));
	if (ret < 0)
		complain(nvio_last_error());
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
