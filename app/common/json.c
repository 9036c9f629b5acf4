/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The JSON writer (RFC 8259). It knows the format and nothing of what is written.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "common/json.h"

/* How many bytes the UTF-8 character at @s has; 0 when it is none (RFC 3629, section 4). */
static unsigned int utf8_len(const unsigned char *s)
{
	unsigned int len = s[0] < 0x80   ? 1
			   : s[0] < 0xc2 ? 0
			   : s[0] < 0xe0 ? 2
			   : s[0] < 0xf0 ? 3
					 : 4;
	unsigned int i;

	if (s[0] > 0xf4)
		return 0;
	for (i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Not in the shortest form, a surrogate, or beyond U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

static void put_text(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned int len;

	fputc('"', out);
	for (; *s; s += len ? len : 1) {
		len = utf8_len(s);
		if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if (*s < 0x20 || *s == 0x7f)
			fprintf(out, "\\u%04x", *s);
		else if (len)
			fwrite(s, 1, len, out);
		else
			fputs("\\ufffd", out);
	}
	fputc('"', out);
}

/* Whatever stands before a value: the comma, a line of its own, its key. */
static void put_lead(struct json *json, const char *key)
{
	if (json->level)
		fprintf(json->out, "%s\n%*s", json->empty ? "" : ",", (int)json->level * 2, "");
	json->empty = false;
	if (key) {
		put_text(json->out, key);
		fputs(": ", json->out);
	}
}

void json_open(struct json *json, const char *key, char bracket)
{
	put_lead(json, key);
	fputc(bracket, json->out);
	json->level++;
	json->empty = true;
}

void json_close(struct json *json, char bracket)
{
	json->level--;
	if (!json->empty)
		fprintf(json->out, "\n%*s", (int)json->level * 2, "");
	fputc(bracket, json->out);
	json->empty = false;
	if (!json->level)
		fputc('\n', json->out);
}

void json_str(struct json *json, const char *key, const char *value)
{
	put_lead(json, key);
	if (value)
		put_text(json->out, value);
	else
		fputs("null", json->out);
}

void json_u64(struct json *json, const char *key, uint64_t value)
{
	put_lead(json, key);
	fprintf(json->out, "%" PRIu64, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	put_lead(json, key);
	fputs(value ? "true" : "false", json->out);
}

void json_double(struct json *json, const char *key, double value)
{
	put_lead(json, key);
	if (isfinite(value))
		fprintf(json->out, "%.9g", value);
	else
		fputs("null", json->out);
}
