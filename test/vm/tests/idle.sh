#!/bin/bash
# A drive that nobody uses is put to sleep by VFIO, and works as before when somebody does.
# kernels: small stock
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
"$BUILD/test/vm/idle" "$BDF" 6
"$BUILD/test/vm/idle" "$BDF" 1
