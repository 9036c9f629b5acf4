#!/bin/bash
# The persistent memory region: what the program and commands have written there is in QEMU's file, and there for whoever
# opens the drive next. A drive without one says so.
# kernels: small stock
# timeout: 240
# vm: --append nvio.file={tmp}/pmr --qemu '-object memory-backend-file,id=pmr,share=on,mem-path={tmp}/pmr,size=4M'
# vm: --nvme pmrdev=pmr --image disk1=1G
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -device nvme,id=nvme1,serial=nvio1,addr=0x11,drive=disk1'
. "${0%/*}/../lib.sh"

file=$(sed -n 's/.*nvio\.file=\([^ ]*\).*/\1/p' /proc/cmdline)
bind "$BDF" vfio-pci
bind 0000:00:11.0 vfio-pci
"$BUILD/test/vm/pmr" "$BDF" write 7
"$BUILD/test/vm/pmr" "$BDF" check 7
# On the outside, by way of the guest's root.
[ "$("$BUILD/test/vm/pmr" "$file" file 7)" = '4194304 bytes in the file' ] || fail "the file is not like that"
"$BUILD/test/vm/pmr" "$BDF" write 8
"$BUILD/test/vm/pmr" "$BDF" check 8
! "$BUILD/test/vm/pmr" "$BDF" check 7 2> /dev/null || fail "the check finds what is not there"
expect_error 'has no persistent memory region' "$BUILD/test/vm/pmr" 0000:00:11.0 check 8
