#!/bin/bash
# A guest reboots without its monitor, then a monitor is killed in the middle of I/O, and another one comes: each finds
# a drive that is as after power on, with the data of before.
# kernels: small
# timeout: 180
. "${0%/*}/lib.sh"

serve --ns size=64M
options=(--no-iommu --timeout 60 --qemu "$(drive)")

guest "${options[@]}" --qemu '-action reboot=reset' <<'GUEST'
dev=$(block_of "$BDF")
if [ "$(head -c 6 "$dev" | tr -d '\0')" != first ]; then
	echo first | dd of="$dev" bs=512 conv=sync oflag=direct status=none
	fio --name=load --filename="$dev" --rw=randread --bs=4k --iodepth=16 --ioengine=libaio --direct=1 --offset=32M \
		--size=16M --time_based --runtime=20 --output=/run/fio &
	sleep 1
	echo "boot 1"
	echo b > /proc/sysrq-trigger # at once, with I/O under way
	sleep 20
	fail "no reboot"
fi
echo "boot 2: $(head -c 5 "$dev")"
GUEST
[ "$(grep ^boot "$tmp/out")" = "boot 1
boot 2: first" ] || fail "$(cat "$tmp/out")"

(vm "${options[@]}") > "$tmp/out" 2>&1 <<'GUEST' &
dev=$(block_of "$BDF")
echo second | dd of="$dev" bs=512 conv=sync oflag=direct status=none
echo ready
fio --name=load --filename="$dev" --rw=randwrite --bs=64k --iodepth=16 --ioengine=libaio --direct=1 --offset=32M --size=16M \
	--time_based --runtime=40 --output=/run/fio
GUEST
guest=$!
for _ in $(seq 300); do
	! grep -q ready "$tmp/out" || break
	sleep 0.1
done
grep -q ready "$tmp/out" || fail "$(cat "$tmp/out")"
sleep 0.5
# The harness is killed, and the kernel kills its QEMU with it: nothing is said goodbye to.
kill -KILL "$guest"
! wait "$guest" 2> /dev/null || fail "the guest outlived its monitor"
still_serving

guest "${options[@]}" <<'GUEST'
[ "$(head -c 6 "$(block_of "$BDF")")" = second ] || fail "the data"
[ "$(nvme smart-log /dev/nvme0 | awk '/^unsafe_shutdowns/ { print $3 }')" -ge 1 ] || fail "an unsafe shutdown is not counted"
GUEST
