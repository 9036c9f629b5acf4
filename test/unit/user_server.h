/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vfio-user server for tests of the client, written from the specification: one PCI function with
 * registers in memory, one connection, and settings for what servers do differently.
 */
#ifndef TEST_UNIT_USER_SERVER_H
#define TEST_UNIT_USER_SERVER_H

#include <pthread.h>
#include <stdint.h>

#define SERVER_BAR_LEN     0x4000u
#define SERVER_REGIONS     9
#define SERVER_MSIX        0x50u /* of its capability, behind one that is none of ours */
#define SERVER_TABLE       0x2000u /* of the MSI-X table, in BAR 0 */
#define SERVER_VECTORS     4u
#define SERVER_REQUESTS    512u
#define SERVER_BAR_INDEX   0
#define SERVER_CONFIG      7
#define SERVER_MISSING     8 /* a region that it has not */
#define SERVER_CAPS_ROOM   256u
#define SERVER_COMMANDS    32u
#define SERVER_REGION_INFO 128u

/* A request as it came. */
struct server_request {
	uint16_t command;
	uint32_t size; /* with its header */
	unsigned int nr_fds;
	uint8_t payload[64]; /* its beginning */
};

struct user_server {
	/* Settings, all zero: accepts and answers everything. */
	char caps[SERVER_CAPS_ROOM]; /* the JSON of VERSION */
	int errors[SERVER_COMMANDS]; /* what it answers to a command instead of doing it */
	int bar_error; /* to a write to a BAR register */
	int table_error; /* to an access to the MSI-X table */
	int info_error; /* to REGION_INFO of BAR 0 with room for its areas */
	uint32_t info_tail; /* bytes behind the device information */
	uint32_t nr_areas; /* of BAR 0 that can be mapped, of a page each, from page 1 on */
	int area_fd;

	/* What it is. */
	uint8_t config[256];
	uint8_t bar[SERVER_BAR_LEN];

	/* What came. */
	struct server_request requests[SERVER_REQUESTS];
	unsigned int nr_requests;

	int fd;
	pthread_t thread;
};

/* As after power on: an NVMe controller with BARs 0 (64 bits) and 4 (32 bits) and MSI-X. */
void user_server_init(struct user_server *server);

/* Serves from now on. Returns the client's end of the connection, the caller's. */
int user_server_start(struct user_server *server);

/* To be called when the client has hung up. */
void user_server_stop(struct user_server *server);

/* How many requests of a command came. */
unsigned int user_server_count(const struct user_server *server, uint16_t command);

#endif
