#!/bin/bash
# fio's engine on a zoned namespace, with zonemode=zbd: zones, their capacity and the limit of open ones are the drive's,
# writes are verified, zones are reset. The kernel's driver finds the same data in the same zones.
# vm: --image disk1=64M --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw'
# vm: --qemu '-device nvme-ns,bus=nvme0,nsid=2,drive=disk1,zoned=on,zoned.zone_size=4M,zoned.zone_capacity=3M,zoned.max_open=4,zoned.max_active=6,logical_block_size=4096,physical_block_size=4096'
# timeout: 240
. "${0%/*}/../lib.sh"
cd "$TMPDIR"

zbd=(--name=zbd --zonemode=zbd --verify_state_save=0)
engine=(--ioengine="external:$BUILD/nvio-fio.so" --filename="${BDF//:/\\:}/2")

run() { fio "${zbd[@]}" "$@" > out 2>&1 || fail "fio $*: exit status $?: $(cat out)"; }

says() { grep -qE "$1" out || fail "fio does not say '$1': $(cat out)"; }

bind "$BDF" vfio-pci
run "${engine[@]}" --rw=randwrite --bs=64k --iodepth=4 --verify=crc32c --verify_fatal=1 --size=32M --io_size=24M
says 'READ: .* io=24.0MiB'
says 'WRITE: .* io=24.0MiB'
# The limits: four zones at once are open, of what the job may write to.
run "${engine[@]}" --rw=write --bs=128k --iodepth=1 --numjobs=2 --size=16M --offset_increment=16M --max_open_zones=4 \
	--verify=crc32c --verify_fatal=1 --group_reporting
says 'WRITE: .* io=24.0MiB'
says ' write: .*; 8 zone resets'
! fio "${zbd[@]}" "${engine[@]}" --rw=write --bs=128k --max_open_zones=5 --size=16M > out 2>&1 || fail "five open zones"
says 'max_open_zones'
# A request larger than a command is refused: its parts could overtake each other.
! fio "${zbd[@]}" "${engine[@]}" --rw=write --bs=1M --size=16M > out 2>&1 || fail "writes of several commands"
says 'writes into zones take one command each'

run "${engine[@]}" --rw=write --bs=128k --size=16M --verify=crc32c --do_verify=0
bind "$BDF" nvme
block=$(wait_for 10 block_of "$BDF" 2)
[ "$(< "/sys/block/${block#/dev/}/queue/zoned")" = host-managed ] || skip "this kernel knows no zones"
run --ioengine=io_uring --direct=1 --filename="$block" --rw=read --bs=128k --size=16M --verify=crc32c --verify_fatal=1
says 'READ: .* io=12.0MiB'
