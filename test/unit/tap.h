/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The front end of every unit test: a table of tests, run by CUnit, reported as TAP.
 *
 * A suite is one program, so that a crash costs one suite only. Write the tests with CUnit's
 * CU_ASSERT_* (included here) and end the file with
 *
 *	int main(void) { return tap_run("name", tests, sizeof(tests) / sizeof(tests[0])); }
 */
#ifndef TEST_UNIT_TAP_H
#define TEST_UNIT_TAP_H

#include <stddef.h>
#include <CUnit/CUnit.h>

struct tap_test {
	const char *name;
	void (*run)(void);
};

/**
 * tap_run - runs the tests in their order and prints one TAP line for each, to standard output.
 *
 * A test fails when one of its assertions does, and also when it made none. CUnit's assertions are
 * not thread-safe: assert in the main thread.
 *
 * Return: what main() is to return: 0 when all passed; 1 when one failed, or there were none.
 */
int tap_run(const char *suite, const struct tap_test *tests, size_t nr_tests);

#endif
