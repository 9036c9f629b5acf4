/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a controller says of itself: Identify Controller, the queues it grants, its active
 * namespaces; and what it must be told of us before it says all of it.
 *
 * Everything read here is input from outside and is checked before use.
 */
#include <endian.h>
#include <errno.h>
#include <nvme/types.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nvme/ctrl.h"

#define SHUTDOWN_TIMEOUT_MAX_MS 300000u

/* Host Behavior Support (figure 337), by its bytes: libnvme's names for them changed. */
#define HOST_BEHAVIOR_LEN 512u
#define ACRE              0
#define LBAFEE            2

_Static_assert(sizeof(struct nvme_id_ctrl) == NVIO_IDENTIFY_LEN, "figure 276");
_Static_assert(sizeof(struct nvme_id_ctrl_nvm) == NVIO_IDENTIFY_LEN, "NVM:figure 103");

int nvio_identify(struct nvio_ctrl *ctrl, uint32_t cns, uint32_t nsid, void *data)
{
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_IDENTIFY, .nsid = nsid, .cdw10 = cns };

	return nvio_admin_locked(ctrl, &sqe, data, NVIO_IDENTIFY_LEN, NULL);
}

/* Strings in Identify are padded with blanks and not terminated. */
static void copy_text(char *out, const char *text, size_t len)
{
	while (len && (text[len - 1] == ' ' || !text[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
	out[len] = '\0';
}

/* MDTS is a power of two in units of the smallest page; 0 means no limit. */
static uint32_t max_transfer(const struct nvio_ctrl *ctrl, uint8_t mdts)
{
	uint32_t shift = mdts + 12u + (uint32_t)FIELD_GET(CAP_MPSMIN, ctrl->cap);

	if (!mdts || shift >= 31)
		return NVIO_TRANSFER_MAX;
	return (uint32_t)min_u64(1u << shift, NVIO_TRANSFER_MAX);
}

/* The same of commands that transfer nothing, in bytes; 0 is none. */
static uint64_t size_limit(const struct nvio_ctrl *ctrl, uint8_t value)
{
	uint32_t shift = value + 12u + (uint32_t)FIELD_GET(CAP_MPSMIN, ctrl->cap);

	return value && shift < 64 ? 1ull << shift : 0;
}

/* Limits of the NVM command set that MDTS does not say (NVM:4.1.5.2). A controller of an older
 * revision has no such structure, and no such limits. */
static int identify_limits(struct nvio_ctrl *ctrl)
{
	struct nvme_id_ctrl_nvm *id = malloc(sizeof(*id));
	int err;

	if (!id)
		return nvio_error(ENOMEM, "no memory to identify a controller");
	err = nvio_identify(ctrl, NVIO_CNS_NVM_CTRL, 0, id);
	if (!err) {
		ctrl->verify_max = size_limit(ctrl, id->vsl);
		ctrl->zeroes_max = size_limit(ctrl, id->wzsl);
		ctrl->uncorrectable_max = size_limit(ctrl, id->wusl);
		ctrl->dsm_max = le64toh(id->dmsl);
		ctrl->dsm_range_max = le32toh(id->dmrsl);
		ctrl->dsm_ranges = id->dmrl;
	}
	free(id);
	return err < 0 ? err : 0;
}

static int host_behavior(struct nvio_ctrl *ctrl, uint8_t opcode, uint8_t *host)
{
	struct nvio_sqe sqe = { .opcode = opcode, .cdw10 = NVIO_FEATURE_HOST_BEHAVIOR };

	return nvio_admin_locked(ctrl, &sqe, host, HOST_BEHAVIOR_LEN, NULL);
}

/*
 * Says what of the optional things we know, so that the controller uses them: delays of commands
 * that are to be sent again (ACRE), and formats with wide guards or storage tags (LBAFEE), without
 * which commands to such namespaces are aborted (NVM:3.2). A controller that refuses has all else.
 */
static int tell_host_behavior(struct nvio_ctrl *ctrl)
{
	const bool delays =
		ctrl->retry_delay_ms[1] | ctrl->retry_delay_ms[2] | ctrl->retry_delay_ms[3];
	uint8_t host[HOST_BEHAVIOR_LEN];
	int err;

	if (!delays && !ctrl->extended_formats)
		return 0;
	err = host_behavior(ctrl, NVIO_ADMIN_GET_FEATURES, host);
	if (!err) {
		if (delays)
			host[ACRE] = 1;
		if (ctrl->extended_formats)
			host[LBAFEE] = 1;
		err = host_behavior(ctrl, NVIO_ADMIN_SET_FEATURES, host);
	}
	if (err > 0)
		nvio_log(NVIO_LOG_WARN,
			 "%s: takes no host behavior (%s): namespaces with guards of 32 or 64 bits "
			 "or with storage tags will not work, nor will retry delays",
			 ctrl->info.name, nvio_status_text((unsigned int)err));
	return err < 0 ? err : 0;
}

int nvio_identify_ctrl(struct nvio_ctrl *ctrl)
{
	struct nvme_id_ctrl *id = malloc(sizeof(*id));
	uint64_t rtd3e_ms;
	int err;

	if (!id)
		return nvio_error(ENOMEM, "no memory to identify a controller");
	err = nvio_admin_must(ctrl, "Identify Controller",
			      nvio_identify(ctrl, NVIO_CNS_CTRL, 0, id));
	if (err)
		goto free_id;
	copy_text(ctrl->info.model, id->mn, sizeof(id->mn));
	copy_text(ctrl->info.serial, id->sn, sizeof(id->sn));
	copy_text(ctrl->info.firmware, id->fr, sizeof(id->fr));
	ctrl->info.max_transfer = max_transfer(ctrl, id->mdts);
	ctrl->oacs = le16toh(id->oacs);
	ctrl->oncs = le16toh(id->oncs);
	ctrl->fuses = le16toh(id->fuses);
	ctrl->copy_formats = le16toh(id->ocfs);
	ctrl->oaes = le32toh(id->oaes);
	ctrl->aerl = id->aerl;
	ctrl->kas = le16toh(id->kas);
	ctrl->error_log_len = (id->elpe + 1u) * (uint32_t)sizeof(struct nvme_error_log_page);
	ctrl->sgls = le32toh(id->sgls);
	ctrl->hmb_preferred = (uint64_t)le32toh(id->hmpre) << 12;
	ctrl->hmb_min = (uint64_t)le32toh(id->hmmin) << 12;
	ctrl->hmb_min_piece = (uint64_t)le32toh(id->hmminds) << 12;
	ctrl->hmb_max_pieces = le16toh(id->hmmaxd);
	ctrl->retry_delay_ms[1] = le16toh(id->crdt1) * 100u;
	ctrl->retry_delay_ms[2] = le16toh(id->crdt2) * 100u;
	ctrl->retry_delay_ms[3] = le16toh(id->crdt3) * 100u;
	rtd3e_ms = le32toh(id->rtd3e) / 1000;
	ctrl->shutdown_timeout_ms = (uint32_t)min_u64(max_u64(rtd3e_ms, NVIO_SHUTDOWN_TIMEOUT_MS),
						      SHUTDOWN_TIMEOUT_MAX_MS);
	ctrl->shares_subsystem = id->cmic & NVIO_CMIC_SHARED;
	ctrl->extended_formats = le32toh(id->ctratt) & NVME_CTRL_CTRATT_ELBAS;
	err = identify_limits(ctrl);
	if (!err)
		err = tell_host_behavior(ctrl);

free_id:
	free(id);
	return err;
}

int nvio_identify_again(struct nvio_ctrl *ctrl)
{
	char model[sizeof(ctrl->info.model)], serial[sizeof(ctrl->info.serial)];
	struct nvme_id_ctrl *id = malloc(sizeof(*id));
	int err;

	if (!id)
		return nvio_error(ENOMEM, "no memory to identify a controller");
	err = nvio_admin_must(ctrl, "Identify Controller",
			      nvio_identify(ctrl, NVIO_CNS_CTRL, 0, id));
	if (!err) {
		copy_text(model, id->mn, sizeof(id->mn));
		copy_text(serial, id->sn, sizeof(id->sn));
		if (strcmp(model, ctrl->info.model) || strcmp(serial, ctrl->info.serial))
			err = nvio_error(ENODEV, "%s is another one now: %s, serial number %s",
					 ctrl->info.name, model, serial);
	}
	free(id);
	return err ? err : tell_host_behavior(ctrl);
}

/* Number of Queues (5.27.1.5): both counts are minus one, asked and granted. */
int nvio_request_queues(struct nvio_ctrl *ctrl)
{
	uint32_t want = ctrl->opts.nr_qpairs - 1u, granted = 0;
	/* Once queues were made it is too late to ask (5.27.1.5): there are as many as there were.
	 */
	bool late = ctrl->taken_over;
	struct nvio_sqe sqe = { .opcode = late ? NVIO_ADMIN_GET_FEATURES : NVIO_ADMIN_SET_FEATURES,
				.cdw10 = NVIO_FEATURE_NR_QUEUES };
	int err;

	if (ctrl->shadow)
		want = (uint32_t)min_u64(want, nvio_shadow_max_qpairs(ctrl) - 1u);
	sqe.cdw11 = late ? 0 : want << 16 | want;
	err = nvio_admin_must(
		ctrl, late ? "Get Features (Number of Queues)" : "Set Features (Number of Queues)",
		nvio_admin_locked(ctrl, &sqe, NULL, 0, &granted));
	if (err)
		return err;
	want = (uint32_t)min_u64(want, min_u64(granted & 0xffff, granted >> 16));
	/* It may grant another number after a reset. */
	pthread_mutex_lock(&ctrl->ns_lock);
	ctrl->info.nr_qpairs = (uint16_t)(want + 1);
	pthread_mutex_unlock(&ctrl->ns_lock);
	return 0;
}

static int fetch_ns_list(void *arg, uint32_t nsid, uint32_t *list)
{
	struct nvio_ctrl *ctrl = arg;

	return nvio_admin_must(ctrl, "Identify (active namespaces)",
			       nvio_identify(ctrl, NVIO_CNS_ACTIVE_NS, nsid, list));
}

/* Appends one list's identifiers. Returns how many, or -errno. */
static int64_t take_list(struct nvio_ns_slot **slots, size_t nr, const uint32_t *list)
{
	uint32_t last = nr ? (*slots)[nr - 1].nsid : 0;
	struct nvio_ns_slot *larger;
	size_t added = 0;

	larger = realloc(*slots, (nr + NVIO_NS_LIST_LEN) * sizeof(*larger));
	if (!larger)
		return nvio_error(ENOMEM, "no memory for %zu namespaces", nr + NVIO_NS_LIST_LEN);
	*slots = larger;
	for (; added < NVIO_NS_LIST_LEN; added++) {
		uint32_t nsid = le32toh(list[added]);

		if (!nsid)
			break;
		/* Ascending (5.17.2.3): else the walk would never end. */
		if (nsid <= last || nsid > NVIO_NSID_MAX)
			return nvio_error(
				EPROTO, "the active namespace list has namespace 0x%x behind 0x%x",
				nsid, last);
		larger[nr + added] = (struct nvio_ns_slot){ nsid, NULL };
		last = nsid;
	}
	return (int64_t)added;
}

/* Fetches list after list until one is not full. Returns how many identifiers, or -errno. */
static int64_t read_lists(nvio_ns_list_fn fetch, void *arg, uint32_t *list,
			  struct nvio_ns_slot **slots)
{
	int64_t nr = 0, added;

	do {
		uint32_t last = nr ? (*slots)[nr - 1].nsid : 0;
		int err;

		if (last == NVIO_NSID_MAX)
			break;
		err = fetch(arg, last, list);
		added = err ? err : take_list(slots, (size_t)nr, list);
		if (added < 0)
			return added;
		nr += added;
	} while (added == NVIO_NS_LIST_LEN);
	return nr;
}

int64_t nvio_ns_list_read(nvio_ns_list_fn fetch, void *arg, struct nvio_ns_slot **slots)
{
	uint32_t *list = malloc(NVIO_IDENTIFY_LEN);
	int64_t nr;

	*slots = NULL;
	if (!list)
		return nvio_error(ENOMEM, "no memory for a list of namespaces");
	nr = read_lists(fetch, arg, list, slots);
	free(list);
	if (nr < 0) {
		free(*slots);
		*slots = NULL;
	}
	return nr;
}

int64_t nvio_identify_active(struct nvio_ctrl *ctrl, struct nvio_ns_slot **slots)
{
	int64_t nr = nvio_ns_list_read(fetch_ns_list, ctrl, slots);

	if (nr < 0)
		nvio_error_prefix("%s", ctrl->info.name);
	return nr;
}

int nvio_identify_namespaces(struct nvio_ctrl *ctrl)
{
	int64_t nr = nvio_identify_active(ctrl, &ctrl->namespaces);

	if (nr < 0)
		return (int)nr;
	ctrl->nr_namespaces = (size_t)nr;
	ctrl->info.nr_namespaces = (uint32_t)nr;
	return 0;
}
