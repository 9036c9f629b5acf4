/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvio bind: hands functions to vfio-pci, and remembers what they were before anything is changed.
 *
 * Everything is checked before the first function is touched, and what a failure leaves half done
 * is undone.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "common/json.h"
#include "nvio/access.h"
#include "nvio/cmd.h"
#include "nvio/driver.h"
#include "nvio/function.h"
#include "nvio/give.h"
#include "nvio/state.h"
#include "nvio/use.h"

#define VFIO_DRIVER "vfio-pci"

struct job {
	const struct cmd_args *args;
	uid_t uid;
	FILE *out;
	struct json json;
};

static int check_kind(const struct nvio_pci *pci, bool force)
{
	if (pci->class_code != NVIO_PCI_CLASS_NVME && !force)
		return nvio_error(
			EINVAL,
			"%s is of PCI class 0x%06x, no NVMe controller (0x%06x): `nvio list` "
			"shows those; --force binds it all the same",
			pci->name, pci->class_code, NVIO_PCI_CLASS_NVME);
	if (pci->group < 0 && !function_noiommu_mode())
		return nvio_error(ENOTSUP,
				  "%s has no IOMMU group: `nvio doctor` says how to switch the "
				  "IOMMU on",
				  pci->name);
	return 0;
}

/* The others of the group that VFIO would stumble over: taken along when asked for. */
static int check_group(const struct job *job, const struct nvio_pci *pci)
{
	struct names names;
	struct nvio_pci other;
	size_t i;
	int err;

	err = pci->group < 0 ? 0 : function_group(pci->group, &names);
	if (err || pci->group < 0)
		return err;
	for (i = 0; i < names.nr && !err; i++) {
		if (!strcmp(names.name[i], pci->name))
			continue;
		err = nvio_pci_read(names.name[i], &other);
		if (err || function_harmless(&other))
			continue;
		if (!(job->args->given & CMD_GROUP))
			err = nvio_error(
				EBUSY,
				"%s shares IOMMU group %d with %s, which %s drives: both or "
				"none, `nvio bind --group %s` takes the whole group",
				pci->name, pci->group, other.name, other.driver, pci->name);
		else if (!(job->args->given & CMD_FORCE))
			err = use_check(&other);
	}
	names_free(&names);
	return err;
}

static int check(const struct job *job, const char *name)
{
	bool force = job->args->given & CMD_FORCE;
	struct nvio_pci pci;
	int err = nvio_pci_read(name, &pci);

	if (!err)
		err = check_kind(&pci, force);
	if (!err && !force && strcmp(pci.driver, VFIO_DRIVER))
		err = use_check(&pci);
	return err ? err : check_group(job, &pci);
}

/*
 * What is to be remembered of a function. A function that is on vfio-pci already may have been
 * bound by an earlier call, whose memory stands; any other memory is out of date.
 */
static int remember(const struct nvio_pci *pci, const char *with, struct state *state)
{
	int err = state_load(pci->name, state);

	if (!err && !strcmp(pci->driver, VFIO_DRIVER)) {
		/* Asked for by name, it is no companion any more. */
		if (!with[0])
			state->with[0] = '\0';
		return state_save(state);
	}
	if (err && err != -ENOENT)
		return err;
	memset(state, 0, sizeof(*state));
	strcpy(state->device, pci->name);
	strcpy(state->driver, pci->driver);
	strcpy(state->with, with);
	function_override(pci->name, state->override, sizeof(state->override));
	return state_save(state);
}

/* Hands one function to vfio-pci. */
static int take(const struct nvio_pci *pci, const char *with, struct state *state)
{
	struct nvio_sentence kept;
	int err = remember(pci, with, state);

	if (err || !strcmp(pci->driver, VFIO_DRIVER))
		return err;
	err = driver_set_override(pci->name, VFIO_DRIVER);
	if (!err)
		err = driver_unbind(pci->name);
	if (!err)
		err = driver_bind(pci->name, VFIO_DRIVER);
	if (err) {
		nvio_error_save(&kept);
		give_back(state);
		nvio_error_restore(&kept);
	}
	return err;
}

static int take_companions(const struct nvio_pci *pci)
{
	struct nvio_pci other;
	struct state state;
	struct names names;
	size_t i;
	int err = function_group(pci->group, &names);

	if (err)
		return err;
	for (i = 0; i < names.nr && !err; i++) {
		if (!strcmp(names.name[i], pci->name))
			continue;
		err = nvio_pci_read(names.name[i], &other);
		if (!err && !function_harmless(&other))
			err = take(&other, pci->name, &state);
	}
	names_free(&names);
	return err;
}

static void report(struct job *job, const struct nvio_pci *pci, const struct state *state)
{
	char group[NODE_LEN], cdev[NODE_LEN];
	struct json *json = &job->json;

	function_group_node(pci, group, sizeof(group));
	function_cdev_node(pci, cdev, sizeof(cdev));
	if (!(job->args->given & CMD_JSON)) {
		fprintf(job->out, "%s: %s -> " VFIO_DRIVER ", %s%s%s\n", pci->name,
			state->driver[0] ? state->driver : "no driver", group[0] ? group : cdev,
			job->args->user ? ", user " : "", job->args->user ? job->args->user : "");
		return;
	}
	json_open(json, NULL, '{');
	json_str(json, "device", pci->name);
	json_str(json, "was", state->driver[0] ? state->driver : NULL);
	json_str(json, "driver", pci->driver);
	json_str(json, "group_file", group[0] ? group : NULL);
	json_str(json, "device_file", cdev[0] ? cdev : NULL);
	json_str(json, "user", job->args->user);
	json_close(json, '}');
}

static int bind_one(struct job *job, const char *name)
{
	struct nvio_sentence kept;
	struct nvio_pci pci;
	struct state state;
	int err = nvio_pci_read(name, &pci);
	bool fresh = !err && strcmp(pci.driver, VFIO_DRIVER);

	if (!err)
		err = take(&pci, "", &state);
	if (err)
		return err;
	if (job->args->given & CMD_GROUP && pci.group >= 0)
		err = take_companions(&pci);
	/* Without an IOMMU the group comes with the driver. */
	if (!err)
		err = nvio_pci_read(state.device, &pci);
	if (!err && job->args->user)
		err = access_give(&pci, job->uid, &state);
	if (err && fresh) {
		nvio_error_save(&kept);
		give_back_all(state.device);
		nvio_error_restore(&kept);
	}
	if (!err)
		report(job, &pci, &state);
	return err;
}

int cmd_bind(const struct cmd_args *args, FILE *out)
{
	struct job job = { .args = args, .out = out, .json = { .out = out } };
	int i, lock, err = 0;

	if (args->user)
		err = access_find_user(args->user, &job.uid);
	for (i = 0; i < args->nr_devices && !err; i++)
		err = check(&job, args->devices[i]);
	if (err)
		return err;
	lock = state_lock();
	if (lock < 0)
		return lock;
	err = driver_load(VFIO_DRIVER);
	if (!err && args->given & CMD_JSON)
		json_open(&job.json, NULL, '[');
	for (i = 0; i < args->nr_devices && !err; i++)
		err = bind_one(&job, args->devices[i]);
	if (job.json.level)
		json_close(&job.json, ']');
	close(lock);
	return err;
}
