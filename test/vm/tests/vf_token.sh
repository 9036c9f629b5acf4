#!/bin/bash
# A virtual function whose physical one has a token: who opens it has to name that.
# kernels: small stock new
# vm: --mods vfio --qemu '-device pcie-root-port,id=port1,bus=pcie.0,chassis=1,slot=1,addr=0x12,x-speed=5'
# vm: --image disk1=64M --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -device nvme-subsys,id=subsys0'
# vm: --qemu '-device nvme,serial=nvio1,bus=port1,subsys=subsys0,sriov_max_vfs=1,sriov_vq_flexible=2,sriov_vi_flexible=1'
. "${0%/*}/../lib.sh"

pf=$(nvme_bdfs | grep -v "$BDF")
bind "$pf" vfio-pci
echo Y > /sys/module/vfio_pci/parameters/enable_sriov
case $(uname -r) in
6.*) new=() ;;
*) new=(new) ;; # a device's own file takes tokens, too
esac
"$BUILD/test/vm/vf_token" "$pf" "$pci/devices/$pf" "${new[@]}"
