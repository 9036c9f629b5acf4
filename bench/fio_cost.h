/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the two halves of bench/fio_cost share.
 */
#ifndef BENCH_FIO_COST_H
#define BENCH_FIO_COST_H

struct ioengine_ops;

struct ioengine_ops *null_engine(void);

#endif
