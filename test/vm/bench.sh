#!/bin/bash
# bench.sh RUNS SECONDS WORKLOADS DEPTHS WAY...: measures these ways in the guest, on its second CPU: the kernel's
# driver (kernel), nvio, fio with nvio's engine (fio), nvio by each way of VFIO (group, cdev, noiommu).
# Prints "ready", lines "iops WAY DISK WORKLOAD DEPTH FIGURE", and "dma BYTES".
. "${0%/*}/lib.sh"
runs=$1 seconds=$2 workloads=$3 depths=$4
shift 4

run_fio() # WORKLOAD DEPTH ARGS...
{
	fio --name=bench --bs=4k --rw="$1" --iodepth="$2" --time_based --runtime="$seconds" --cpus_allowed=1 \
		--norandommap --randrepeat=0 --output-format=terse --terse-version=3 "${@:3}" |
		awk -F';' -v w="$1" '{ print w == "randread" ? $8 : $49 }'
}

kernel_iops() { run_fio "$1" "$2" --ioengine=io_uring --direct=1 --filename="$block"; } # WORKLOAD DEPTH

fio_iops() { run_fio "$1" "$2" --ioengine="external:$BUILD/nvio-fio.so" --filename="${BDF//:/.}/1"; } # WORKLOAD DEPTH

nvio_iops() # WORKLOAD DEPTH [OPTION...]
{
	"$BUILD/nvme_perf" -r "$BDF" -q "$2" -o 4k -w "$1" -t "$seconds" -c 1 --json - "${@:3}" 2> /dev/null > /run/perf.json
	tr -d ' \n' < /run/perf.json | grep -o '"total":{.*' | grep -o '"iops":[0-9.]*' | cut -d: -f2
}

group_iops() { nvio_iops "$@" --vfio group; }
cdev_iops() { nvio_iops "$@" --vfio cdev; }
noiommu_iops() { nvio_iops "$@" --vfio noiommu; }

# measure DISK WORKLOAD DEPTH WAY...: each of these ways, one right after the other
measure()
{
	local disk=$1 workload=$2 depth=$3 way
	for way in "${@:4}"; do
		if [ "$way" = kernel ]; then
			bind "$BDF" nvme
			block=$(wait_for 10 block_of "$BDF")
		elif [ "$(driver_of "$BDF")" != vfio-pci ]; then
			bind "$BDF" vfio-pci
		fi
		echo "iops $way $disk $workload $depth $("${way}_iops" "$workload" "$depth")"
	done
}

[ ! -e /sys/module/vfio/parameters/enable_unsafe_noiommu_mode ] || [[ " $* " != *" noiommu "* ]] ||
	echo Y > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode
echo ready
declare -A disks=([file]=$BDF [null]=0000:00:11.0)
for _ in $(seq "$runs"); do
	for disk in file null; do
		BDF=${disks[$disk]}
		for workload in $workloads; do
			for depth in $depths; do
				measure "$disk" "$workload" "$depth" "$@"
			done
		done
	done
done
echo "dma $(tr -d ' \n' < /run/perf.json | grep -o '"dma":{.*' | grep -o '"bytes":[0-9]*' | cut -d: -f2)"
