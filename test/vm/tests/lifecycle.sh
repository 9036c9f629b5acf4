#!/bin/bash
# A controller is opened, used and closed 55 times in one process (11 times on POWER, where a window is made and taken back
# each time, which takes seconds). Nothing leaks, and the controller sees each time what the specification wants: a completion
# queue before its submission queue and deleted after it, the shutdown notification when all are gone, and nothing that
# QEMU calls an error or undefined. The guest has QEMU's trace by way of its root; the kernel's driver, which would be in
# it too, is not loaded.
# kernels: small ppc64le/64k
# timeout: 240
# vm: --mods vfio --append nvio.trace={tmp}/trace --qemu '-D {tmp}/trace -trace pci_nvme_mmio_start_success'
# vm: --qemu '-trace pci_nvme_mmio_stopped -trace pci_nvme_mmio_shutdown_set -trace pci_nvme_mmio_shutdown_cleared'
# vm: --qemu '-trace pci_nvme_create_cq -trace pci_nvme_create_sq -trace pci_nvme_del_sq -trace pci_nvme_del_cq'
# vm: --qemu '-trace pci_nvme_err_* -trace pci_nvme_ub_*'
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
rounds=50
[ "$(uname -m)" != ppc64le ] || rounds=10
"$BUILD/test/vm/lifecycle" "$BDF" $rounds
trace=$(sed -n 's/.*nvio\.trace=\([^ ]*\).*/\1/p' /proc/cmdline)

# The other architectures' root has no other.
busybox awk -v wanted=$((rounds + rounds / 10)) '
	function bad(why) { print NR ": " why ": " $0; failed = 1 }
	match($0, /[cs]qid=[0-9]+/) { id = substr($0, RSTART + 5, RLENGTH - 5) }
	/^spapr_iommu_xlate/ { next } # of the harness
	/^pci_nvme_mmio_start_success/ { if (up++) bad("enabled twice"); next }
	/^pci_nvme_create_cq/ { if (!up || cqs[id]++) bad("unexpected"); pairs++; next }
	/^pci_nvme_create_sq/ { if (!cqs[id] || sqs[id]++) bad("unexpected"); next }
	/^pci_nvme_del_sq/ { if (!sqs[id]) bad("unexpected"); delete sqs[id]; next }
	/^pci_nvme_del_cq/ { if (!cqs[id] || sqs[id]) bad("unexpected"); delete cqs[id]; next }
	/^pci_nvme_mmio_shutdown_set/ {
		for (id in cqs)
			if (cqs[id]) bad("queue " id " is left");
		if (up != 1) bad("not up")
		up = 0
		rounds++
		next
	}
	{ bad("unexpected") }
	END {
		print rounds " rounds with " pairs " queue pairs"
		if (up || rounds != wanted || pairs != 4 * rounds) bad("wrong in the end")
		exit failed
	}' "$trace"
