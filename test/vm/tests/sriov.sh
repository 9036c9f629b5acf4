#!/bin/bash
# A virtual function is a controller of its own: its physical one stays the kernel's, which gives it queues, interrupts and
# goes on with its own disk. By the group and by its own file.
# timeout: 180
# vm: --no-nvme --qemu '-device pcie-root-port,id=port1,bus=pcie.0,chassis=1,slot=1,addr=0x12,x-speed=5'
# vm: --image disk1=64M --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -device nvme-subsys,id=subsys0'
# vm: --qemu '-device nvme,serial=nvio1,bus=port1,subsys=subsys0,sriov_max_vfs=1,sriov_vq_flexible=4,sriov_vi_flexible=2'
# vm: --qemu '-device nvme-ns,drive=disk1,shared=on'
. "${0%/*}/../lib.sh"
set -o pipefail

pf=$(nvme_bdfs)
dev=$pci/devices/$pf

# manage CONTROLLER RESOURCE ACTION NUMBER: Virtualization Management (5.22) by the kernel's driver.
manage()
{
	nvme virt-mgmt "$ctrl" --cntlid="$1" --rt="$2" --act="$3" --nr="$4"
}

block=$(wait_for 10 block_of "$pf")
ctrl=/dev/$(ls "$dev/nvme")
manage 0 1 1 0 # no flexible interrupts and queues for the physical one
manage 0 0 1 0
echo 1 > "$dev/reset"
echo 0 > "$dev/sriov_drivers_autoprobe"
echo 1 > "$dev/sriov_numvfs"
vf=$(basename "$(readlink "$dev/virtfn0")")
manage 1 1 8 2
manage 1 0 8 4
manage 1 0 9 0 # online
bind "$vf" vfio-pci
[ "$(driver_of "$pf")" = nvme ] || fail "$pf is on $(driver_of "$pf")"
"$BUILD/nvio" list
for way in group cdev; do
	"$BUILD/nvme_perf" -r "$vf" --vfio $way -q 8 -n 2000 -w randwrite | tee "$TMPDIR/log"
	grep -q '^2000 I/Os submitted, 2000 completed, 0 of them with an error' "$TMPDIR/log"
	expect_error "$vf takes no token" "$BUILD/nvme_perf" -r "$vf" --vfio $way --vf-token 01234567-89ab-cdef-0123-456789abcdef
done
"$BUILD/test/vm/ways" "$vf" 1 type1v2 write 1
"$BUILD/test/vm/ways" "$vf" 2 iommufd read 1
# The namespace is shared: the kernel reads by the physical function what was written by the virtual one.
"$BUILD/test/vm/ways" "$vf" 1 type1v2 write 7
dd if="$block" of="$TMPDIR/seen" bs=64k count=1 iflag=direct status=none
"$BUILD/test/vm/ways" "$vf" 1 type1v2 write 8
dd if="$block" of="$TMPDIR/then" bs=64k count=1 iflag=direct status=none
! cmp -s "$TMPDIR/seen" "$TMPDIR/then" || fail "the physical function does not see what was written"
dd if="$TMPDIR/seen" of="$block" bs=64k oflag=direct status=none
"$BUILD/test/vm/ways" "$vf" 1 type1v2 read 7
