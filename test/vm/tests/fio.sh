#!/bin/bash
# fio's engine on a real VFIO: four jobs verify what they wrote, at depths from 1 to 256; what the engine wrote fio finds
# through the kernel's driver, and the other way round, by group and by iommufd. On another namespace, with blocks of
# 4 KiB, two jobs at once with interrupts.
# vm: --mem 2560 --image disk1=256M --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw'
# vm: --qemu '-device nvme,serial=nvio1,addr=0x11,drive=disk1,logical_block_size=4096,physical_block_size=4096'
# timeout: 240
. "${0%/*}/../lib.sh"
cd "$TMPDIR"
[ -e "$BUILD/nvio-fio.so" ] || fail "there is no engine: make fio"

run() # ARGS...
{
	fio --name=job --verify=crc32c --verify_fatal=1 --verify_state_save=0 --output-format=json --output=json "$@" ||
		fail "fio $*: exit status $?: $(cat json)"
	# Bytes of the direction that the job is about.
	[ "$(grep -c '"error" : 0' json)" -ge 1 ] || fail "$(cat json)"
}

by_engine() { run --ioengine="external:$BUILD/nvio-fio.so" --filename="${name//:/\\:}" "$@"; }
by_kernel() { run --ioengine=io_uring --direct=1 --filename="$block" "$@"; }

# bytes DIRECTION COUNT: moved by all jobs
bytes()
{
	local sum
	sum=$(awk -v way="\"$1\" :" '$0 ~ way { on = 1 } on && /"io_bytes"/ { gsub(/,/, ""); n += $3; on = 0 } END { print n }' json)
	[ "$sum" = "$2" ] || fail "$sum bytes $1 instead of $2"
}

job=(--bsrange=4k-256k --size=32M)
bind "$BDF" vfio-pci
name=$BDF/1
for depth in 1 64 256; do
	by_engine --rw=randwrite --bsrange=512-1M --iodepth=$depth --numjobs=4 --size=8M --offset_increment=8M
	bytes write $((32 << 20))
	bytes read $((32 << 20))
done
by_engine --rw=write "${job[@]}" --iodepth=16 --do_verify=0
bytes write $((32 << 20))

bind "$BDF" nvme
block=$(wait_for 10 block_of "$BDF")
by_kernel --rw=write "${job[@]}" --verify_only=1 --iodepth=16
bytes read $((32 << 20))
by_kernel --rw=write "${job[@]}" --offset=64M --iodepth=16 --do_verify=0
bytes write $((32 << 20))

bind "$BDF" vfio-pci
by_engine --rw=write "${job[@]}" --offset=64M --verify_only=1 --iodepth=32 --interrupts=1 --vfio_way=cdev
bytes read $((32 << 20))
by_engine --rw=write "${job[@]}" --verify_only=1 --iodepth=1 --vfio_way=group
bytes read $((32 << 20))

# Dots for the colons; two drives in one job.
bind 0000:00:11.0 vfio-pci
name=${BDF//:/.}:0000.00.11.0/1
run --ioengine="external:$BUILD/nvio-fio.so" --filename="${name}" --rw=randwrite --bs=4k --size=16M --iodepth=32
bytes write $((16 << 20))
name=0000:00:11.0/1
by_engine --rw=randwrite --bsrange=4k-64k --size=16M --offset_increment=16M --numjobs=2 --iodepth=8 --interrupts=1 --fsync=8
bytes write $((32 << 20))
