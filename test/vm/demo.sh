#!/bin/bash
# What `make demo` shows, run as root inside the guest.
. "${0%/*}/lib.sh"

show() { printf '\n$ %s\n' "$*"; "$@"; }

echo "Linux $(uname -r), IOMMU group $(basename "$(readlink -f "/sys/bus/pci/devices/$BDF/iommu_group")") holds $BDF"
bind "$BDF" vfio-pci
echo "$BDF is bound to $(driver_of "$BDF")"
show "$BUILD/nvme_perf" -r "$BDF" -q 1 -o 4k -w randread -t 3 -c 1
show "$BUILD/nvme_perf" -r "$BDF" -q 32 -o 4k -w randread -t 3 -c 1 -L
show "$BUILD/nvme_perf" -r "$BDF" -q 32 -o 128k -w randrw -M 70 -t 3 -c 1
