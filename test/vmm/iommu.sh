#!/bin/bash
# A guest with an IOMMU of its own: each page is a region of memory that comes and goes, and queues lie in many of them.
# Then nvio drives the drive inside the guest, on the guest's vfio-pci.
# kernels: small
# timeout: 180
. "${0%/*}/lib.sh"

truncate -s 128M "$tmp/disk"
serve --ns "file=$tmp/disk,size=128M"

guest --timeout 150 --huge 40 --qemu "$(drive)" <<'GUEST'
dmesg | grep -q 'DMAR: IOMMU enabled' || fail "no IOMMU"
head -c 16M /dev/urandom > /run/data
dd if=/run/data of="$(block_of "$BDF")" bs=1M oflag=direct status=none
fio --name=v --filename="$(block_of "$BDF")" --rw=randrw --bsrange=4k-128k --iodepth=8 --ioengine=libaio --direct=1 \
	--offset=32M --size=16M --verify=crc32c --verify_fatal=1 --verify_state_save=0 --output=/run/fio ||
	fail "$(cat /run/fio)"
nvme format "$(block_of "$BDF")" --lbaf=0 --force > /dev/null
bind "$BDF" vfio-pci
"$BUILD/test/vm/verify" "$BDF" 1 31:8000
"$BUILD/test/vm/lifecycle" "$BDF" 10
"$BUILD/nvme_perf" -r "$BDF" -q 32 -t 1 --json - 2> /run/err | tr -d '\n ' || fail "$(cat /run/err)"
echo
bind "$BDF" nvme
wait_for 5 block_of "$BDF" > /dev/null
dd if=/run/data of="$(block_of "$BDF")" bs=1M oflag=direct status=none
echo "to host: $(sha256sum < /run/data)"
GUEST
grep -qE '"errors":0' "$tmp/out" || fail "$(cat "$tmp/out")"
grep -qx "to host: $(head -c 16M "$tmp/disk" | sha256sum)" "$tmp/out" || fail "the file does not hold what the guest wrote"
