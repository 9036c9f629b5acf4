/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a job uses the blocks of a namespace: how many bytes of buffer each takes, with which flags
 * they are read and written, and whether the job's sizes fit them.
 */
#include "engine.h"

#include <verify.h>

int nvio_fio_parse_checks(const char *text, unsigned int *checks)
{
	static const struct {
		const char *name;
		unsigned int check;
	} names[] = {
		{ "GUARD", NVIO_PI_GUARD },
		{ "REFTAG", NVIO_PI_REFERENCE },
		{ "APPTAG", NVIO_PI_APPLICATION },
	};
	size_t i;

	*checks = 0;
	while (text && *text) {
		size_t len = strcspn(text, ",");

		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (strlen(names[i].name) == len && !strncmp(text, names[i].name, len))
				break;
		}
		if (i == sizeof(names) / sizeof(names[0])) {
			log_err("nvio: pi_chk: '%.*s' is none of GUARD, REFTAG, APPTAG\n", (int)len,
				text);
			return -EINVAL;
		}
		*checks |= names[i].check;
		text += len + (text[len] == ',');
	}
	return 0;
}

static bool moves(struct thread_data *td, enum fio_ddir ddir)
{
	return ddir == DDIR_READ ? td_read(td) : ddir == DDIR_WRITE ? td_write(td) : td_trim(td);
}

/* The first of the sizes of a direction that is not a multiple of @unit; 0 when all are. */
static unsigned long long misfit(const struct thread_options *o, enum fio_ddir ddir, uint32_t unit)
{
	for (unsigned int i = 0; i < o->bssplit_nr[ddir]; i++) {
		if (o->bssplit[ddir][i].bs % unit)
			return o->bssplit[ddir][i].bs;
	}
	/* All between minimum and maximum are multiples of the minimum. */
	return o->min_bs[ddir] % unit   ? o->min_bs[ddir]
	       : o->max_bs[ddir] % unit ? o->max_bs[ddir]
	       : o->ba[ddir] % unit     ? o->ba[ddir]
					: 0;
}

static int check_sizes(struct thread_data *td, const struct nvio_fio_file *file)
{
	const struct thread_options *o = &td->o;
	unsigned long long bad = o->bs_unaligned ? 1 : 0;

	for (enum fio_ddir ddir = DDIR_READ; ddir <= DDIR_TRIM && !bad; ddir++)
		bad = moves(td, ddir) ? misfit(o, ddir, file->unit) : 0;
	if (!bad && !o->start_offset_percent)
		bad = o->start_offset % file->unit;
	if (!bad)
		return 0;
	log_err("nvio: %s: block sizes and offsets must be multiples of %u bytes%s: %llu is not\n",
		file->name, file->unit,
		file->unit > file->info.block_len ? " (a block with its metadata)" : "", bad);
	return -EINVAL;
}

/* What the largest request of the job needs. */
static uint32_t metadata_len(struct thread_data *td, const struct nvio_fio_file *file)
{
	unsigned long long len = 0;

	if (!file->separate_md)
		return 0;
	for (enum fio_ddir ddir = DDIR_READ; ddir <= DDIR_WRITE; ddir++)
		len = max(len, td->o.max_bs[ddir] / file->unit * file->info.metadata_len);
	return (uint32_t)min(len, (unsigned long long)UINT32_MAX);
}

static int check_metadata(struct thread_data *td, struct nvio_fio_job *job,
			  const struct nvio_fio_file *file)
{
	const struct nvio_fio_options *options = td->eo;
	uint32_t len = metadata_len(td, file);

	if (options->md_per_io_size && options->md_per_io_size < len) {
		log_err("nvio: %s: md_per_io_size=%u is too small: %u bytes are needed\n",
			file->name, options->md_per_io_size, len);
		return -EINVAL;
	}
	job->metadata_len = max(job->metadata_len, max(len, options->md_per_io_size));
	return 0;
}

