#!/bin/bash
# A device that is no NVMe controller, through VFIO alone: registers, MSI, DMA.
# kernels: small stock
# vm: --mods vfio --no-nvme --qemu '-device edu,addr=0x13'
. "${0%/*}/../lib.sh"

bind 0000:00:13.0 vfio-pci
"$BUILD/test/vm/edu" 0000:00:13.0
