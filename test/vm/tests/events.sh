#!/bin/bash
# Events of QEMU's controller: critical warnings, which its monitor sets, and namespaces that are attached and detached.
# kernels: small stock
# vm: --no-nvme --image disk1=64M --image disk2=64M --qmp {tmp}/qmp
# vm: --qemu '-device nvme-subsys,id=subsys -device nvme,id=nvme0,serial=nvio0,addr=0x10,subsys=subsys'
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -drive if=none,id=disk2,file={tmp}/disk2,format=raw'
# vm: --qemu '-device nvme-ns,bus=nvme0,drive=disk1,nsid=1 -device nvme-ns,bus=nvme0,drive=disk2,nsid=2,detached=on'
# vm: --qemu '-chardev socket,id=qmp,path={tmp}/qmp -device virtserialport,chardev=qmp,name=nvio.qmp'
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
"$BUILD/test/vm/events" "$(port_of nvio.qmp)" "$BDF"
