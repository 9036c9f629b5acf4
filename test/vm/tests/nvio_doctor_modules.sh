#!/bin/bash
# vfio-pci is not loaded: `nvio doctor` says so, and `nvio bind` loads it, if there is a module.
# kernels: stock
# vm: --mods nvme
. "${0%/*}/../lib.sh"
nvio=$BUILD/nvio

! "$nvio" doctor > "$TMPDIR/log" || fail "nothing wrong: $(cat "$TMPDIR/log")"
grep -q '\[NO\] modules: vfio-pci is not loaded' "$TMPDIR/log" || fail "$(cat "$TMPDIR/log")"
grep -qx ' *modprobe vfio-pci' "$TMPDIR/log" || fail "$(cat "$TMPDIR/log")"
expect_error "^nvio: the driver vfio-pci is not there and could not be loaded: try \`modprobe vfio-pci\`" "$nvio" bind "$BDF"
[ "$(driver_of "$BDF")" = nvme ] || fail "$BDF is on $(driver_of "$BDF")"

# The modules of this kernel are in a folder of the guest's own.
mkdir "$TMPDIR/bin"
cat > "$TMPDIR/bin/modprobe" << 'END'
#!/bin/sh
[ "$*" = "-q vfio-pci" ] || exit 1
while read -r file; do
	insmod "/run/mods/$file"
done < /run/mods/vfio.order
END
chmod +x "$TMPDIR/bin/modprobe"
PATH=$TMPDIR/bin:$PATH "$nvio" bind "$BDF"
"$nvio" doctor "$BDF"
"$nvio" restore "$BDF"
[ "$(driver_of "$BDF")" = nvme ] || fail "$BDF is on $(driver_of "$BDF")"
