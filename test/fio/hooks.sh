#!/bin/bash
# What fio can ask of an engine besides reads and writes, and what jobs ask of fio: each has its effect on the device, by
# the data and by what is counted.
# timeout: 300
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/fio/lib.bash

# holds TEXT: all of the image is this, again and again
holds() { cmp -s "$tmp/image" <(yes "$1" | tr -d '\n' | head -c 8M); }

# commands: how many the server has taken
commands() { "$build/nvme_emu" ctl "$tmp/c" status | sed 's/.* commands=\([0-9]*\).*/\1/'; }

serve "$tmp/s" --control "$tmp/c" --ns size=8M,file="$tmp/image"
user=vfio-user:$tmp/s
pattern=(--bs=64k --iodepth=8 --buffer_pattern='"nvio"')
good "$user" --rw=write "${pattern[@]}"
holds nvio || fail "a write"

# Trim, and the commands that stand in for writes.
good "$user" --rw=randtrim --bs=4k --iodepth=8
figures 'jobs[0]["trim"]["io_bytes"] == 8 << 20'
cmp -s "$tmp/image" <(head -c 8M /dev/zero) || fail "a trim"
good "$user" --rw=write "${pattern[@]}"
good "$user" --rw=write "${pattern[@]}" --write_mode=verify
holds nvio || fail "Verify changed the data"
good "$user" --rw=write "${pattern[@]}" --write_mode=zeroes --deac=1
cmp -s "$tmp/image" <(head -c 8M /dev/zero) || fail "Write Zeroes"
good "$user" --rw=write "${pattern[@]}"
good "$user" --rw=write --bs=4k --size=4k --write_mode=uncor
refused 'fio: NVMe status 0x281: unrecovered read error' "$user" --rw=read --bs=4k --size=8k
good "$user" --rw=write "${pattern[@]}" --writefua=1
good "$user" --rw=read --bs=4k --readfua=1
holds nvio || fail "written again"

# Sync is a flush, for every fourth of 64 writes.
start=$(commands)
good "$user" --rw=write --bs=128k
without=$(($(commands) - start))
start=$(commands)
good "$user" --rw=write --bs=128k --fsync=4
figures 'jobs[0]["write"]["total_ios"] == 64 and jobs[0]["sync"]["total_ios"] >= 15'
with=$(($(commands) - start))
[ "$without" -ge 64 ] && [ $((with - without)) -ge 15 ] || fail "$with commands with flushes, $without without"

# One doorbell for what is queued, unless the job says else.
good "$user" --rw=randread --bs=4k --iodepth=32 --iodepth_batch_complete_min=32
figures 'jobs[0]["iodepth_submit"]["32"] > 90'
good "$user" --rw=randread --bs=4k --iodepth=32 --iodepth_batch_submit=4 --iodepth_batch_complete_min=32
figures 'jobs[0]["iodepth_submit"]["4"] > 90'
# What is there is taken at once, unless the job says else: of 32 that take 10 ms, many are there together. They come one
# by one where the controller has too little of the machine: then it is tried again.
slow=emu:size=64M,latency=10ms
for try in 1 2 3 4 5 6; do
	good "$slow" --rw=randread --bs=4k --iodepth=32 --size=8M
	(figures 'jobs[0]["iodepth_complete"]["4"] < 85') && break
	[ "$try" -lt 6 ] || fail "completions are taken one by one"
done
good "$slow" --rw=randread --bs=4k --iodepth=32 --size=8M --iodepth_batch_complete_min=1
figures 'jobs[0]["iodepth_complete"]["4"] > 90'

# What was recorded is done again: on the device that the log names, whether the job names it too, or on another; also
# when the log is read in pieces. A device that is not there is told.
good "$user" --rw=randwrite --bs=64k --write_iolog="$tmp/log"
replay=(--name=replay --read_iolog="$tmp/log" --iodepth=8 --buffer_pattern='"nvio"')
for how in "" --read_iolog_chunked=1; do
	for name in "--filename=${user//:/\\:}" ""; do
		good "$user" --rw=write --bs=64k --zero_buffers
		alone "${replay[@]}" $name $how || fail "a log again: $(cat "$tmp/err")"
		figures 'jobs[0]["error"] == 0 and jobs[0]["write"]["total_ios"] == 128'
		holds nvio || fail "not the same again: $name $how"
	done
