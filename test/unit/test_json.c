/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The JSON writer of the programs, compared letter by letter.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "common/json.h"
#include "tap.h"

/* Where a test's output goes. */
static char text[4096];
static FILE *out;

static struct json begin(void)
{
	memset(text, 0, sizeof(text));
	out = fmemopen(text, sizeof(text), "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	return (struct json){ .out = out };
}

static const char *end(void)
{
	fclose(out);
	return text;
}

/* How a string alone is written, without the quotes around it. */
static const char *escaped(const char *value)
{
	struct json json = begin();
	char *result;

	json_str(&json, NULL, value);
	result = (char *)end();
	CU_ASSERT(strlen(result) >= 2 && result[0] == '"' && result[strlen(result) - 1] == '"');
	result[strlen(result) - 1] = '\0';
	return result + 1;
}

static void plain_strings_stay(void)
{
	CU_ASSERT_STRING_EQUAL(escaped(""), "");
	CU_ASSERT_STRING_EQUAL(escaped("0000:01:00.0/1 'x' <&>"), "0000:01:00.0/1 'x' <&>");
	CU_ASSERT_STRING_EQUAL(escaped("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
			       "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void special_characters_are_escaped(void)
{
	CU_ASSERT_STRING_EQUAL(escaped("a\"b\\c"), "a\\\"b\\\\c");
	CU_ASSERT_STRING_EQUAL(escaped("\n\t\x01\x1f\x7f"), "\\u000a\\u0009\\u0001\\u001f\\u007f");
}

static void broken_utf8_is_replaced(void)
{
	CU_ASSERT_STRING_EQUAL(escaped("a\xff"), "a\\ufffd");
	CU_ASSERT_STRING_EQUAL(escaped("\x80z"), "\\ufffdz");
	/* Cut short, at the end and before another character. */
	CU_ASSERT_STRING_EQUAL(escaped("\xe2\x82"), "\\ufffd\\ufffd");
	CU_ASSERT_STRING_EQUAL(escaped("\xc3\"x"), "\\ufffd\\\"x");
	/* A slash in two bytes, a surrogate, beyond the last character. */
	CU_ASSERT_STRING_EQUAL(escaped("\xc0\xaf"), "\\ufffd\\ufffd");
	CU_ASSERT_STRING_EQUAL(escaped("\xe0\x80\xaf"), "\\ufffd\\ufffd\\ufffd");
	CU_ASSERT_STRING_EQUAL(escaped("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");
	CU_ASSERT_STRING_EQUAL(escaped("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd");
	CU_ASSERT_STRING_EQUAL(escaped("\xf5\x80\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd");
}

static const char *number(double value)
{
	struct json json = begin();

	json_double(&json, NULL, value);
	return end();
}

static void numbers(void)
{
	struct json json = begin();

	json_u64(&json, NULL, UINT64_MAX);
	CU_ASSERT_STRING_EQUAL(end(), "18446744073709551615");
	CU_ASSERT_STRING_EQUAL(number(0), "0");
	CU_ASSERT_STRING_EQUAL(number(1234567.25), "1234567.25");
	CU_ASSERT_STRING_EQUAL(number(-0.5), "-0.5");
	CU_ASSERT_STRING_EQUAL(number(0.000388371), "0.000388371");
	CU_ASSERT_STRING_EQUAL(number(INFINITY), "null");
	CU_ASSERT_STRING_EQUAL(number(NAN), "null");
}

static void nesting(void)
{
	struct json json = begin();

	json_open(&json, NULL, '{');
	json_str(&json, "a", "b");
	json_open(&json, "list", '[');
	json_u64(&json, NULL, 1);
	json_u64(&json, NULL, 2);
	json_open(&json, NULL, '{');
	json_close(&json, '}');
	json_close(&json, ']');
	json_open(&json, "object", '{');
	json_bool(&json, "yes", true);
	json_str(&json, "none", NULL);
	json_close(&json, '}');
	json_bool(&json, "no", false);
	json_close(&json, '}');
	CU_ASSERT_STRING_EQUAL(end(), "{\n"
				      "  \"a\": \"b\",\n"
				      "  \"list\": [\n"
				      "    1,\n"
				      "    2,\n"
				      "    {}\n"
				      "  ],\n"
				      "  \"object\": {\n"
				      "    \"yes\": true,\n"
				      "    \"none\": null\n"
				      "  },\n"
				      "  \"no\": false\n"
				      "}\n");
}

static void keys_are_escaped(void)
{
	struct json json = begin();

	json_open(&json, NULL, '{');
	json_u64(&json, "\"", 1);
	json_close(&json, '}');
	CU_ASSERT_STRING_EQUAL(end(), "{\n  \"\\\"\": 1\n}\n");
}

static const struct tap_test tests[] = {
	{ "plain strings", plain_strings_stay },
	{ "quotes, backslashes, control characters", special_characters_are_escaped },
	{ "bytes that are no UTF-8", broken_utf8_is_replaced },
	{ "numbers", numbers },
	{ "nesting, commas, indentation", nesting },
	{ "keys", keys_are_escaped },
};

int main(void)
{
	return tap_run("json", tests, sizeof(tests) / sizeof(tests[0]));
}
