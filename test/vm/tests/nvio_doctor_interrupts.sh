#!/bin/bash
# `nvio doctor` where the IOMMU does not remap interrupts: no device can be driven, until its advice is followed.
# vm: --iommu intremap=off,caching-mode=on
. "${0%/*}/../lib.sh"
nvio=$BUILD/nvio

"$nvio" bind "$BDF"
! "$nvio" doctor "$BDF" > "$TMPDIR/log" || fail "nothing wrong: $(cat "$TMPDIR/log")"
grep -q '\[NO\] interrupts: not remapped' "$TMPDIR/log" || fail "$(cat "$TMPDIR/log")"
! "$BUILD/test/vm/try_open" "$BDF" || fail "it can be opened"
bash -ec "$(grep -x ' *echo 1 | tee .*allow_unsafe_interrupts' "$TMPDIR/log")"
"$nvio" doctor "$BDF" > "$TMPDIR/log" || fail "$(cat "$TMPDIR/log")"
grep -q '\[--\] interrupts: not remapped, which allow_unsafe_interrupts accepts' "$TMPDIR/log" || fail "$(cat "$TMPDIR/log")"
"$BUILD/test/vm/try_open" "$BDF"
