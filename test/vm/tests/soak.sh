#!/bin/bash
# soak.sh [RESETS REMOVALS KILLS]: under load and at random moments, a drive with a bad block is reset (by nvio, as a
# function, with its slot), unplugged and plugged in again, and its process killed. `make soak` does 50 of each. QEMU 7.2
# dies of a reset with commands under way.
# kernels: small stock
# vm: --new-qemu --mods vfio --no-nvme --image disk=16M --qmp {tmp}/qmp
# vm: --qemu '-device pcie-root-port,id=port1,bus=pcie.0,chassis=1,slot=1,addr=0x12,x-speed=5'
# vm: --qemu '-blockdev driver=file,node-name=disk,filename={tmp}/disk'
# vm: --qemu '-chardev socket,id=guest,path={tmp}/qmp -device virtserialport,chardev=guest,name=nvio.qmp'
# timeout: 180
. "${0%/*}/../lib.sh"

echo 1b36 0010 > $pci/drivers/vfio-pci/new_id
bus=$(basename $pci/devices/0000:00:12.0/pci_bus/*)
"$BUILD/test/vm/soak" "$(port_of nvio.qmp)" "$bus:00.0" "${1:-8}" "${2:-3}" "${3:-3}"
