/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes JSON to a stream, value by value. It owns commas, indentation and escapes; the caller
 * opens and closes in order. A key is NULL inside an array and for the outermost value.
 *
 * Errors stay in the stream: ask ferror() at the end.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	unsigned int level;
	bool empty; /* nothing stands yet in what was opened last */
};

/* @bracket is '{' or '[', and '}' or ']' for json_close(). */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);

/* Bytes that are no UTF-8 become U+FFFD. NULL is written as null. */
void json_str(struct json *json, const char *key, const char *value);
void json_u64(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);

/* With 9 digits; null for what JSON cannot say (infinities, NaN). */
void json_double(struct json *json, const char *key, double value);

#endif
