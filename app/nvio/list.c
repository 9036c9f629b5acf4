/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvio list: the NVMe controllers of the machine, their drivers, and who uses them.
 */
#include <string.h>

#include "base/error.h"
#include "common/json.h"
#include "nvio/cmd.h"
#include "nvio/function.h"
#include "nvio/state.h"
#include "nvio/use.h"

struct row {
	struct nvio_pci pci;
	char model[FUNCTION_MODEL_LEN];
	char serial[FUNCTION_MODEL_LEN];
	char use[USE_LEN];
	char fix[USE_LEN];
	bool remembered; /* by nvio bind */
	struct state state;
};

static int read_row(const char *name, struct row *row)
{
	int err = nvio_pci_read(name, &row->pci);

	if (err)
		return err;
	function_nvme(name, "model", row->model, sizeof(row->model));
	function_nvme(name, "serial", row->serial, sizeof(row->serial));
	use_find(&row->pci, row->use, row->fix);
	/* A broken memory is a matter of restoring. */
	row->remembered = !state_load(name, &row->state);
	return 0;
}

static void print_number(FILE *out, int number)
{
	if (number < 0)
		fprintf(out, "%-5s  ", "-");
	else
		fprintf(out, "%-5d  ", number);
}

static void print_text(FILE *out, const struct row *row)
{
	const struct nvio_pci *pci = &row->pci;

	fprintf(out, "%-12s  %-8s  ", pci->name, pci->driver[0] ? pci->driver : "-");
	print_number(out, pci->group);
	print_number(out, pci->numa_node);
	fprintf(out, "%04x:%04x  %s%s%s", pci->vendor, pci->device, row->model,
		row->model[0] && row->use[0] ? "; " : "", row->use);
	if (row->remembered)
		fprintf(out, "%s`nvio restore` gives it to %s",
			row->model[0] || row->use[0] ? "; " : "",
			row->state.driver[0] ? row->state.driver : "no driver");
	fputc('\n', out);
}

static void put_number(struct json *json, const char *key, int number)
{
	if (number < 0)
		json_str(json, key, NULL);
	else
		json_u64(json, key, (uint64_t)number);
}

static void put_text(struct json *json, const char *key, const char *text)
{
	json_str(json, key, text[0] ? text : NULL);
}

static void print_json(struct json *json, const struct row *row)
{
	char id[8];

	json_open(json, NULL, '{');
	json_str(json, "device", row->pci.name);
	put_text(json, "driver", row->pci.driver);
	put_number(json, "iommu_group", row->pci.group);
	put_number(json, "numa_node", row->pci.numa_node);
	snprintf(id, sizeof(id), "%04x", row->pci.vendor);
	json_str(json, "vendor_id", id);
	snprintf(id, sizeof(id), "%04x", row->pci.device);
	json_str(json, "device_id", id);
	put_text(json, "model", row->model);
	put_text(json, "serial", row->serial);
	put_text(json, "used_by", row->use);
	json_bool(json, "bound_by_nvio", row->remembered);
	put_text(json, "was", row->remembered ? row->state.driver : "");
	json_close(json, '}');
}

int cmd_list(const struct cmd_args *args, FILE *out)
{
	bool as_json = args->given & CMD_JSON;
	struct json json = { .out = out };
	struct names names;
	struct row row;
	size_t i;
	int err = function_controllers(&names);

	if (err)
		return err;
	if (as_json)
		json_open(&json, NULL, '[');
	else if (names.nr)
		fputs("device        driver    group  node   id         what\n", out);
	else
		fputs("no NVMe controllers\n", out);
	for (i = 0; i < names.nr; i++) {
		/* One that is pulled out meanwhile is none. */
		if (read_row(names.name[i], &row))
			continue;
		if (as_json)
			print_json(&json, &row);
		else
			print_text(out, &row);
	}
	if (as_json)
		json_close(&json, ']');
	names_free(&names);
	return 0;
}
