#!/bin/bash
# A DMA to what is not mapped is seen on other architectures, too: without that the test fails. (test/build/harness.sh has
# more of it, on x86.)
# kernels: aarch64/4k ppc64le/64k
# vm: --mods vfio --expect-stray-dma
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
"$BUILD/test/vm/stray" "$BDF"
