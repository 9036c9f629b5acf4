#!/bin/bash
# The harness itself, with the kernel's drivers alone: the default controller, binding, the helpers of lib.sh.
# A second controller has a namespace that it could share, which makes the kernel's names those of multipath.
# kernels: small stock
# vm: --image disk1=64M --qemu '-device nvme-subsys,id=subsys0 -device nvme,serial=nvio1,addr=0x11,subsys=subsys0'
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -device nvme-ns,drive=disk1,nsid=7,shared=on'
. "${0%/*}/../lib.sh"

# said STATUS TEXT COMMAND...: COMMAND, in a shell of its own as it may exit, ends with STATUS and prints TEXT.
said()
{
	local status=0 text
	text=$( ("${@:3}") 2>&1 ) || status=$?
	[ "$status $text" = "$1 $2" ] || fail "status $status, '$text' instead of $1, '$2': ${*:3}"
}

[ "$(nvme_bdfs | xargs)" = "$BDF 0000:00:11.0" ] || fail "NVMe controllers: $(nvme_bdfs | xargs)"
[ "$(driver_of "$BDF")" = nvme ] || fail "$BDF is on $(driver_of "$BDF")"
block=$(wait_for 10 block_of "$BDF")
nvme id-ctrl "$block" | grep -qE '^sn +: nvio0' || fail "$block is not the harness' controller"
[ "$(blockdev --getsize64 --getss "$block" | xargs)" = '1073741824 512' ] || fail "$block: size or block size"
said 1 '' block_of "$BDF" 2
block=$(wait_for 10 block_of 0000:00:11.0 7)
[ "$(< "/sys/block/${block#/dev/}/nsid")" = 7 ] || fail "$block is not namespace 7"
[ -d "/sys/bus/pci/devices/0000:00:11.0/nvme" ]

bind "$BDF" vfio-pci
group=$(basename "$(readlink "/sys/bus/pci/devices/$BDF/iommu_group")")
[ -c "/dev/vfio/$group" ] || fail "no /dev/vfio/$group"
said 1 '' block_of "$BDF"
bind "$BDF" none
said 1 "FAIL: bind: $BDF is on driver none instead of nosuch" bind "$BDF" nosuch
bind "$BDF" nvme
block=$(wait_for 10 block_of "$BDF")
dd if="$block" of=/dev/null bs=4096 count=16 status=none

complain()
{
	echo "$2" >&2
	return "$1"
}
said 0 'no such drive' expect_error '^no .* drive$' complain 1 'no such drive'
said 1 $'other\nFAIL: no message, or several, like '"'^no': complain 1 other" expect_error '^no' complain 1 other
said 1 $'no\nFAIL: exit status 2 instead of 1: complain 2 no' expect_error no complain 2 no
said 77 'for a reason' skip for a reason
said 1 'not within 0 s: false' wait_for 0 false
if bash -c '. "$1"/test/vm/lib.sh; helper() { false; }; helper; echo on' bash "$SRC" > "$TMPDIR/log" 2>&1; then
	fail "a test goes on after a command that failed"
fi
grep -qx 'FAIL: .*: false (status 1)' "$TMPDIR/log" || fail "told instead: $(< "$TMPDIR/log")"
[ "$(< /proc/sys/vm/nr_hugepages)" = 64 ] || fail "hugepages: $(< /proc/sys/vm/nr_hugepages)"
touch "$TMPDIR/file" /dev/shm/file
if touch "$SRC/nvio-harness-was-here" 2> /dev/null; then fail "the host's root can be written"; fi
setpriv --reuid 65534 --clear-groups true || fail "a user other than root cannot run a program"
