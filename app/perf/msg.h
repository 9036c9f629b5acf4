/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What nvme_perf tells its user apart from results: one line for each thing, on standard error,
 * with the program's name in front.
 *
 * Functions that check input do not print: they fill in a message, and main() prints it. So tests
 * can read it, and one failure makes one line.
 */
#ifndef PERF_MSG_H
#define PERF_MSG_H

struct perf_msg {
	char text[512];
};

/* Formats the reason of a failure. Return: -EINVAL, so that a check can end with it. */
int perf_fail(struct perf_msg *msg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prints "nvme_perf: " and one line to standard error. Any thread. */
void perf_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
