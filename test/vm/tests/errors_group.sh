#!/bin/bash
# A drive whose IOMMU group holds others: three functions of a device without isolation between them. The error lists
# all of them with their drivers, and goes away when the last one is given up by its driver.
# kernels: stock
# vm: --image disk1=64M --image disk2=64M
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -drive if=none,id=disk2,file={tmp}/disk2,format=raw'
# vm: --qemu '-device nvme,serial=nvio1,addr=0x11.0,drive=disk1,multifunction=on'
# vm: --qemu '-device nvme,serial=nvio2,addr=0x11.1,drive=disk2 -device edu,addr=0x11.2'
. "${0%/*}/../lib.sh"
set -o pipefail
open=$BUILD/test/vm/try_open
a=0000:00:11.0 b=0000:00:11.1 c=0000:00:11.2

group=$(basename "$(readlink "$pci/devices/$a/iommu_group")")
devices=("/sys/kernel/iommu_groups/$group/devices"/*)
[ "${devices[*]##*/}" = "$a $b $c" ] || fail "group $group holds ${devices[*]##*/}"

# not_viable DRIVER_B DRIVER_C: opening the first names the others with these drivers, each device once, in any order.
not_viable()
{
	local message why
	why="$a: IOMMU group $group is not viable: every device in it must be bound to vfio-pci or to no driver; it holds"
	expect_error "^EPERM: $why " "$open" "$a" | tee "$TMPDIR/log"
	message=$(< "$TMPDIR/log")
	[ "$(tr , '\n' <<< "${message#* it holds}" | sort | xargs)" = "$a (vfio-pci) $b ($1) $c ($2)" ] ||
		fail "the devices of the group are told otherwise"
}

bind "$a" vfio-pci
bind "$b" nvme
not_viable nvme "no driver"
bind "$c" vfio-pci
not_viable nvme vfio-pci
bind "$b" none
"$open" "$a"
expect_error "^EBUSY: $b is bound to no driver: " "$open" "$b"
bind "$b" vfio-pci
"$open" "$a"
"$open" "$b"

# Two of one group, each in an address space of its own: the group can only be in one.
expect_error "^EBUSY: $b: /dev/vfio/$group is in use: held by process [0-9]+ \(try_open\), which is this one$" \
	"$open" "$a" "$b"
