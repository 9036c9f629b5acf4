#!/bin/bash
# On POWER, where the host bridge has EEH: its calls, its resets, its rungs of the ladder under commands, and what is said
# of it. QEMU's waits long in a hot reset.
# kernels: ppc64le/64k
# vm: --powernv --mods vfio --huge 0 --boot-timeout 120
# timeout: 240
. "${0%/*}/../lib.sh"

BDF=$(nvme_bdfs)
bind "$BDF" vfio-pci
"$BUILD/nvio" vfio "$BDF" > "$TMPDIR/log"
grep -q '^EEH state: normal$' "$TMPDIR/log" || fail "$(< "$TMPDIR/log")"
"$BUILD/test/vm/eeh" "$BDF"
