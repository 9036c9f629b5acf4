/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Turns the text of a fault into an entry of the table, and says in one sentence what is wrong with
 * it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_table.h"

#define BLANKS " \t+"
#define WHICH  (EMU_KEY(OPCODE) | EMU_KEY(OF) | EMU_KEY(LBA))
#define TURNS  (EMU_KEY(SKIP) | EMU_KEY(COUNT))

/* An hour: what waits longer may as well be dropped. */
#define TIME_MAX 3600000000000ull

#define HOSTILE_RATE 1000u

static const struct kind {
	const char *name;
	enum emu_fault_kind kind;
	uint32_t needs;
	uint32_t takes; /* besides */
} kinds[] = {
	{ "fail", EMU_FAULT_FAIL, EMU_KEY(STATUS), WHICH | TURNS },
	{ "delay", EMU_FAULT_DELAY, EMU_KEY(TIME), WHICH | TURNS },
	{ "late", EMU_FAULT_LATE, EMU_KEY(TIME), WHICH | TURNS },
	{ "drop", EMU_FAULT_DROP, 0, WHICH | TURNS },
	{ "duplicate", EMU_FAULT_DUPLICATE, 0, WHICH | TURNS },
	{ "cid", EMU_FAULT_CID, EMU_KEY(VALUE), WHICH | TURNS },
	{ "queue", EMU_FAULT_QUEUE, EMU_KEY(VALUE), WHICH | TURNS },
	{ "flip", EMU_FAULT_FLIP, EMU_KEY(BYTE), WHICH | TURNS },
	{ "cfs", EMU_FAULT_CFS, 0, WHICH | EMU_KEY(SKIP) },
	{ "gone", EMU_FAULT_GONE, 0, WHICH | EMU_KEY(SKIP) },
	{ "err", EMU_FAULT_ERR, 0, WHICH | TURNS },
	{ "stall", EMU_FAULT_STALL, 0, EMU_KEY(OF) },
	{ "no-irq", EMU_FAULT_NO_IRQ, 0, EMU_KEY(OF) | TURNS },
	{ "no-ready", EMU_FAULT_KIND_NO_READY, 0, TURNS },
	{ "no-shutdown", EMU_FAULT_KIND_NO_SHUTDOWN, 0, TURNS },
	{ "identify", EMU_FAULT_IDENTIFY, EMU_KEY(CNS) | EMU_KEY(BYTE) | EMU_KEY(VALUE),
	  EMU_KEY(LEN) | TURNS },
	{ "hostile", EMU_FAULT_HOSTILE, EMU_KEY(SEED), EMU_KEY(RATE) },
	{ "aen", EMU_FAULT_AEN, EMU_KEY(TYPE) | EMU_KEY(INFO) | EMU_KEY(LOG), 0 },
};

#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct {
	const char *name;
	uint64_t max;
} keys[EMU_NR_KEYS] = {
	[EMU_KEY_STATUS] = { "status", 0x7fff },
	[EMU_KEY_TIME] = { "time", TIME_MAX },
	[EMU_KEY_VALUE] = { "value", 0xffff },
	[EMU_KEY_BYTE] = { "byte", UINT32_MAX },
	[EMU_KEY_LEN] = { "len", NVIO_IDENTIFY_LEN },
	[EMU_KEY_CNS] = { "cns", 0xff },
	[EMU_KEY_TYPE] = { "type", 7 },
	[EMU_KEY_INFO] = { "info", 0xff },
	[EMU_KEY_LOG] = { "log", 0xff },
	[EMU_KEY_OPCODE] = { "opcode", 0xff },
	[EMU_KEY_OF] = { "of", EMU_QUEUES_MAX },
	[EMU_KEY_LBA] = { "lba", UINT64_MAX },
	[EMU_KEY_SEED] = { "seed", UINT64_MAX },
	[EMU_KEY_RATE] = { "rate", 1u << 30 },
	[EMU_KEY_SKIP] = { "skip", UINT64_MAX },
	[EMU_KEY_COUNT] = { "count", UINT64_MAX },
};

static bool parse_number(const char *text, char **end, uint64_t *value)
{
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoull(text, end, 0);
	return !errno;
}

static bool parse_value(struct emu_fault *fault, enum emu_fault_key key, const char *text)
{
	uint64_t *value = &fault->value[key];
	char *end;

	if (key == EMU_KEY_TIME)
		return nvio_emu_parse_time(text, value);
	if (!parse_number(text, &end, value))
		return false;
	if (key == EMU_KEY_LBA) {
		fault->lba_last = *value;
		if (*end == '-' && !parse_number(end + 1, &end, &fault->lba_last))
			return false;
	}
	return !*end;
}

static int bad_value(const char *word, enum emu_fault_key key, struct emu_error *error)
{
	if (key == EMU_KEY_TIME)
		return nvio_emu_fail(error, -EINVAL, "\"%.64s\": a time like 10us or 5ms", word);
	if (key == EMU_KEY_LBA)
		return nvio_emu_fail(error, -EINVAL, "\"%.64s\": FIRST or FIRST-LAST", word);
	return nvio_emu_fail(error, -EINVAL, "\"%.64s\": a number up to %llu", word,
			     (unsigned long long)keys[key].max);
}