done
# fio does not wait for what is still to be completed at the end; and blocks get larger while the log is read in pieces.
"$build/nvme_emu" ctl "$tmp/c" delay time=20ms opcode=1 > "$tmp/out"
good "$user" --rw=write --bs=64k --zero_buffers --iodepth=32
alone "${replay[@]}" || fail "a slow log: $(cat "$tmp/err")"
holds nvio || fail "not all of a log on a slow device"
"$build/nvme_emu" ctl "$tmp/c" clear > "$tmp/out"
good "$user" --rw=write --bs=4k --size=256k --write_iolog="$tmp/small"
{ grep -v close "$tmp/small"; sed '1,3d' "$tmp/log"; } > "$tmp/both"
good "$user" --rw=write --bs=64k --zero_buffers
alone --name=replay --read_iolog="$tmp/both" --iodepth=8 --buffer_pattern='"nvio"' --read_iolog_chunked=1 --replay_no_stall=1 ||
	fail "a log of sizes: $(cat "$tmp/err")"
holds nvio || fail "not all of a log of sizes"
alone "${replay[@]}" --replay_redirect=emu:size=8M || fail "a log redirected: $(cat "$tmp/err")"
figures 'jobs[0]["error"] == 0 and jobs[0]["write"]["total_ios"] == 128'
! alone "${replay[@]}" --replay_redirect="vfio-user:$tmp/none" || fail "a log redirected to nothing"
grep -qE "^nvio: .*$tmp/none" "$tmp/err" || fail "$(cat "$tmp/err")"
stop TERM

# Jobs: many, mixed, slow, until steady.
good emu:size=64M --rw=randrw --bs=4k --numjobs=4 --iodepth=8 --size=8M --io_size=2M --group_reporting
figures 'jobs[0]["read"]["io_bytes"] + jobs[0]["write"]["io_bytes"] == 8 << 20'
good emu:size=64M --rw=randread --bs=4k --rate_iops=500 --time_based --runtime=2
figures '400 < jobs[0]["read"]["iops"] < 600'
good emu:size=64M --rw=read --bs=4k --iodepth=4 --thinktime=10ms --thinktime_blocks=10 --size=400k
figures 'jobs[0]["read"]["io_bytes"] == 400 << 10 and jobs[0]["job_runtime"] >= 80'
good emu:size=64M --rw=randread --bs=4k --iodepth=4 --steadystate=iops:90% --ss_dur=2 --time_based --runtime=8
figures '"steadystate" in jobs[0]'
good emu:size=16M --rw=randwrite --bs=16k --iodepth=4 --zonemode=zbd --zonesize=1M --verify=crc32c --verify_fatal=1
figures 'jobs[0]["read"]["io_bytes"] == jobs[0]["write"]["io_bytes"] == 16 << 20'
good emu:size=16M,lba=4096/1 --rw=read --bs=4k --offset=8M --iodepth=16
figures 'jobs[0]["read"]["io_bytes"] == 8 << 20'

# Options of the controller: the same in all jobs, or said so.
good emu:size=1M --rw=read --bs=4k --priority=urgent --shadow_doorbells=on --admin_timeout_ms=5000 --host_memory=0
good emu:size=1M,hmb=8M --rw=read --bs=4k --host_memory=4m --hugepage=none
refused 'jobs that share a controller need the same' emu:size=1M --rw=read --bs=4k --name=other --priority=low \
	--rw=read --ioengine="external:$engine" --filename='emu\:size=1M'

# Standard output is fio's alone.
timeout 60 "${preload[@]}" fio --output-format=json --name=test --ioengine="external:$engine" --rw=read --bs=4k --size=1M \
	--filename='emu\:size=2M' 2> /dev/null | python3 -m json.tool > /dev/null || fail "the output is no JSON"
