/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Turns key=value text into options, and says in one sentence what is wrong with it.
 *
 * Looks at the text alone: whether a file is there shows when it is opened.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

#define DEFAULT_SIZE (1ull << 30)
#define MPS_MAX      4u /* 64 KiB */
#define MD_MAX       4096u

/* Where the parser is: the namespace that keys are about, and which were given for it. */
struct parser {
	struct emu_opts *opts;
	struct emu_ns_opts *ns;
	struct emu_error *error;
	bool sized;
	bool filed;
};

int(nvio_emu_fail)(struct emu_error *error, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return rc;
}

static const struct emu_ns_opts default_ns = { .size = DEFAULT_SIZE, .lba = 512, .guard = 16 };

void nvio_emu_opts_default(struct emu_opts *opts)
{
	memset(opts, 0, sizeof(*opts));
	opts->ns[0] = default_ns;
	opts->nr_ns = 1;
	opts->mdts = 7;
	opts->nr_queues = 64;
	opts->queue_entries = 1024;
	opts->mpsmax = MPS_MAX;
	opts->to_ms = 15000;
	opts->nr_states = 1;
	opts->core = -1;
	opts->vwc = true;
	opts->shadow = true;
	opts->mmap = true;
	opts->wrr = true;
	strcpy(opts->serial, "EMU0001");
	strcpy(opts->model, "nvio software controller");
	strcpy(opts->firmware, "1.0");
}

static int bad_value(const struct parser *p, const char *key, const char *value, const char *want)
{
	return nvio_emu_fail(p->error, -EINVAL, "%s=%.64s: %s", key, value, want);
}

static int parse_ns_number(struct parser *p, const char *key, const char *value)
{
	uint64_t n;

	if (!nvio_emu_parse_size(value, &n))
		return bad_value(p, key, value, "not a number");
	if (!strcmp(key, "lba")) {
		if (n < 512 || n > 65536 || n & (n - 1))
			return bad_value(p, key, value, "a power of two from 512 to 65536");
		p->ns->lba = (uint32_t)n;
	} else if (!strcmp(key, "md")) {
		if (n > MD_MAX)
			return bad_value(p, key, value, "at most 4096 bytes of metadata");
		p->ns->md = (uint16_t)n;
	} else if (!strcmp(key, "pi")) {
		if (n > 3)
			return bad_value(p, key, value, "protection information is 0 to 3");
		p->ns->pi = (uint8_t)n;
	} else if (!strcmp(key, "guard")) {
		if (n != 16 && n != 32 && n != 64)
			return bad_value(p, key, value, "a guard has 16, 32 or 64 bits");
		p->ns->guard = (uint8_t)n;
	} else {
		if (!n)
			return bad_value(p, key, value, "a namespace has at least one block");
		p->ns->size = n;
		p->sized = true;
	}
	return 0;
}

static int parse_ns_flag(struct parser *p, const char *key, const char *value)
{
	bool on;

	if (!nvio_emu_parse_bool(value, &on))
		return bad_value(p, key, value, "on or off");
	if (!strcmp(key, "null"))
		p->ns->null = on;
	else
		p->ns->extended = on;
	return 0;
}

static int parse_file(struct parser *p, const char *key, const char *value)
{
	if (!*value || strlen(value) >= sizeof(p->ns->file))
		return bad_value(p, key, value, "a path of 1 to 255 bytes");
	strcpy(p->ns->file, value);
	p->filed = true;
	return 0;
}

static int parse_ctrl_number(struct parser *p, const char *key, const char *value)
{
#define FIELD(name) offsetof(struct emu_opts, name), sizeof(((struct emu_opts *)NULL)->name)
	static const struct {
		const char *key;
		uint64_t min, max;
		size_t offset, len;
	} numbers[] = { { "mdts", 0, 16, FIELD(mdts) },
			{ "queues", 1, EMU_QUEUES_MAX, FIELD(nr_queues) },
			{ "entries", 2, 65535, FIELD(queue_entries) },
			{ "mpsmin", 0, 4, FIELD(mpsmin) },
			{ "mpsmax", 0, MPS_MAX, FIELD(mpsmax) },
			{ "dstrd", 0, 10, FIELD(dstrd) },
			{ "to", 0, 127500, FIELD(to_ms) },
			{ "kato", 0, 3600000, FIELD(kato_ms) },
			{ "media", 0, 60000, FIELD(media_ms) },
			{ "states", 1, 32, FIELD(nr_states) },
			{ "core", 0, EMU_CORES_MAX - 1, FIELD(core) },
			{ "vectors", 1, 2048, FIELD(nr_vectors) },
			{ "hmb", 0, 1u << 30, FIELD(hmb) } };
#undef FIELD
	char want[64];
	uint64_t n;
	unsigned int i = 0;

	while (strcmp(numbers[i].key, key))
		i++;
	snprintf(want, sizeof(want), "a number from %llu to %llu",
		 (unsigned long long)numbers[i].min, (unsigned long long)numbers[i].max);
	if (!nvio_emu_parse_size(value, &n) || n < numbers[i].min || n > numbers[i].max)
		return bad_value(p, key, value, want);
	n = htole64(n);
	memcpy((char *)p->opts + numbers[i].offset, &n, numbers[i].len);
	return 0;
}

