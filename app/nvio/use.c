/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who uses a function; see use.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nvio/function.h"
#include "nvio/use.h"
#include "vfio/explain.h"
#include "vfio/sysfs.h"

struct finding {
	const char *pci_name;
	char *use;
	char *fix;
};

static bool add_interface(void *arg, const char *name)
{
	struct finding *f = arg;
	char state[16];

	nvio_sysfs_line(state, sizeof(state), "%s/bus/pci/devices/%s/net/%s/operstate",
			nvio_roots.sys, f->pci_name, name);
	if (strcmp(state, "up"))
		return false;
	nvio_append(f->use, USE_LEN, "%snetwork interface %s is up", f->use[0] ? " and " : "",
		    name);
	nvio_append(f->fix, USE_LEN, "%sip link set %s down", f->fix[0] ? "; " : "", name);
	return false;
}

void use_find(const struct nvio_pci *pci, char use[USE_LEN], char fix[USE_LEN])
{
	struct finding f = { pci->name, use, fix };
	char dir[NVIO_PATH_LEN];

	nvio_explain_block_fix(pci->name, use, USE_LEN, fix, USE_LEN);
	snprintf(dir, sizeof(dir), "%s/bus/pci/devices/%s/net", nvio_roots.sys, pci->name);
	nvio_sysfs_each(dir, add_interface, &f);
	if (function_holder(pci, dir, sizeof(dir)))
		nvio_append(use, USE_LEN, "%s%s", use[0] ? " and " : "", dir);
}

int use_check(const struct nvio_pci *pci)
{
	char use[USE_LEN], fix[USE_LEN];

	use_find(pci, use, fix);
	if (!use[0])
		return 0;
	if (fix[0])
		return nvio_error(EBUSY,
				  "%s is in use: %s: first `%s`; or use --force and take it "
				  "away from under them",
				  pci->name, use, fix);
	return nvio_error(EBUSY,
			  "%s is in use: %s: end that first; or use --force and take it away "
			  "from under them",
			  pci->name, use);
}
