#!/bin/bash
# A drive that nobody uses is put to sleep by VFIO, and works as before when somebody does.
# kernels: small stock
# vm: --image disk1=64M --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw'
# vm: --qemu '-device nvme,id=nvme1,serial=nvio1,addr=0x11,drive=disk1,cmb_size_mb=4'
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
"$BUILD/test/vm/idle" "$BDF" 6
"$BUILD/test/vm/idle" "$BDF" 1
bind 0000:00:11.0 vfio-pci
"$BUILD/test/vm/idle" 0000:00:11.0 2
