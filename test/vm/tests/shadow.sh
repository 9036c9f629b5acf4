#!/bin/bash
# Shadow doorbells on and off: the data is right and everything completes, and QEMU's doorbell registers are written
# just as often as the library counts: a doorbell that it spares is one that QEMU has not asked for. At last the same on
# a controller with ioeventfd, whose doorbells come another way and are not traced.
# kernels: small stock
# timeout: 240
# vm: --mods vfio --append nvio.trace={tmp}/trace --qemu '-D {tmp}/trace -trace pci_nvme_mmio_start_success'
# vm: --qemu '-trace pci_nvme_mmio_doorbell_sq -trace pci_nvme_mmio_doorbell_cq -trace pci_nvme_err_* -trace pci_nvme_ub_*'
# vm: --image disk1=1G --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw'
# vm: --qemu '-device nvme,id=nvme1,serial=nvio1,addr=0x11,drive=disk1,ioeventfd=on'
. "${0%/*}/../lib.sh"

for bdf in "$BDF" 0000:00:11.0; do
	bind "$bdf" vfio-pci
	for choice in off on; do
		"$BUILD/test/vm/shadow" "$bdf" "$choice" | tee -a "$TMPDIR/log"
	done
done
trace=$(sed -n 's/.*nvio\.trace=\([^ ]*\).*/\1/p' /proc/cmdline)
awk '
	/^pci_nvme_(err|ub)_/ { print "QEMU calls that an error: " $0; exit failed = 1 }
	/^pci_nvme_mmio_start_success/ { phase++ }
	/^pci_nvme_mmio_doorbell_[sc]q [sc]qid [1-9]/ { seen[phase]++ }
	/^registers/ { counted[++phases] = $2 }
	END {
		for (i = 1; i <= 2 && !failed; i++) {
			print "QEMU saw " seen[i] " doorbells of " counted[i]
			failed = seen[i] != counted[i]
		}
		exit failed || phase != 4
	}' "$trace" "$TMPDIR/log"
