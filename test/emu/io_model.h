/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic of all kinds on a software controller made with some options; see traffic/traffic.h.
 */
#ifndef TEST_EMU_IO_MODEL_H
#define TEST_EMU_IO_MODEL_H

#include "traffic/traffic.h"
#include "tap.h"

#define KIB 1024u
#define MIB (1024u * KIB)

/* For queue pairs that have no room for two commands. */
#define NO_FUSED (1u << TRAFFIC_FUSED | 1u << TRAFFIC_MISFUSED)

/* Opens the controller and runs the traffic on all of its namespace 1: all has to go well, and all
 * kinds of requests have to come. NVIO_TEST_CYCLES in the environment: so many requests only. */
void run_on(const char *device, struct traffic traffic);

/* The same twice: pieces by SGLs, and by PRPs alone. */
void run_both_ways(const char *device, struct traffic traffic);

/* A seed of the clock's. */
uint64_t choose_seed(void);

#endif
