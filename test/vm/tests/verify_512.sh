#!/bin/bash
# Random reads and writes of 512-byte blocks against a model in memory (verify.c says what all varies), at depths from 1
# to the most that the controller takes, each long enough for its queues to wrap many times.
# timeout: 240
. "${0%/*}/../lib.sh"
set -o pipefail

bind "$BDF" vfio-pci
"$BUILD/test/vm/verify" "$BDF" 0 1:5000 2:5000 31:8000 128:10000 0:20000 | tee "$TMPDIR/log"
grep -q '^depth 1: .* 1 to 1024 blocks of 512 bytes' "$TMPDIR/log" || fail "the largest transfer is not 512 KiB"
grep -q '^depth 2047: ' "$TMPDIR/log" || fail "the deepest queue does not hold 2047 commands"
