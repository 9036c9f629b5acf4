#!/bin/bash
# The examples on VFIO: what one writes is there, and every read completes.
# kernels: small stock
# vm: --nvme max_ioqpairs=8,msix_qsize=3
. "${0%/*}/../lib.sh"
set -o pipefail

bind "$BDF" vfio-pci
"$BUILD/examples/hello" "$BDF" | grep -x 'block 0: hello, world'
"$BUILD/examples/epoll" "$BDF" | tee "$TMPDIR/epoll"
grep -qxE '250 ticks, ([0-9]+) reads, \1 completed, 0 failed, [0-9]+ wake-ups' "$TMPDIR/epoll"
"$BUILD/examples/uring" "$BDF" | tee "$TMPDIR/uring"
[ "$(grep -cx 'queue pair [1-4]: 2500 reads, 2500 completed, 0 failed' "$TMPDIR/uring")" = 4 ]

# The kernel's driver reads what hello wrote.
bind "$BDF" nvme
block=$(wait_for 10 block_of "$BDF")
[ "$(head -c 12 "$block")" = 'hello, world' ]
