/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What analysers are told of functions whose bodies they do not see: what says why something failed
 * returns an error, never 0. Without it they follow a failure as if all had gone well. Included
 * before the files that are analysed (`make analysis`), and nowhere else. The functions themselves
 * have their names in parentheses where they are defined, so that they are not taken for a call.
 */
#ifndef NVIO_TEST_BUILD_ERRORS_H
#define NVIO_TEST_BUILD_ERRORS_H

#include <errno.h>

#include "../../app/perf/msg.h"
#include "../../emu/options.h"
#include "../../lib/base/error.h"

#define FAILED(err, call)                        \
	({                                       \
		int err_ = (err);                \
		(void)(call);                    \
		if (err_ >= 0)                   \
			__builtin_unreachable(); \
		err_;                            \
	})
#define nvio_error(err, ...)          FAILED(-(err), nvio_error(-err_, __VA_ARGS__))
#define nvio_emu_fail(error, rc, ...) FAILED(rc, nvio_emu_fail(error, err_, __VA_ARGS__))
#define perf_fail(...)                FAILED(-EINVAL, perf_fail(__VA_ARGS__))

#endif
