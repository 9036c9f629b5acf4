/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvio doctor: whether devices can be driven by whoever asks, and what to do about it if not.
 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "nvio/cmd.h"
#include "nvio/doctor.h"
#include "nvio/function.h"

const char *doctor_user(void)
{
	static char number[16];
	const struct passwd *user = getpwuid(geteuid());

	snprintf(number, sizeof(number), "%u", geteuid());
	return user ? user->pw_name : number;
}

const char *doctor_sudo(void)
{
	return geteuid() ? "sudo " : "";
}

/* Returns whether all was well in what @walk looked at. */
static bool section(struct doctor *d, const char *name, bool machine)
{
	if (d->json) {
		json_open(d->json, NULL, '{');
		json_str(d->json, "device", machine ? NULL : name);
		json_open(d->json, "checks", '[');
	} else {
		fprintf(d->out, "%s\n", name);
	}
	d->bad = false;
	if (machine)
		doctor_machine(d);
	else
		doctor_device(d, name);
	if (d->json) {
		json_close(d->json, ']');
		json_bool(d->json, "good", !d->bad);
		json_close(d->json, '}');
	}
	return !d->bad;
}

static void conclude(const struct doctor *d, size_t nr, size_t nr_good, bool machine)
{
	if (d->json)
		return;
	if (!nr)
		fputs("no NVMe controller\n", d->out);
	else if (!machine)
		fputs("no device can be driven\n", d->out);
	else
		fprintf(d->out, "%zu of %zu device%s can be driven by %s\n", nr_good, nr,
			nr == 1 ? "" : "s", doctor_user());
}

static int name_devices(const struct cmd_args *args, struct names *names)
{
	static char one[1][NVIO_PCI_NAME_LEN];

	if (!args->nr_devices)
		return function_controllers(names);
	*names = (struct names){ one, 1 };
	return nvio_pci_name(args->devices[0], one[0]);
}

int cmd_doctor(const struct cmd_args *args, FILE *out)
{
	struct json json = { .out = out };
	struct doctor d = { .out = out, .json = args->given & CMD_JSON ? &json : NULL };
	size_t i, nr_good = 0;
	struct names names;
	bool machine;
	int err = name_devices(args, &names);

	if (err)
		return err;
	if (d.json) {
		json_open(&json, NULL, '{');
		json_open(&json, "sections", '[');
	}
	machine = section(&d, "machine", true);
	for (i = 0; i < names.nr; i++)
		nr_good += section(&d, names.name[i], false);
	conclude(&d, names.nr, nr_good, machine);
	if (d.json) {
		json_close(&json, ']');
		json_str(&json, "user", doctor_user());
		json_bool(&json, "can_drive", machine && nr_good);
		json_close(&json, '}');
	}
	if (!args->nr_devices)
		names_free(&names);
	return machine && nr_good ? 0 : 1;
}
