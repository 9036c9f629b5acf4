#!/bin/bash
# A controller whose IOMMU group holds others: `nvio bind` takes all or none, and `nvio restore` gives all back.
# vm: --image disk1=64M --image disk2=64M
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -drive if=none,id=disk2,file={tmp}/disk2,format=raw'
# vm: --qemu '-device nvme,serial=nvio1,addr=0x11.0,drive=disk1,multifunction=on'
# vm: --qemu '-device nvme,serial=nvio2,addr=0x11.1,drive=disk2 -device edu,addr=0x11.2'
. "${0%/*}/../lib.sh"
set -o pipefail
nvio=$BUILD/nvio
a=0000:00:11.0 b=0000:00:11.1 c=0000:00:11.2

# on DRIVERS: of the three functions.
on()
{
	[ "$(driver_of $a) $(driver_of $b) $(driver_of $c)" = "$*" ] ||
		fail "they are on $(driver_of $a) $(driver_of $b) $(driver_of $c)"
}

group=$(basename "$(readlink "$pci/devices/$a/iommu_group")")
on nvme nvme none
expect_error "^nvio: $a shares IOMMU group $group with $b, which nvme drives: .*\`nvio bind --group $a\`" "$nvio" bind $a
on nvme nvme none
disk=$(wait_for 10 block_of $b)
mkdir "$TMPDIR/fs"
mkfs.ext4 -q -F "$disk"
mount "$disk" "$TMPDIR/fs"
expect_error "^nvio: $b is in use: ${disk#/dev/} is mounted on $TMPDIR/fs: " "$nvio" bind --group $a
on nvme nvme none
umount "$TMPDIR/fs"

"$nvio" bind --group --user nobody $a
on vfio-pci vfio-pci none
"$nvio" doctor $a
"$BUILD/test/vm/try_open" $a
"$nvio" vfio $a > "$TMPDIR/log"
grep -qx "  $b, vfio-pci" "$TMPDIR/log" && grep -qx "  $c, no driver" "$TMPDIR/log" || fail "$(cat "$TMPDIR/log")"
"$nvio" restore $a
on nvme nvme none
[ "$(ls /run/nvio)" = lock ] || fail "something is still remembered: $(ls /run/nvio)"

# Each by its own name: then each goes back by its own name, and the group's file is the user's for as long as one needs it.
bind $b none
"$nvio" bind --user nobody $a
"$nvio" bind --user nobody $b
"$nvio" restore $a
on nvme vfio-pci none
[ "$(stat -c %U "/dev/vfio/$group")" = nobody ] || fail "/dev/vfio/$group was taken from its user"
"$nvio" restore $b
on nvme none none
