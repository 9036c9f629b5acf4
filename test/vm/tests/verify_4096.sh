#!/bin/bash
# Random reads and writes of 4096-byte blocks against a model in memory, as verify_512.sh.
# vm: --nvme logical_block_size=4096,physical_block_size=4096
# timeout: 240
# kernels: small stock
. "${0%/*}/../lib.sh"
set -o pipefail

bind "$BDF" vfio-pci
"$BUILD/test/vm/verify" "$BDF" 0 1:5000 2:5000 31:8000 128:10000 0:20000 | tee "$TMPDIR/log"
grep -q '^depth 1: .* 1 to 128 blocks of 4096 bytes' "$TMPDIR/log" || fail "the largest transfer is not 512 KiB"
