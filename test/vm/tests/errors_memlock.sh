#!/bin/bash
# A user with access to the drive whose RLIMIT_MEMLOCK is too low: the error says how many bytes are needed and how many
# there are. Who follows its advice gets there.
# kernels: stock
. "${0%/*}/../lib.sh"
set -o pipefail

bind "$BDF" vfio-pci
chown 65534 "/dev/vfio/$(basename "$(readlink "$pci/devices/$BDF/iommu_group")")"
cp "$BUILD/test/vm/try_open" "$BUILD/test/vm/maps" "$TMPDIR" # where that user can get at them

# as_user KIB COMMAND...: as that user with this limit.
as_user()
{
	prlimit --memlock=$(($1 * 1024)) setpriv --reuid=65534 --regid=65534 --clear-groups "${@:2}"
}

# too_low KIB COMMAND...: the limit is too low for it. Sets "needed" and "locked".
too_low()
{
	local regex message
	regex="^ENOMEM: mapping ([0-9]+) bytes for DMA needs RLIMIT_MEMLOCK of ([0-9]+) bytes \(([0-9]+) are locked already\)"
	regex+=", it is $(($1 * 1024)): raise it with \`ulimit -l ([0-9]+)\`, LimitMEMLOCK= or limits.conf"
	expect_error "$regex" as_user "$@" | tee "$TMPDIR/log"
	message=$(tail -n 1 "$TMPDIR/log")
	[[ $message =~ $regex ]]
	needed=${BASH_REMATCH[2]} locked=${BASH_REMATCH[3]}
	[ "$needed" = $((BASH_REMATCH[1] + locked)) ] || fail "the figures do not add up"
	[ "$needed" = $((BASH_REMATCH[4] * 1024)) ] || fail "the advice is not what is needed"
	[ "$needed" -gt $(($1 * 1024)) ] || fail "no more is needed than there is"
}

kib=64
for step in {1..10}; do
	too_low "$kib" "$TMPDIR/try_open" "$BDF"
	kib=$((needed / 1024))
	! as_user "$kib" "$TMPDIR/try_open" "$BDF" 2> "$TMPDIR/log" || break
done
[ "$step" -lt 10 ] || fail "no end to it: $(< "$TMPDIR/log")"

# With room for eight pages more, the ninth is refused.
too_low $((kib + 32)) "$TMPDIR/maps" "$BDF" 100
[ "$locked" = $(((kib + 32) * 1024)) ] || fail "$locked bytes are locked"
as_user $((kib + 400)) "$TMPDIR/maps" "$BDF" 100 | tee "$TMPDIR/log"
grep -qx "100 registered" "$TMPDIR/log"
