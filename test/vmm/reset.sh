#!/bin/bash
# A guest resets its drive in every way that it has, under I/O and without: what was written stays, commands under way
# are sent again by the guest's driver, and the drive is found again each time.
# kernels: small
# timeout: 180
. "${0%/*}/lib.sh"

serve --ns size=128M

guest --no-iommu --timeout 150 --qemu "$(drive)" <<'GUEST'
dev=$pci/devices/$BDF
head -c 16M /dev/urandom > /run/data

# same HOW: the drive is there and holds the data.
same()
{
	wait_for 10 block_of "$BDF" > /dev/null || fail "$1: no drive"
	wait_for 10 grep -q live "$dev"/nvme/nvme*/state || fail "$1: not live"
	dd if="$(block_of "$BDF")" bs=1M count=16 iflag=direct status=none | cmp - /run/data || fail "$1: the data"
	echo "same after $1"
}

dd if=/run/data of="$(block_of "$BDF")" bs=1M oflag=direct status=none
same nothing

fio --name=load --filename="$(block_of "$BDF")" --rw=randrw --bs=4k --iodepth=16 --ioengine=io_uring --direct=1 \
	--offset=64M --size=32M --io_size=1G --time_based --runtime=6 --verify=crc32c --verify_fatal=1 \
	--verify_state_save=0 --output=/run/fio &
sleep 1
for _ in 1 2 3; do
	echo 1 > "$dev/reset"
	sleep 0.5
done
for _ in 1 2; do
	nvme reset /dev/nvme0
	sleep 0.5
done
wait $! || fail "fio: $(cat /run/fio)"
same "function-level resets and controller resets under I/O"

for _ in 1 2 3; do
	bind "$BDF" none
	bind "$BDF" nvme
	same "binding"
done
bind "$BDF" none
[ "$(cat "$dev/reset_method")" = flr ] || fail "reset by $(cat "$dev/reset_method")"
echo 1 > "$dev/reset"
bind "$BDF" nvme
same "a reset without a driver"
echo 1 > "$dev/remove"
echo 1 > $pci/rescan
same "removal and a new scan of the bus"
[ "$(nvme smart-log /dev/nvme0 | awk '/^media_errors/ { print $3 }')" = 0 ] || fail "media errors"
[ "$(dmesg | grep -cE 'nvme.*(timeout|I/O error|controller is down)')" = 0 ] || fail "$(dmesg | grep nvme)"
GUEST
[ "$(grep -c '^same after' "$tmp/out")" = 7 ] || fail "$(cat "$tmp/out")"
