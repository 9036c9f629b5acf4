#!/bin/bash
# On POWER: a container of sPAPR TCE v2, which is chosen by itself, with each size of pages. Its window has entries as
# large as pages are, and of 2 MiB for an address space that is said to have only hugepages. Memory comes and goes.
# kernels: ppc64le/4k ppc64le/64k
# vm: --mods vfio
# timeout: 240
. "${0%/*}/../lib.sh"

# entries BYTES: those of nvme_perf's window, as `drive` has logged them
entries() { grep -q "DMA window .* in entries of $(($1 >> 10)) KiB" "$TMPDIR/log" || fail "other entries: $(< "$TMPDIR/log")"; }

drive spapr-tce-v2
entries "$(sed -n 's/^KernelPageSize: *\([0-9]*\) kB/\1 * 1024/p;T;q' /proc/self/smaps)"
"$BUILD/test/vm/heap" "$BDF" 16 entries=2097152
"$BUILD/test/vm/unregister" "$BDF"
