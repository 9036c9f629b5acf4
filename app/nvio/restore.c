/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvio restore: gives functions back to what they had before `nvio bind`.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "common/json.h"
#include "nvio/cmd.h"
#include "nvio/give.h"
#include "nvio/use.h"

struct job {
	const struct cmd_args *args;
	FILE *out;
	struct json json;
};

/* A process that drives the function would stall the driver's change until it lets go. */
static int check(struct job *job, const struct state *state)
{
	struct nvio_pci pci;
	int err = nvio_pci_read(state->device, &pci);

	if (err == -ENODEV || job->args->given & CMD_FORCE)
		return 0;
	if (err || !strcmp(pci.driver, state->driver))
		return err;
	if (pci.driver[0] && strcmp(pci.driver, "vfio-pci"))
		return nvio_error(EBUSY,
				  "%s is on %s now, not on vfio-pci where `nvio bind` put it: "
				  "`nvio restore --force %s` gives it to %s",
				  pci.name, pci.driver, pci.name,
				  state->driver[0] ? state->driver : "no driver");
	return use_check(&pci);
}

static void report(struct job *job, const struct state *state)
{
	struct json *json = &job->json;

	if (!(job->args->given & CMD_JSON)) {
		fprintf(job->out, "%s: vfio-pci -> %s\n", state->device,
			state->driver[0] ? state->driver : "no driver");
		return;
	}
	json_open(json, NULL, '{');
	json_str(json, "device", state->device);
	json_str(json, "driver", state->driver[0] ? state->driver : NULL);
	json_close(json, '}');
}

static int give(struct job *job, const struct state *state)
{
	int err = give_back(state);

	if (!err)
		report(job, state);
	return err;
}

/* Calls @step for the function and those that were taken along for its sake. */
static int each_of(struct job *job, const struct names *names, const char *device,
		   int (*step)(struct job *job, const struct state *state))
{
	struct state state;
	int err = 0;
	size_t i;

	for (i = 0; i < names->nr && !err; i++) {
		err = state_load(names->name[i], &state);
		if (err == -ENOENT)
			err = 0;
		else if (!err && (!strcmp(state.device, device) || !strcmp(state.with, device)))
			err = step(job, &state);
	}
	return err;
}

static int known(const char *name, char device[NVIO_PCI_NAME_LEN])
{
	struct state state;
	int err = nvio_pci_name(name, device);

	if (!err)
		err = state_load(device, &state);
	if (err != -ENOENT)
		return err;
	return nvio_error(
		ENOENT,
		"%s was not bound by `nvio bind`: nothing is remembered of it in %s. By "
		"hand: `echo > /sys/bus/pci/devices/%s/driver_override; echo %s > "
		"/sys/bus/pci/devices/%s/driver/unbind; echo %s > /sys/bus/pci/drivers_probe`",
		device, state_dir, device, device, device, device);
}

/* Checks them all, then gives them back. */
static int restore(struct job *job, const struct names *names)
{
	bool all = job->args->given & CMD_ALL;
	size_t i, nr = all ? names->nr : (size_t)job->args->nr_devices;
	char device[NVIO_PCI_NAME_LEN];
	int err = 0, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < nr && !err; i++) {
			/* In the second round it may have been given back with another one. */
			err = all || round
				      ? nvio_pci_name(all ? names->name[i] : job->args->devices[i],
						      device)
				      : known(job->args->devices[i], device);
			if (!err)
				err = each_of(job, names, device, round ? give : check);
		}
	}
	return err;
}

int cmd_restore(const struct cmd_args *args, FILE *out)
{
	struct job job = { .args = args, .out = out, .json = { .out = out } };
	int lock = state_lock();
	struct names names;
	int err;

	if (lock < 0)
		return lock;
	err = state_devices(&names);
	if (!err && args->given & CMD_JSON)
		json_open(&job.json, NULL, '[');
	if (!err)
		err = restore(&job, &names);
	if (job.json.level)
		json_close(&job.json, ']');
	names_free(&names);
	close(lock);
	return err;
}
