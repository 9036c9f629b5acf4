/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The JSON of VFIO_USER_VERSION.
 *
 * A scanner that checks the whole text and keeps the names of "capabilities" and the one value that
 * changes what this server sends: how much data it may move in one message. It never sends more
 * than one descriptor. It allocates nothing and does not trust the text to end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto.h"
#include "dma.h"
#include "version.h"

/* Nesting costs stack, and the specification's deepest object is three levels down. */
#define DEPTH_MAX 16

struct scan {
	const char *p; /* ends with a NUL */
	unsigned int depth;
	struct emu_caps *caps;
};

/* A name or a string, without its quotes and as it was written. */
struct word {
	const char *p;
	size_t len;
};

static bool scan_value(struct scan *s, bool is_caps);

static void skip_space(struct scan *s)
{
	while (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')
		s->p++;
}

static bool accept(struct scan *s, char c)
{
	skip_space(s);
	if (*s->p != c)
		return false;
	s->p++;
	return true;
}

static bool scan_string(struct scan *s, struct word *word)
{
	if (!accept(s, '"'))
		return false;
	word->p = s->p;
	while (*s->p != '"') {
		if (*s->p == '\\')
			s->p++;
		if ((unsigned char)*s->p < ' ')
			return false;
		s->p++;
	}
	word->len = (size_t)(s->p++ - word->p);
	return true;
}

static bool is(const struct word *word, const char *name)
{
	return word->len == strlen(name) && !memcmp(word->p, name, word->len);
}

/* A number as JSON writes it, with a point or an exponent too. What is none counts as none. */
static uint32_t parse_limit(const char *text)
{
	double value = strtod(text, NULL);

	return value >= EMU_XFER_MAX ? EMU_XFER_MAX : value >= 1 ? (uint32_t)value : 0;
}

static void note(struct emu_caps *caps, const struct word *name, const char *value)
{
	if (is(name, "max_msg_fds")) {
		caps->max_msg_fds = true;
	} else if (is(name, "max_data_xfer_size")) {
		caps->max_data_xfer_size = true;
		caps->xfer_max = parse_limit(value);
	} else if (is(name, "max_dma_maps")) {
		caps->max_dma_maps = true;
	}
}

/* Behind the brace. @is_caps: the object is "capabilities". */
static bool scan_object(struct scan *s, bool is_caps)
{
	struct word name;

	if (accept(s, '}'))
		return true;
	do {
		if (!scan_string(s, &name) || !accept(s, ':'))
			return false;
		if (is_caps)
			note(s->caps, &name, s->p);
		if (!scan_value(s, s->depth == 1 && is(&name, "capabilities")))
			return false;
	} while (accept(s, ','));
	return accept(s, '}');
}

static bool scan_array(struct scan *s)
{
	if (accept(s, ']'))
		return true;
	do {
		if (!scan_value(s, false))
			return false;
	} while (accept(s, ','));
	return accept(s, ']');
}

static bool scan_digits(struct scan *s)
{
	const char *begin = s->p;

	while (*s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p != begin;
}

static bool scan_number(struct scan *s)
{
	if (*s->p == '-')
		s->p++;
	if (!scan_digits(s))
		return false;
	if (*s->p == '.') {
		s->p++;
		if (!scan_digits(s))
			return false;
	}
	if (*s->p == 'e' || *s->p == 'E') {
		s->p++;
		if (*s->p == '+' || *s->p == '-')
			s->p++;
		return scan_digits(s);
	}
	return true;
}

static bool scan_literal(struct scan *s)
{
	static const char *const literals[] = { "true", "false", "null" };
	size_t i;

	for (i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		size_t len = strlen(literals[i]);

		if (!strncmp(s->p, literals[i], len)) {
			s->p += len;
			return true;
		}
	}
	return false;
}

static bool scan_value(struct scan *s, bool is_caps)
{
	struct word word;
	bool ok;

	skip_space(s);
	if (*s->p == '"')
		return scan_string(s, &word);
	if (*s->p != '{' && *s->p != '[')
		return scan_literal(s) || scan_number(s);
	if (s->depth == DEPTH_MAX)
		return false;
	s->depth++;
	ok = *s->p++ == '{' ? scan_object(s, is_caps) : scan_array(s);
	s->depth--;
	return ok;
}

void nvio_emu_caps_none(struct emu_caps *caps)
{
	memset(caps, 0, sizeof(*caps));
	caps->xfer_max = EMU_XFER_MAX;
}

int nvio_emu_caps_parse(const char *text, size_t len, struct emu_caps *caps)
{
	struct scan s = { .p = text, .caps = caps };

	nvio_emu_caps_none(caps);
	if (!memchr(text, '\0', len))
		return -EINVAL;
	skip_space(&s);
	if (*s.p != '{' || !scan_value(&s, false))
		return -EINVAL;
	skip_space(&s);
	return *s.p ? -EINVAL : 0;
}

/* Adds one capability unless it makes the text longer than @cap with all that is still to close. */
static size_t add(char *buf, size_t len, size_t cap, const char *name, unsigned int value)
{
	static const char tail[] = "}}";
	char item[64];
	bool first = buf[len - 1] == '{';
	int n = snprintf(item, sizeof(item), "%s\"%s\":%u", first ? "" : ",", name, value);

	if (len + (size_t)n + sizeof(tail) > cap)
		return len;
	memcpy(buf + len, item, (size_t)n);
	return len + (size_t)n;
}

size_t nvio_emu_caps_format(const struct emu_caps *caps, char *buf, size_t cap)
{
	static const char head[] = "{\"capabilities\":{";
	size_t len = sizeof(head) - 1;

	if (cap < len + sizeof("}}")) {
		if (cap < sizeof("{}"))
			return 0;
		memcpy(buf, "{}", sizeof("{}"));
		return sizeof("{}");
	}
	memcpy(buf, head, len);
	if (caps->max_msg_fds)
		len = add(buf, len, cap, "max_msg_fds", EMU_MSG_FDS);
	if (caps->max_data_xfer_size)
		len = add(buf, len, cap, "max_data_xfer_size", EMU_XFER_MAX);
	if (caps->max_dma_maps)
		len = add(buf, len, cap, "max_dma_maps", EMU_DMA_MAPS_MAX);
	memcpy(buf + len, "}}", sizeof("}}"));
	return len + sizeof("}}");
}