static int parse_ctrl_flag(struct parser *p, const char *key, const char *value)
{
	static const struct {
		const char *key;
		size_t offset;
	} flags[] = { { "vwc", offsetof(struct emu_opts, vwc) },
		      { "shadow", offsetof(struct emu_opts, shadow) },
		      { "mmap", offsetof(struct emu_opts, mmap) },
		      { "wrr", offsetof(struct emu_opts, wrr) } };
	unsigned int i = 0;

	while (strcmp(flags[i].key, key))
		i++;
	if (!nvio_emu_parse_bool(value, (bool *)((char *)p->opts + flags[i].offset)))
		return bad_value(p, key, value, "on or off");
	return 0;
}

/* latency=10us, or latency=10us-1ms for a time drawn between the two; nanoseconds without unit. */
static int parse_latency(struct parser *p, const char *key, const char *value)
{
	char text[64];
	char *dash;

	if (strlen(value) >= sizeof(text))
		return bad_value(p, key, value, "too long");
	strcpy(text, value);
	dash = strchr(text, '-');
	if (dash)
		*dash++ = '\0';
	if (!nvio_emu_parse_time(text, &p->opts->latency_min_ns) ||
	    !nvio_emu_parse_time(dash ? dash : text, &p->opts->latency_max_ns) ||
	    p->opts->latency_min_ns > p->opts->latency_max_ns ||
	    p->opts->latency_max_ns > 3600000000000ull)
		return bad_value(p, key, value, "a time or two, like 10us or 10us-1ms");
	return 0;
}

static int parse_text(struct parser *p, const char *key, const char *value)
{
	char *out = *key == 's'   ? p->opts->serial
		    : *key == 'm' ? p->opts->model
				  : p->opts->firmware;
	size_t max = *key == 's'   ? sizeof(p->opts->serial)
		     : *key == 'm' ? sizeof(p->opts->model)
				   : sizeof(p->opts->firmware);

	for (const char *at = value; *at; at++)
		if (*at < ' ' || *at > '~')
			return bad_value(p, key, value, "printable ASCII only");
	if (!*value || strlen(value) >= max)
		return bad_value(p, key, value, "too long, or empty");
	strcpy(out, value);
	return 0;
}

static int parse_fault(struct parser *p, const char *key, const char *value)
{
	(void)key;
	return nvio_emu_opts_add_fault(p->opts, value, p->error);
}

static void finish_ns(struct parser *p)
{
	/* A file says its own size. */
	if (p->filed && !p->sized)
		p->ns->size = 0;
	p->filed = p->sized = false;
}

static int begin_ns(struct parser *p, const char *key, const char *value)
{
	if (*value)
		return bad_value(p, key, value, "\"ns\" takes no value");
	if (p->opts->nr_ns == EMU_NS_MAX)
		return nvio_emu_fail(p->error, -EINVAL, "more than %u namespaces", EMU_NS_MAX);
	finish_ns(p);
	p->ns = &p->opts->ns[p->opts->nr_ns++];
	*p->ns = default_ns;
	p->opts->ns_given = true;
	return 0;
}

