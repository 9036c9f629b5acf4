/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fio's own null engine, compiled from its source as it is: what an engine costs that does nothing.
 */
#include <engines/null.c>

#include "fio_cost.h"

struct ioengine_ops *null_engine(void)
{
	return &ioengine;
}
