#!/bin/bash
# What is wrong with a job is told in a line, with exit status 1: names, sizes, options, what runs out. A device that fails
# ends the job and not fio, and nothing hangs.
# timeout: 300
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/fio/lib.bash

# Names.
refused 'nvio: 0000:ff:1f.7: no such PCI device' 0000:ff:1f.7/1 --rw=read
refused 'nvio: 0000:ff:1f.7: no such PCI device' 0000.ff.1f.7/1 --rw=read
refused 'nvio: .* is no namespace identifier' /dev/null --rw=read
refused 'nvio: .* \(a colon of a file name is written \\: in fio\)' some.file --rw=read
refused 'nvio: emu:/3: emu: has no active namespace 3' emu:/3 --rw=read
refused "nvio: .*$tmp/none" "vfio-user:$tmp/none" --rw=read
serve "$tmp/s" --ns size=1M --ns size=1M
refused 'nvio: vfio-user:.* has several namespaces: say which, such as .*/1' "vfio-user:$tmp/s" --rw=read
stop TERM
refused "nvio: emu:/1: 'secret' is no UUID" emu:/1 --rw=read --vf_token=secret
refused 'nvio: emu:size=bogus/1: size=bogus: not a number' emu:size=bogus/1 --rw=read
refused 'nvio: emu:size=1M,foo=3: "foo" is no option' emu:size=1M,foo=3 --rw=read
! alone --name=nameless --rw=read --size=1M || fail "a job without a device"
[ "$(grep nvio: "$tmp/err")" = "nvio: nameless: filename= is missing: it names the device, such as 0000\:01\:00.0/1" ] ||
	fail "$(cat "$tmp/err")"
! alone --name=named --rw=read --size=1M --filename_format="$tmp/\$jobname" || fail "a file"
grep -q "nvio: '$tmp/named': 'named' is no namespace" "$tmp/err" || fail "$(cat "$tmp/err")"
[ ! -e some.file ] && [ ! -d 0000.ff.1f.7 ] || fail "something was made in the file system"

# Sizes and memory.
refused 'multiples of 512 bytes: 513 is not' emu: --rw=read --bs=513
refused 'multiples of 4096 bytes: 512 is not' emu:lba=4096 --rw=randrw --bsrange=512-4k
refused 'multiples of 4096 bytes: 6144 is not' emu:lba=4096 --rw=write --bssplit=4k/50:6k/50
refused 'multiples of 512 bytes: 1 is not' emu: --rw=randread --bsrange=512-4k --bs_unaligned
refused 'multiples of 512 bytes: 100 is not' emu: --rw=read --bs=4k --offset=100
refused 'multiples of 520 bytes \(a block with its metadata\): 4096 is not' emu:md=8,extended=on --rw=read --bs=4k
refused 'data must begin at a multiple of 4' emu:size=1M --rw=randread --bs=4k --iomem_align=2 --sgl=0
for mem in malloc mmap shm mmaphuge; do
	refused 'nvio: test: mem= cannot be used' emu:size=1M --rw=read --bs=4k --mem=$mem
	[ "$(grep -c nvio: "$tmp/err")" = 1 ] || fail "more than a line of --mem=$mem: $(cat "$tmp/err")"
done
refused 'md_per_io_size=8 is too small: 64 bytes are needed' emu:md=8 --rw=read --bs=4k --md_per_io_size=8
refused 'verify= cannot be used with protection information at the end' emu:md=8,pi=1,extended=on --rw=write --bs=520 \
	--pi_act=0 --verify=crc32c

# Options.
refused "pi_chk: 'CRC' is none of" emu: --rw=read --pi_chk=GUARD,CRC
refused 'needs create_serialize=1' emu: --rw=read --create_serialize=0
refused 'has no weighted round robin' emu:wrr=off --rw=read --priority=high
refused 'shadow doorbells' emu:shadow=off --rw=read --shadow_doorbells=on
refused "can't be used with offloaded submit" emu: --rw=read --io_submit_mode=offload

# Queue pairs run out: one job more than there are. The others run to their end.
refused 'no queue pair for job test: .*all 2 I/O queue pairs that it granted are in use' emu:queues=2,size=1M \
	--rw=read --bs=4k --numjobs=3 --time_based --runtime=1
figures 'sorted(job["error"] for job in jobs) == [0, 0, 28]'
figures 'all(job["read"]["io_bytes"] > 1 << 20 for job in jobs if not job["error"])'

# The device: an error of one command, commands that never complete, a drive that is gone; asleep and awake.
bad=fault=fail+status=0x4281+skip=20
refused 'fio: NVMe status 0x281: unrecovered read error$' emu:size=1M,$bad --rw=read --bs=4k
figures 'jobs[0]["error"] == 5'
with_engine emu:size=1M,$bad --rw=read --bs=4k --continue_on_error=read || true
figures 'jobs[0]["read"]["io_bytes"] == (1 << 20) - 4096 and jobs[0]["total_err"] == 1'
# What is sent again until it succeeds is no error.
good emu:size=1M,fault=fail+status=0x0281+count=3 --rw=read --bs=4k
refused 'NVMe status 0x281' emu:size=1M,fault=fail+status=0x0281+count=3 --rw=read --bs=4k --max_retries=0
# A flush that fails ends the job, too, unless it is to go on after errors of writes.
bad=emu:size=8M,fault=fail+opcode=0+status=0x4006+count=9
for sync in --fsync=4 --fdatasync=4 --end_fsync=1 "--fsync=4 --iodepth=16"; do
	refused 'NVMe status 0x006: internal error' $bad --rw=write --bs=4k --size=256k $sync
	figures 'jobs[0]["error"] == 5'
done
with_engine $bad --rw=write --bs=4k --size=256k --fsync=4 --continue_on_error=write || fail "$(cat "$tmp/err")"
figures 'jobs[0]["total_err"] == 9 and jobs[0]["write"]["io_bytes"] == 256 << 10'
for interrupts in 0 1; do
	for depth in 1 16; do
		how=(--rw=randread --bs=4k --timeout_ms=400 --iodepth=$depth --interrupts=$interrupts)
		# What recovers is no error.
		good emu:size=1M,fault=drop+skip=50 "${how[@]}"
		figures 'jobs[0]["read"]["io_bytes"] == 1 << 20'
		how+=(--recovery=0)
		refused 'queue pair 1 failed: command [0-9]+ .*was not completed within' emu:size=1M,fault=drop+skip=50 "${how[@]}"
		figures 'jobs[0]["error"] == 5'
		! with_engine emu:size=1M,fault=gone+skip=50 "${how[@]}" || fail "a drive that is gone"
		figures 'jobs[0]["error"] == 5'
		# Two devices, one of which fails.
		! with_engine "emu:size=1M|emu:size=1M,fault=drop+skip=50" "${how[@]}" || fail "one of two drives"
		figures 'jobs[0]["error"] == 5'
		# A drive that fails while requests wait for room in its queue.
		! with_engine emu:size=1M,entries=4,fault=drop+skip=50 "${how[@]}" || fail "a full queue of a drive that fails"
		figures 'jobs[0]["error"] == 5'
		! with_engine emu:size=1M,entries=4,fault=gone+skip=50 "${how[@]}" || fail "a full queue of a drive that is gone"
		figures 'jobs[0]["error"] == 5'
	done
done
