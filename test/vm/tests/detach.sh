#!/bin/bash
# A device that was taken out of its address space reaches no memory. What it tries is a stray DMA here.
# vm: --expect-stray-dma
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
"$BUILD/test/vm/ways" "$BDF" 2 iommufd detach