static uint32_t check_flags(unsigned int checks)
{
	return (checks & NVIO_PI_GUARD ? NVIO_IO_CHECK_GUARD : 0) |
	       (checks & NVIO_PI_REFERENCE ? NVIO_IO_CHECK_REF : 0) |
	       (checks & NVIO_PI_APPLICATION ? NVIO_IO_CHECK_APP : 0);
}

static void choose_flags(const struct nvio_fio_options *options, const struct nvio_fio_job *job,
			 struct nvio_fio_file *file)
{
	static const uint8_t opcodes[] = {
		[NVIO_FIO_WRITE] = NVIO_OP_WRITE,
		[NVIO_FIO_UNCORRECTABLE] = NVIO_OP_WRITE_UNCORRECTABLE,
		[NVIO_FIO_ZEROES] = NVIO_OP_WRITE_ZEROES,
		[NVIO_FIO_VERIFY] = NVIO_OP_VERIFY,
	};
	uint32_t flags = file->info.protection ? check_flags(job->checks) : 0;

	if (file->info.protection && options->pi_act)
		flags |= NVIO_IO_PRACT;
	file->flags[DDIR_READ] = flags | (options->readfua ? NVIO_IO_FUA : 0);
	file->flags[DDIR_WRITE] = flags | (options->writefua ? NVIO_IO_FUA : 0);
	file->write_opcode = opcodes[options->write_mode];
	if (file->write_opcode == NVIO_OP_WRITE_ZEROES && options->deac)
		file->flags[DDIR_WRITE] |= NVIO_IO_DEALLOCATE;
	if (file->write_opcode == NVIO_OP_WRITE_UNCORRECTABLE)
		file->flags[DDIR_WRITE] = 0;
	if (file->write_opcode == NVIO_OP_VERIFY)
		file->flags[DDIR_WRITE] &= ~(uint32_t)NVIO_IO_PRACT;
}

/* fio looks at all bytes of a block, and some of these are not as it wrote them. */
static int check_verify(const struct thread_data *td, const struct nvio_fio_job *job,
			const struct nvio_fio_file *file)
{
	if (job->compare && td->o.verify != VERIFY_NONE && td->o.verify != VERIFY_PATTERN &&
	    td->o.verify != VERIFY_PATTERN_NO_HDR) {
		log_err("nvio: %s: verify_mode=compare needs verify=pattern\n", file->name);
		return -EINVAL;
	}
	if (td->o.verify == VERIFY_NONE || !file->info.protection ||
	    file->unit == file->info.block_len)
		return 0;
	log_err("nvio: %s: verify= cannot be used with protection information at the end of blocks%s\n",
		file->name, file->info.pi_alone ? ", but with pi_act=1" : "");
	return -EINVAL;
}

int nvio_fio_format(struct thread_data *td, struct nvio_fio_job *job, struct nvio_fio_file *file)
{
	const struct nvio_fio_options *options = td->eo;
	const struct nvio_ns_info *info = &file->info;
	bool stripped, simple;
	int err;

	nvio_ns_get_info(file->ns, &file->info, sizeof(file->info));
	stripped = options->pi_act && info->protection && info->pi_alone;
	file->unit =
		info->block_len + (info->metadata_extended && !stripped ? info->metadata_len : 0);
	file->separate_md = info->metadata_len && !info->metadata_extended && !stripped;
	file->host_pi = info->protection && !options->pi_act;
	job->check_reads |= file->host_pi && job->checks;
	choose_flags(options, job, file);
	simple = !(file->unit & (file->unit - 1)) && !file->separate_md && !file->host_pi;
	file->unit_shift = simple ? (uint8_t)__builtin_ctz(file->unit) : 0;
	file->unit_mask = file->unit - 1;
	file->plain[DDIR_READ] = simple && !file->flags[DDIR_READ] && !job->compare;
	file->plain[DDIR_WRITE] =
		simple && !file->flags[DDIR_WRITE] && file->write_opcode == NVIO_OP_WRITE;
	err = check_verify(td, job, file);
	if (!err)
		err = check_sizes(td, file);
	return err ? err : check_metadata(td, job, file);
}
