#!/bin/bash
# fio writes through the engine, reads back and compares: block sizes, depths, jobs, formats and ways to a device. What
# it wrote is in the file behind the controller; data that is wrong is found.
# timeout: 450
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/fio/lib.bash

four=(--numjobs=4 --size=16M --offset_increment=16M)
for depth in 1 16 256; do
	verified emu:size=64M --rw=randwrite --bsrange=512-1M --iodepth=$depth "${four[@]}"
	figures 'len(jobs) == 4 and sum(job["write"]["io_bytes"] for job in jobs) == 64 << 20'
done
verified emu:size=64M,lba=4096 --rw=randwrite --bsrange=4k-1M --iodepth=64 "${four[@]}"
# A mix, with more requests, or parts of them, than the queue holds: fio gets to see nothing of that.
verified emu:size=64M,mdts=5 --rw=randrw --bsrange=512-1M --iodepth=64 --size=64M
verified emu:size=300M,mdts=5 --rw=randrw --bs=1M --iodepth=256
verified emu:size=64M,mdts=1 --rw=randrw --bsrange=512-1M --iodepth=32
for how in --interrupts=0 --interrupts=1 --iodepth_batch_complete_max=1 --iodepth_batch_complete_min=64; do
	verified emu:size=8M,entries=64 --rw=randrw --bs=4k --iodepth=64 "$how"
	verified "emu:size=8M,entries=16|emu:size=8M,entries=8" --rw=randrw --bs=4k --iodepth=256 "$how"
done
verified emu:size=8M,entries=16,lba=4096,md=16,pi=1,guard=64 --rw=randrw --bs=4k --iodepth=64 --pi_act=0 --pi_chk=GUARD
# They keep their order: where the queue holds one command, they complete in it.
good emu:size=1M,entries=2 --rw=read --bs=4k --iodepth=32 --write_lat_log="$tmp/order" --log_offset=1
cut -d, -f5 "$tmp"/order_clat.*.log | cmp - <(seq -f ' %.0f' 0 4096 $(((1 << 20) - 1))) || fail "not in order"
verified emu:size=64M --rw=write --bssplit=4k/50:64k/50 --iodepth=8 --iodepth_batch_submit=1
verified emu:size=64M --rw=randwrite --bs=4k --size=8M --iodepth=32 --interrupts=1

# Metadata and protection information, made by the controller and by the engine.
for format in lba=512,md=8 lba=4096,md=64 lba=512,md=8,pi=1 lba=4096,md=16,pi=2,guard=32 lba=4096,md=16,pi=1,guard=64 lba=512,md=8,pi=3; do
	for act in 0 1; do
		verified emu:size=64M,$format --rw=randwrite --bsrange=4k-64k --size=16M --iodepth=16 \
			--pi_act=$act --pi_chk=GUARD,APPTAG --apptag=0xbeef
	done
done
verified emu:size=64M,lba=512,md=8,extended=on --rw=randwrite --bs=5200 --size=5200000 --iodepth=16
verified emu:size=64M,lba=512,md=8,extended=on,pi=1 --rw=randwrite --bs=4k --size=8M --pi_chk=GUARD,REFTAG --iodepth=16
good emu:size=64M,lba=512,md=8,extended=on,pi=1 --rw=randrw --bs=5200 --size=5200000 --iodepth=16 --pi_act=0 \
	--pi_chk=GUARD,REFTAG,APPTAG

# Another process' device; two devices at once, whose buffers are the same.
serve "$tmp/s" --ns size=64M,file="$tmp/image"
verified "vfio-user:$tmp/s" --rw=randwrite --bsrange=512-128k --iodepth=32
verified "vfio-user:$tmp/s/1|emu:size=32M" --rw=randwrite --bs=4k --size=32M --iodepth=32
good "vfio-user:$tmp/s" --rw=write --bs=128k --iodepth=8 --buffer_pattern='"nvio"' --end_fsync=1
stop TERM
cmp "$tmp/image" <(yes nvio | tr -d '\n' | head -c 64M) || fail "the file does not have what fio wrote"

# A bit that is wrong is found: by fio, and by the engine where there is protection information.
found() # REGEX FILENAME ARGS...
{
	! with_engine "${@:2}" || fail "a wrong bit was not found: ${*:2}"
	grep -qE "$1" "$tmp/err" || fail "not $1: $(cat "$tmp/err")"
}
wrong=fault=flip+byte=100+opcode=2
found '^crc32c: verify failed' "emu:size=64M,$wrong" --rw=write --bs=4k --size=1M --verify=crc32c
found ': block [0-9]+: guard is [0-9a-f]+ instead of [0-9a-f]+$' "emu:size=64M,lba=4096,md=8,pi=1,$wrong" \
	--rw=write --bs=4k --size=1M --pi_act=0 --pi_chk=GUARD --verify=crc32c

# Bits of the application tag that count, for the controller and for the engine, whoever made it.
serve "$tmp/p" --ns size=8M,lba=4096,md=8,pi=1
for made in 0 1; do
	good "vfio-user:$tmp/p" --rw=write --bs=64k --pi_act=$made --apptag=0xbeef
	for checked in 0 1; do
		tag=(--rw=read --bs=64k --pi_act=$checked --pi_chk=APPTAG --apptag)
		good "vfio-user:$tmp/p" "${tag[@]}" 0xbeef
		good "vfio-user:$tmp/p" "${tag[@]}" 0x00ef --apptag_mask=0x00ff
		for mask in 0x02ff 0xffff; do
			! with_engine "vfio-user:$tmp/p" "${tag[@]}" 0x00ef --apptag_mask=$mask || fail "a wrong tag: $mask"
			grep -qE 'NVMe status 0x283|: block 0: application tag is beef instead of ef$' "$tmp/err" || fail "$(cat "$tmp/err")"
		done
	done
done
stop TERM
