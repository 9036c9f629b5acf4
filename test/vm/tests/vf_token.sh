#!/bin/bash
# A virtual function whose physical one, driven by nvio too, has a token: who opens it has to name that, programs among them.
# kernels: small stock new
# timeout: 180
# vm: --no-nvme --mods vfio --qemu '-device pcie-root-port,id=port1,bus=pcie.0,chassis=1,slot=1,addr=0x12,x-speed=5'
# vm: --image disk1=64M --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -device nvme-subsys,id=subsys0'
# vm: --qemu '-device nvme,serial=nvio1,bus=port1,subsys=subsys0,sriov_max_vfs=1,sriov_vq_flexible=4,sriov_vi_flexible=2'
# vm: --qemu '-device nvme-ns,drive=disk1,shared=on'
. "${0%/*}/../lib.sh"
set -o pipefail

token=01234567-89ab-cdef-0123-456789abcdef
pf=$(nvme_bdfs)
dev=$pci/devices/$pf

bind "$pf" vfio-pci
echo Y > /sys/module/vfio_pci/parameters/enable_sriov
case $(uname -r) in
6.*) ways=(group) new=() ;;
*) ways=(group cdev) new=(new) ;; # a device's own file takes tokens, too
esac
coproc owner { "$BUILD/test/vm/vf_token" "$pf" "$dev" "${new[@]}"; }
# Bash forgets about both when it ends.
pid=$owner_PID in=${owner[1]}
read -r -t 100 vf <&"${owner[0]}" || fail "there is no virtual function"

for way in "${ways[@]}"; do
	run=("$BUILD/nvme_perf" -r "$vf" --vfio "$way" -q 8 -n 2000 -w randwrite)
	"${run[@]}" --vf-token $token | tee "$TMPDIR/log"
	grep -q '^2000 I/Os submitted, 2000 completed, 0 of them with an error' "$TMPDIR/log"
	expect_error "$vf: the token of its physical function is wanted" "${run[@]}"
	expect_error "$vf: the token of its physical function is another one" "${run[@]}" --vf-token "${token/0/1}"
	expect_error "'secret' is no UUID" "${run[@]}" --vf-token secret
	"$BUILD/nvio" vfio --vfio "$way" --vf-token $token "$vf" > "$TMPDIR/log"
	grep -q "^device: *$vf" "$TMPDIR/log" || fail "$(< "$TMPDIR/log")"
done
exec {in}>&-
wait "$pid"
