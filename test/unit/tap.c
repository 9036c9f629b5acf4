/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs a table of tests through CUnit and prints TAP. It owns the report and the exit status, which
 * CUnit leaves to its caller; it knows no test.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include "tap.h"

/* CUnit's handlers take no argument of ours. */
static struct {
	size_t nr_done;
	size_t nr_failed;
	unsigned int asserts_before;
} run;

static void test_starts(const CU_pTest test, const CU_pSuite suite)
{
	(void)test;
	(void)suite;
	run.asserts_before = CU_get_number_of_asserts();
}

/* The list may go on with records of other tests. */
static unsigned int count_failures(const CU_pTest test, const CU_FailureRecord *failure)
{
	unsigned int nr = 0;

	for (; failure; failure = failure->pNext)
		nr += failure->pTest == test;
	return nr;
}

static void print_failures(const CU_pTest test, const CU_FailureRecord *failure)
{
	for (; failure; failure = failure->pNext)
		if (failure->pTest == test)
			printf("# %s:%u: %s\n", failure->strFileName, failure->uiLineNumber,
			       failure->strCondition);
}

static void test_ends(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord failure)
{
	bool idle = CU_get_number_of_asserts() == run.asserts_before;
	bool failed = idle || count_failures(test, failure);

	run.nr_done++;
	run.nr_failed += failed;
	printf("%sok %zu - %s: %s\n", failed ? "not " : "", run.nr_done, suite->pName, test->pName);
	if (idle)
		printf("# the test asserts nothing\n");
	print_failures(test, failure);
}

static int bail_out(const char *what)
{
	printf("Bail out! %s: %s\n", what, CU_get_error_msg());
	return EXIT_FAILURE;
}

int tap_run(const char *suite, const struct tap_test *tests, size_t nr_tests)
{
	CU_pSuite cu_suite;
	size_t i;

	/* A test that crashes must not take the lines before it along. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%zu\n", nr_tests);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return bail_out("CUnit");
	cu_suite = CU_add_suite(suite, NULL, NULL);
	if (!cu_suite)
		return bail_out(suite);
	for (i = 0; i < nr_tests; i++)
		if (!CU_add_test(cu_suite, tests[i].name, tests[i].run))
			return bail_out(tests[i].name);

	CU_set_test_start_handler(test_starts);
	CU_set_test_complete_handler(test_ends);
	CU_run_all_tests();
	CU_cleanup_registry();
	if (nr_tests == 0 || run.nr_done != nr_tests || run.nr_failed)
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