static int parse_pair(struct emu_fault *fault, const struct kind *kind, const char *word,
		      struct emu_error *error)
{
	size_t len = strcspn(word, "=");
	unsigned int key = 0;

	while (key < EMU_NR_KEYS && (strncmp(keys[key].name, word, len) || keys[key].name[len]))
		key++;
	if (key == EMU_NR_KEYS || !((kind->needs | kind->takes) >> key & 1))
		return nvio_emu_fail(error, -EINVAL, "%s: \"%.64s\" is no part of it", kind->name,
				     word);
	if (fault->given >> key & 1)
		return nvio_emu_fail(error, -EINVAL, "%s: \"%.64s\" comes twice", kind->name, word);
	if (!word[len] || !parse_value(fault, key, word + len + 1) ||
	    fault->value[key] > keys[key].max ||
	    (key == EMU_KEY_LBA && fault->value[key] > fault->lba_last))
		return bad_value(word, key, error);
	fault->given |= 1u << key;
	return 0;
}

bool nvio_emu_fault_named(const char *text)
{
	size_t len;

	text += strspn(text, BLANKS);
	len = strcspn(text, BLANKS);
	for (unsigned int i = 0; i < NR_KINDS; i++)
		if (strlen(kinds[i].name) == len && !memcmp(kinds[i].name, text, len))
			return true;
	return false;
}

static int no_such_kind(const char *word, struct emu_error *error)
{
	char all[200] = "";
	size_t len = 0;

	for (unsigned int i = 0; i < NR_KINDS; i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, " %s", kinds[i].name);
	return nvio_emu_fail(error, -EINVAL, "\"%.64s\" is no fault; there are%s", word, all);
}

static int parse_kind(struct emu_fault *fault, const struct kind **kind, const char *word,
		      struct emu_error *error)
{
	for (unsigned int i = 0; i < NR_KINDS; i++) {
		if (strcmp(kinds[i].name, word))
			continue;
		*kind = &kinds[i];
		fault->kind = kinds[i].kind;
		fault->value[EMU_KEY_COUNT] = fault->kind < EMU_FAULT_NOT_DONE;
		fault->value[EMU_KEY_LEN] = 1;
		fault->value[EMU_KEY_RATE] = HOSTILE_RATE;
		return 0;
	}
	return no_such_kind(word, error);
}

static int check(const struct emu_fault *fault, const struct kind *kind, struct emu_error *error)
{
	const uint64_t *value = fault->value;

	for (unsigned int key = 0; key < EMU_NR_KEYS; key++)
		if (kind->needs & ~fault->given & 1u << key)
			return nvio_emu_fail(error, -EINVAL, "%s needs \"%s=\"", kind->name,
					     keys[key].name);
	if (fault->kind == EMU_FAULT_HOSTILE && !value[EMU_KEY_RATE])
		return nvio_emu_fail(error, -EINVAL, "hostile: one in how many? rate=0 is none");
	if (fault->kind != EMU_FAULT_IDENTIFY)
		return 0;
	if (value[EMU_KEY_VALUE] > 0xff)
		return nvio_emu_fail(error, -EINVAL, "identify: a byte has a value up to 255");
	if (value[EMU_KEY_BYTE] + value[EMU_KEY_LEN] > NVIO_IDENTIFY_LEN)
		return nvio_emu_fail(error, -EINVAL, "identify: its data have %u bytes",
				     NVIO_IDENTIFY_LEN);
	return 0;
}

int nvio_emu_fault_parse(const char *text, struct emu_fault *fault, struct emu_error *error)
{
	char copy[EMU_FAULT_TEXT_MAX], *rest = copy, *word;
	const struct kind *kind = NULL;
	int rc = 0;

	memset(fault, 0, sizeof(*fault));
	if (strlen(text) >= sizeof(copy))
		return nvio_emu_fail(error, -EINVAL, "a fault has at most %zu characters",
				     sizeof(copy) - 1);
	strcpy(copy, text);
	strcpy(fault->text, text);
	while (!rc && (word = strsep(&rest, BLANKS))) {
		if (*word)
			rc = kind ? parse_pair(fault, kind, word, error)
				  : parse_kind(fault, &kind, word, error);
	}
	if (!rc && !kind)
		rc = nvio_emu_fail(error, -EINVAL, "no fault is named");
	return rc ? rc : check(fault, kind, error);
}

int nvio_emu_opts_add_fault(struct emu_opts *opts, const char *text, struct emu_error *error)
{
	struct emu_fault fault;
	int rc = nvio_emu_fault_parse(text, &fault, error);

	if (rc)
		return rc;
	if (opts->nr_faults == EMU_FAULTS_MAX)
		return nvio_emu_fail(error, -EINVAL, "more than %u faults", EMU_FAULTS_MAX);
	strcpy(opts->faults[opts->nr_faults++], text);
	return 0;
}
