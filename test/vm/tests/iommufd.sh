#!/bin/bash
# Address spaces of iommufd: several devices in one, memory that is pinned once for two, files, settings; PASIDs, which no
# function here has. With a kernel that gives out dma-bufs, data goes from drive to drive.
# kernels: small new
# vm: --nvme cmb_size_mb=4,legacy-cmb=on --image disk1=64M
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -device nvme,id=nvme1,serial=nvio1,addr=0x11,drive=disk1'
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
bind 0000:00:11.0 vfio-pci
case $(uname -r) in
6.*) new=() ;;
*) new=(new) ;;
esac
"$BUILD/test/vm/iommufd" "$BDF" 0000:00:11.0 "${new[@]}"
