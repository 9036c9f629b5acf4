/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prints what `nvio doctor` finds; see check.h.
 */
#include <langinfo.h>
#include <stdarg.h>
#include <string.h>

#include "nvio/check.h"

static const char *mark(enum verdict verdict)
{
	static const char *const plain[] = { "[ok]", "[--]", "[NO]" };
	static const char *const pretty[] = { "\xe2\x9c\x93", "!", "\xe2\x9c\x97" };

	return (strcmp(nl_langinfo(CODESET), "UTF-8") ? plain : pretty)[verdict];
}

void check(struct doctor *d, enum verdict verdict, const char *name, const char *fix,
	   const char *fmt, ...)
{
	static const char *const words[] = { "ok", "note", "bad" };
	char text[CHECK_TEXT_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->bad |= verdict == CHECK_BAD;
	if (!d->json) {
		fprintf(d->out, "  %s %s: %s\n", mark(verdict), name, text);
		if (fix && fix[0])
			fprintf(d->out, "        %s\n", fix);
		return;
	}
	json_open(d->json, NULL, '{');
	json_str(d->json, "check", name);
	json_str(d->json, "result", words[verdict]);
	json_str(d->json, "finding", text);
	json_str(d->json, "fix", fix && fix[0] ? fix : NULL);
	json_close(d->json, '}');
}