static const struct {
	const char *key;
	int (*parse)(struct parser *p, const char *key, const char *value);
	bool of_ns;
} keys[] = {
	{ "size", parse_ns_number, true },
	{ "lba", parse_ns_number, true },
	{ "md", parse_ns_number, true },
	{ "pi", parse_ns_number, true },
	{ "guard", parse_ns_number, true },
	{ "extended", parse_ns_flag, true },
	{ "null", parse_ns_flag, true },
	{ "file", parse_file, true },
	{ "ns", begin_ns, false },
	{ "mdts", parse_ctrl_number, false },
	{ "queues", parse_ctrl_number, false },
	{ "entries", parse_ctrl_number, false },
	{ "mpsmin", parse_ctrl_number, false },
	{ "mpsmax", parse_ctrl_number, false },
	{ "dstrd", parse_ctrl_number, false },
	{ "to", parse_ctrl_number, false },
	{ "kato", parse_ctrl_number, false },
	{ "media", parse_ctrl_number, false },
	{ "states", parse_ctrl_number, false },
	{ "core", parse_ctrl_number, false },
	{ "vectors", parse_ctrl_number, false },
	{ "hmb", parse_ctrl_number, false },
	{ "vwc", parse_ctrl_flag, false },
	{ "shadow", parse_ctrl_flag, false },
	{ "mmap", parse_ctrl_flag, false },
	{ "wrr", parse_ctrl_flag, false },
	{ "latency", parse_latency, false },
	{ "serial", parse_text, false },
	{ "model", parse_text, false },
	{ "fw", parse_text, false },
	{ "fault", parse_fault, false },
};

static int parse_pair(struct parser *p, char *pair, bool ns_only)
{
	char *value = strchr(pair, '=');

	if (value)
		*value++ = '\0';
	for (unsigned int i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(keys[i].key, pair) && (keys[i].of_ns || !ns_only)) {
			p->opts->ns_given |= keys[i].of_ns;
			return keys[i].parse(p, keys[i].key, value ? value : "");
		}
	return nvio_emu_fail(p->error, -EINVAL, "\"%.64s\" is no option%s", pair,
			     ns_only ? " of a namespace" : "");
}

static int parse_all(struct parser *p, const char *text, bool ns_only)
{
	char *copy = strdup(text), *rest = copy, *pair;
	int rc = 0;

	if (!copy)
		return nvio_emu_fail(p->error, -ENOMEM, "out of memory");
	while (!rc && (pair = strsep(&rest, ",")))
		if (*pair)
			rc = parse_pair(p, pair, ns_only);
	finish_ns(p);
	free(copy);
	return rc;
}

static int check_ns(const struct emu_ns_opts *ns, struct emu_error *error)
{
	unsigned int need = !ns->pi ? 0 : ns->guard > 16 ? 16 : 8;

	if (ns->size % ns->lba)
		return nvio_emu_fail(error, -EINVAL, "size=%llu: no multiple of the block, lba=%u",
				     (unsigned long long)ns->size, ns->lba);
	if (ns->size > 1ull << 50)
		return nvio_emu_fail(error, -EINVAL, "size=%llu: more than 1 PiB",
				     (unsigned long long)ns->size);
	if (ns->md < need)
		return nvio_emu_fail(error, -EINVAL, "md=%u: pi=%u needs %u bytes", ns->md, ns->pi,
				     need);
	if (need == 16 && ns->lba < 4096)
		return nvio_emu_fail(error, -EINVAL, "guard=%u: needs lba=4096 or more", ns->guard);
	if (ns->null && ns->file[0])
		return nvio_emu_fail(error, -EINVAL, "null: keeps nothing, so file=%.64s is unused",
				     ns->file);
	return 0;
}

static int check(const struct emu_opts *opts, struct emu_error *error)
{
	int rc = 0;

	for (unsigned int i = 0; i < opts->nr_ns && !rc; i++)
		rc = check_ns(&opts->ns[i], error);
	if (!rc && opts->mpsmin > opts->mpsmax)
		rc = nvio_emu_fail(error, -EINVAL, "mpsmin=%u: more than mpsmax=%u", opts->mpsmin,
				   opts->mpsmax);
	return rc;
}

int nvio_emu_opts_parse(struct emu_opts *opts, const char *text, struct emu_error *error)
{
	struct parser p = { .opts = opts, .ns = &opts->ns[0], .error = error };
	int rc = parse_all(&p, text, false);

	return rc ? rc : check(opts, error);
}

int nvio_emu_opts_add_ns(struct emu_opts *opts, const char *text, struct emu_error *error)
{
	struct parser p = { .opts = opts, .error = error };
	int rc;

	if (!opts->ns_given)
		opts->nr_ns = 0;
	rc = begin_ns(&p, "ns", "");
	if (!rc)
		rc = parse_all(&p, text, true);
	return rc ? rc : check(opts, error);
}
