/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes functions what they were; see give.h.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "nvio/access.h"
#include "nvio/driver.h"
#include "nvio/give.h"

/* Whether the function is where it was: then its driver need not be touched. */
static bool is_back(const struct nvio_pci *pci, const struct state *state)
{
	return !strcmp(pci->driver, state->driver);
}

int give_back(const struct state *state)
{
	struct nvio_pci pci;
	int err = nvio_pci_read(state->device, &pci);

	/* It was pulled out: there is nothing to give back. */
	if (err == -ENODEV)
		return state_remove(state->device);
	if (!err && state->driver[0] && !is_back(&pci, state))
		err = driver_load(state->driver);
	if (!err)
		err = driver_set_override(state->device, state->override);
	if (!err && !is_back(&pci, state))
		err = driver_unbind(state->device);
	if (!err && !is_back(&pci, state) && state->driver[0])
		err = driver_bind(state->device, state->driver);
	if (!err)
		err = access_take_back(state);
	return err ? err : state_remove(state->device);
}

int give_back_all(const char *device)
{
	struct nvio_sentence kept;
	struct names names;
	struct state state;
	size_t i;
	int first, err;

	first = state_devices(&names);
	if (first)
		return first;
	for (i = 0; i < names.nr; i++) {
		err = state_load(names.name[i], &state);
		if (!err && strcmp(state.device, device) && strcmp(state.with, device))
			continue;
		if (!err)
			err = give_back(&state);
		if (err && err != -ENOENT && !first) {
			first = err;
			nvio_error_save(&kept);
		}
	}
	names_free(&names);
	if (first)
		nvio_error_restore(&kept);
	return first;
}
