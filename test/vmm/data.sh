#!/bin/bash
# A guest's own driver on nvme_emu: what it identifies, data both ways against the file on this machine, every queue by
# interrupt and by polling, a file system, a change of format.
# kernels: small
# timeout: 180
. "${0%/*}/lib.sh"

truncate -s 256M "$tmp/disk"
head -c 32M /dev/urandom | dd of="$tmp/disk" bs=1M seek=128 conv=notrunc status=none
from_host=$(dd if="$tmp/disk" bs=1M skip=128 count=32 status=none | sha256sum)
serve --ns "file=$tmp/disk,size=256M" --ns size=64M,lba=4096 -o serial=guest-1

guest --no-iommu --smp 4 --timeout 150 --qemu "$(drive)" <<'GUEST'
set -o pipefail

interrupts() { awk '/nvme0q[1-9]/ { for (i = 2; i <= 5; i++) sum += $i } END { print sum }' /proc/interrupts; }
verify() { # verify NAME DEVICE ARGS...
	fio --name="$1" --filename="$2" --rw=randrw --direct=1 --verify=crc32c --verify_fatal=1 --verify_state_save=0 \
		--size=16M --output=/run/fio "${@:3}" || fail "fio $1: $(cat /run/fio)"
}

first=$(block_of "$BDF" 1) second=$(block_of "$BDF" 2)
nvme id-ctrl /dev/nvme0 > /run/id
grep -q '^sn *: guest-1 *$' /run/id && grep -q '^mn *: nvio software controller *$' /run/id || fail "$(cat /run/id)"
[ "$(blockdev --getss "$first") $(blockdev --getsize64 "$first")" = "512 $((256 << 20))" ] || fail "first namespace"
[ "$(blockdev --getss "$second") $(blockdev --getsize64 "$second")" = "4096 $((64 << 20))" ] || fail "second namespace"
[ "$(ls "/sys/block/${first##*/}/mq" | wc -l)" = 4 ] || fail "not a queue for each processor"

echo "from host: $(dd if="$first" bs=1M skip=128 count=32 iflag=direct status=none | sha256sum)"
head -c 64M /dev/urandom > /run/data
dd if=/run/data of="$first" bs=1M oflag=direct status=none
echo "to host: $(sha256sum < /run/data)"
verify 512 "$first" --offset=64M --bsrange=512-256k --iodepth=16 --ioengine=io_uring
before=$(interrupts)
verify 4096 "$second" --bs=4k --iodepth=4 --ioengine=libaio --numjobs=4 --offset_increment=16M --size=4M \
	--cpus_allowed=0-3 --cpus_allowed_policy=split
[ "$(interrupts)" -gt "$before" ] || fail "no interrupts"
for cpu in 0 1 2 3; do
	awk -v f=$((cpu + 2)) '/nvme0q[1-9]/ { sum += $f } END { exit !sum }' /proc/interrupts ||
		fail "processor $cpu was not interrupted: $(cat /proc/interrupts)"
done

# Half of the queues are polled: their commands complete without interrupts.
echo 2 > /sys/module/nvme/parameters/poll_queues
bind "$BDF" none
bind "$BDF" nvme
wait_for 5 block_of "$BDF" 2 > /dev/null
second=$(block_of "$BDF" 2)
[ "$(cat "/sys/block/${second##*/}/queue/io_poll")" = 1 ] || fail "no polling"
before=$(interrupts)
verify polled "$second" --bs=4k --iodepth=8 --ioengine=io_uring --hipri
[ $(($(interrupts) - before)) -le 200 ] || fail "$(($(interrupts) - before)) interrupts for 4096 polled commands"

mkfs.ext4 -q "$second"
mkdir -p /run/mnt
mount "$second" /run/mnt
head -c 20M /run/data > /run/mnt/data
umount /run/mnt
mount "$second" /run/mnt
cmp -n 20971520 /run/mnt/data /run/data || fail "the file system's data"
fstrim /run/mnt
umount /run/mnt
fsck.ext4 -fn "$second" > /dev/null 2>&1 || fail "the file system is damaged"

nvme format "$second" --lbaf=0 --force > /dev/null
wait_for 5 [ "$(blockdev --getss "$second")" = 512 ]
head -c 64M /dev/zero | cmp - "$second" || fail "not empty after format"
nvme smart-log /dev/nvme0 | grep -q '^media_errors\s*: 0$' || fail "media errors"
echo "guest done"
GUEST
grep -q '^guest done$' "$tmp/out" || fail "$(cat "$tmp/out")"
grep -qx "from host: $from_host" "$tmp/out" || fail "the guest did not read what was written here"
to_host=$(head -c 64M "$tmp/disk" | sha256sum)
grep -qx "to host: $to_host" "$tmp/out" || fail "the file does not hold what the guest wrote"
