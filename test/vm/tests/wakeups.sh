#!/bin/bash
# wakeups.sh [N]: N reads (20,000; 5,000 on other architectures) at depths 1, 8 and 31, each wait for them by interrupt and
# asleep: no wake-up gets lost. Then by four threads on a drive whose queue pairs share two vectors. Each interrupt that the
# kernel counts is a signal.
# kernels: small aarch64/4k aarch64/16k aarch64/64k ppc64le/4k ppc64le/64k
# timeout: 180
# vm: --mods vfio --image short=16M
# vm: --qemu '-drive if=none,id=short,file={tmp}/short,format=raw'
# vm: --qemu '-device nvme,serial=short,addr=0x11,drive=short,max_ioqpairs=8,msix_qsize=3{bus}'
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
bind 0000:00:11.0 vfio-pci
nr=5000
[ "$(uname -m)" != x86_64 ] || nr=20000
"$BUILD/test/vm/wakeups" "${1:-$nr}" "$BDF" 0000:00:11.0
