#!/bin/bash
# Random reads and writes at other sizes of the largest transfer: 2 MiB at an offset fills a page with PRP entries to
# its last slot, 4 MiB takes a chain of two such pages, 8 KiB a list of two entries at most. QEMU refuses commands of
# more than 1,024 pages whatever its MDTS says.
# vm: --nvme mdts=9 --image disk1=512M --image disk2=512M
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -drive if=none,id=disk2,file={tmp}/disk2,format=raw'
# vm: --qemu '-device nvme,serial=nvio1,addr=0x11,drive=disk1,mdts=10'
# vm: --qemu '-device nvme,serial=nvio2,addr=0x12,drive=disk2,mdts=1'
# timeout: 240
. "${0%/*}/../lib.sh"
set -o pipefail

# verify_drive BDF BLOCKS DEPTH:COMMANDS...: BLOCKS is the largest transfer that is expected.
verify_drive()
{
	bind "$1" vfio-pci
	"$BUILD/test/vm/verify" -l 1024 "$1" 0 "${@:3}" | tee "$TMPDIR/log"
	grep -q "^depth 1: .* 1 to $2 blocks" "$TMPDIR/log" || fail "$1: the largest transfer is not $2 blocks"
}

verify_drive "$BDF" 4096 1:5000 31:5000
verify_drive 0000:00:11.0 8192 1:5000 15:5000
verify_drive 0000:00:12.0 16 1:5000 128:10000
