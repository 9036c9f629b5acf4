/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Turns the text of a fault into an entry of the table, or does at once what needs no entry.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fault_table.h"

#define TEXT_MAX 256u

static const struct {
	const char *name;
	enum emu_fault_kind kind;
} kinds[] = {
	{ "fail", EMU_FAULT_FAIL },
	{ "delay", EMU_FAULT_DELAY },
	{ "drop", EMU_FAULT_DROP },
	{ "duplicate", EMU_FAULT_DUPLICATE },
	{ "cid", EMU_FAULT_CID },
	{ "queue", EMU_FAULT_QUEUE },
	{ "flip", EMU_FAULT_FLIP },
	{ "stall", EMU_FAULT_STALL },
	{ "no-irq", EMU_FAULT_NO_IRQ },
	{ "identify", EMU_FAULT_IDENTIFY },
	{ "no-ready", EMU_FAULT_KIND_NO_READY },
	{ "no-shutdown", EMU_FAULT_KIND_NO_SHUTDOWN },
	{ "gone", EMU_FAULT_KIND_GONE },
	{ "cfs", EMU_FAULT_CFS },
	{ "aen", EMU_FAULT_AEN },
	{ "clear", EMU_FAULT_CLEAR },
};

static bool parse_number(const char *text, char **end, uint64_t *value)
{
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoull(text, end, 0);
	return !errno;
}

static bool parse_range(struct emu_fault *fault, const char *text)
{
	char *end;

	if (!parse_number(text, &end, &fault->lba_first))
		return false;
	fault->lba_last = fault->lba_first;
	if (*end == '-' && !parse_number(end + 1, &end, &fault->lba_last))
		return false;
	fault->by_lba = true;
	return !*end && fault->lba_first <= fault->lba_last;
}

static bool put_byte(uint8_t *out, uint64_t value)
{
	*out = (uint8_t)value;
	return value <= 0xff;
}

static bool put_int(int *out, uint64_t value)
{
	*out = (int)(value & 0xffff);
	return value <= 0xffff;
}

static bool put_number(uint64_t *out, uint64_t value)
{
	*out = value;
	return true;
}

static bool set_key(struct emu_fault *fault, const char *key, uint64_t n)
{
	if (!strcmp(key, "opcode"))
		return n <= 0xff && put_int(&fault->opcode, n);
	if (!strcmp(key, "of"))
		return put_int(&fault->queue, n);
	if (!strcmp(key, "count"))
		return put_number(&fault->count, n);
	if (!strcmp(key, "skip"))
		return put_number(&fault->skip, n);
	if (!strcmp(key, "status") || !strcmp(key, "value"))
		return n <= 0xffff && put_number(&fault->value, n);
	if (!strcmp(key, "ns"))
		return put_number(&fault->ns, n);
	if (!strcmp(key, "byte"))
		return put_number(&fault->byte, n);
	if (!strcmp(key, "cns"))
		return put_byte(&fault->cns, n);
	if (!strcmp(key, "type"))
		return n < 8 && put_byte(&fault->type, n);
	if (!strcmp(key, "info"))
		return put_byte(&fault->info, n);
	if (!strcmp(key, "log"))
		return put_byte(&fault->log, n);
	return false;
}

static bool parse_pair(struct emu_fault *fault, char *pair)
{
	char *value = strchr(pair, '='), *end;
	uint64_t n;
	bool ok;

	if (!value)
		return false;
	*value = '\0';
	if (!strcmp(pair, "lba"))
		ok = parse_range(fault, value + 1);
	else
		ok = parse_number(value + 1, &end, &n) && !*end && set_key(fault, pair, n);
	*value = '=';
	return ok;
}

static bool parse_kind(struct emu_fault *fault, const char *name)
{
	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, name))
			continue;
		fault->kind = kinds[i].kind;
		fault->count = fault->kind < EMU_FAULT_NOT_DONE;
		return true;
	}
	return false;
}

static int add_entry(struct emu_ctrl *ctrl, const struct emu_fault *fault, struct emu_error *error)
{
	unsigned int i = 0;

	if (!ctrl->faults)
		ctrl->faults = calloc(1, sizeof(*ctrl->faults));
	if (!ctrl->faults)
		return nvio_emu_fail(error, -ENOMEM, "out of memory");
	while (i < EMU_FAULTS_MAX && ctrl->faults->faults[i].kind != EMU_FAULT_NONE)
		i++;
	if (i == EMU_FAULTS_MAX)
		return nvio_emu_fail(error, -ENOSPC, "more than %u faults", EMU_FAULTS_MAX);
	ctrl->faults->faults[i] = *fault;
	/* A device that was pulled out does nothing any more. */
	if (fault->kind == EMU_FAULT_KIND_GONE)
		ctrl->running = false;
	return 0;
}

static int add(struct emu_ctrl *ctrl, const struct emu_fault *fault, struct emu_error *error)
{
	switch (fault->kind) {
	case EMU_FAULT_CFS:
		nvio_emu_fatal(ctrl);
		return 0;
	case EMU_FAULT_AEN:
		nvio_emu_event(ctrl, fault->type, fault->info, fault->log);
		return 0;
	case EMU_FAULT_CLEAR:
		nvio_emu_faults_free(ctrl);
		return 0;
	default:
		return add_entry(ctrl, fault, error);
	}
}

int nvio_emu_fault_add(struct emu_ctrl *ctrl, const char *text, struct emu_error *error)
{
	struct emu_fault fault = { .opcode = -1, .queue = -1 };
	char copy[TEXT_MAX], *rest = copy, *word;

	if (strlen(text) >= sizeof(copy))
		return nvio_emu_fail(error, -EINVAL, "a fault is at most %u characters", TEXT_MAX);
	strcpy(copy, text);
	while ((word = strsep(&rest, " \t\n"))) {
		if (!*word)
			continue;
		if (!(fault.kind ? parse_pair(&fault, word) : parse_kind(&fault, word)))
			return nvio_emu_fail(error, -EINVAL,
					     "\"%.64s\" is no fault, or no part of one", word);
	}
	if (!fault.kind)
		return nvio_emu_fail(error, -EINVAL, "no fault named");
	return add(ctrl, &fault, error);
}
