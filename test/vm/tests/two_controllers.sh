#!/bin/bash
# Two controllers with two namespaces each, of 512 and 4096 bytes a block, in one container: four threads at once.
# vm: --mods vfio --image disk1=64M --image disk2=64M --image disk3=64M
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -drive if=none,id=disk2,file={tmp}/disk2,format=raw'
# vm: --qemu '-drive if=none,id=disk3,file={tmp}/disk3,format=raw -device nvme,id=nvme1,serial=nvio1,addr=0x11{bus}'
# vm: --qemu '-device nvme-ns,bus=nvme0,nsid=2,drive=disk1,logical_block_size=4096,physical_block_size=4096'
# vm: --qemu '-device nvme-ns,bus=nvme1,nsid=1,drive=disk2'
# vm: --qemu '-device nvme-ns,bus=nvme1,nsid=5,drive=disk3,logical_block_size=4096,physical_block_size=4096'
# kernels: small stock ppc64le/64k
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
bind 0000:00:11.0 vfio-pci
"$BUILD/test/vm/two_controllers" "$BDF" 0000:00:11.0
