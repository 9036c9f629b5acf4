#!/bin/bash
# The controller memory buffer, as it is since NVMe 1.4 and as it was before: data, queues and lists in it, verified, each
# controller in one address space with the other.
# kernels: small stock
# timeout: 240
# vm: --nvme cmb_size_mb=4 --image disk1=1G --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw,discard=unmap'
# vm: --qemu '-device nvme,id=nvme1,serial=nvio1,addr=0x11,drive=disk1,cmb_size_mb=16,legacy-cmb=on'
. "${0%/*}/../lib.sh"
set -o pipefail

legacy=0000:00:11.0
bind "$BDF" vfio-pci
bind "$legacy" vfio-pci
"$BUILD/test/vm/cmb" "$BDF" "$legacy" | tee "$TMPDIR/log"
grep -qx '4194304 bytes' "$TMPDIR/log" || fail "not 4 MiB"
"$BUILD/test/vm/cmb" "$legacy" "$BDF" | tee "$TMPDIR/log"
grep -qx '16777216 bytes' "$TMPDIR/log" || fail "not 16 MiB"
# Once more: the address of before is free again.
"$BUILD/test/vm/cmb" "$BDF" "$legacy" > /dev/null
