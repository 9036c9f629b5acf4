/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text or JSON; see view.h.
 */
#include <inttypes.h>

#include "nvio/view.h"

void view_begin(struct view *v, const char *key, const char *heading)
{
	if (v->json)
		json_open(v->json, key, '[');
	else
		fprintf(v->out, "%s:\n", heading);
	v->empty = true;
}

bool view_item(struct view *v)
{
	v->empty = false;
	if (v->json)
		json_open(v->json, NULL, '{');
	return v->json;
}

void view_end(struct view *v)
{
	if (v->json)
		json_close(v->json, ']');
	else if (v->empty)
		fputs("  none\n", v->out);
}

void view_str(struct view *v, const char *key, const char *heading, const char *value)
{
	if (v->json)
		json_str(v->json, key, value);
	else
		fprintf(v->out, "%s: %s\n", heading, value ? value : "none");
}

void view_u64(struct view *v, const char *key, const char *heading, uint64_t value)
{
	if (v->json)
		json_u64(v->json, key, value);
	else
		fprintf(v->out, "%s: %" PRIu64 "\n", heading, value);
}

const char *view_find(uint64_t value, const struct view_name *names, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (names[i].value == value)
			return names[i].name;
	}
	return NULL;
}

void view_flags(struct view *v, const char *key, uint64_t flags, const struct view_name *names,
		size_t nr)
{
	char number[24];
	unsigned int bit;

	if (v->json)
		json_open(v->json, key, '[');
	for (bit = 0; bit < 64; bit++) {
		const char *name = view_find(1ull << bit, names, nr);

		if (!(flags >> bit & 1))
			continue;
		snprintf(number, sizeof(number), "0x%llx", 1ull << bit);
		if (v->json)
			json_str(v->json, NULL, name ? name : number);
		else
			fprintf(v->out, " %s", name ? name : number);
	}
	if (v->json)
		json_close(v->json, ']');
}
