#!/bin/bash
# `nvio bind --user`: that user then drives the controller without root, and `nvio doctor` tells them what is missing,
# with the commands that help.
# kernels: small stock
# timeout: 240
. "${0%/*}/../lib.sh"
set -o pipefail
nvio=$BUILD/nvio
bin=$TMPDIR/bin # where that user can get at them
chmod 755 "$TMPDIR" # as /run is elsewhere
mkdir "$bin"
cp "$BUILD/nvio" "$BUILD/nvme_perf" "$bin"
as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
me=$(id -un 65534)

# doctor STATUS REGEX...: as that user, ends with this status and prints lines that match.
doctor()
{
	local want=$1 status=0 regex
	shift
	"${as_user[@]}" "$bin/nvio" doctor "$BDF" > "$TMPDIR/log" || status=$?
	[ "$status" = "$want" ] || fail "nvio doctor: exit status $status, not $want: $(cat "$TMPDIR/log")"
	for regex; do
		grep -Eq -- "$regex" "$TMPDIR/log" || fail "nvio doctor does not say '$regex': $(cat "$TMPDIR/log")"
	done
}

ulimit -l 1024
doctor 1 '\[NO\] driver: nvme instead of vfio-pci' "^ +sudo nvio bind --user $me $BDF\$" \
	'\[NO\] memlock: 1024 KiB .*too little' '^ +sudo prlimit --pid \$\$ --memlock=unlimited$'
expect_error '^nvio: .*Permission denied: run it as root, with `sudo nvio`$' "${as_user[@]}" "$bin/nvio" bind "$BDF"
"$nvio" bind "$BDF"
doctor 1 "\[NO\] permission: $me may not open /dev/vfio/" "^ +sudo nvio bind --user $me $BDF\$"
! "${as_user[@]}" "$bin/nvme_perf" -r "$BDF" -n 100 || fail "nobody could drive it before"
"$nvio" bind --user "$me" "$BDF"
doctor 1 '\[NO\] memlock'
prlimit --pid $$ --memlock=unlimited
doctor 0 '\[ok\] permission: /dev/vfio/' '\[ok\] memlock: unlimited' "^1 of 1 device can be driven by $me\$"
"${as_user[@]}" "$bin/nvme_perf" -r "$BDF" -n 1000 -w randrw -q 8 | tee "$TMPDIR/log"
grep -q '^1000 I/Os submitted, 1000 completed, 0 of them with an error' "$TMPDIR/log"
"${as_user[@]}" "$bin/nvio" vfio "$BDF" | grep -qx "device: $BDF"
"${as_user[@]}" "$bin/nvio" list | grep -q "^$BDF  vfio-pci"

# The device's own file is enough, where there is one; and is what is taken.
group=/dev/vfio/$(basename "$(readlink "$pci/devices/$BDF/iommu_group")")
if [ -e /dev/iommu ]; then
	chown root "$group"
	doctor 0 "\[ok\] cdev: /dev/vfio/devices/vfio[0-9]+ and /dev/iommu" "\[--\] permission: $me may not open $group "
	"${as_user[@]}" "$bin/nvme_perf" -r "$BDF" -n 10 | grep -q '^10 I/Os submitted, 10 completed'
	chown "$me" "$group"
	chmod 600 /dev/iommu
	doctor 0 '\[--\] cdev: ' '\[ok\] permission'
	"${as_user[@]}" "$bin/nvio" vfio "$BDF" | grep -qx 'way: type1v2'
	chmod 666 /dev/iommu
fi

# While somebody drives it, it cannot be driven.
"$BUILD/nvme_perf" -r "$BDF" -t 60 > /dev/null &
perf=$!
busy()
{
	! "$nvio" doctor "$BDF" > "$TMPDIR/log" && grep -q "is in use: held by process $perf (nvme_perf)" "$TMPDIR/log"
}
wait_for 20 busy
kill "$perf"
wait "$perf"

# Afterwards the next user has nothing: their access has ended with the binding.
"$nvio" restore "$BDF"
"$nvio" bind "$BDF"
doctor 1 "\[NO\] permission: $me may not open /dev/vfio/"
