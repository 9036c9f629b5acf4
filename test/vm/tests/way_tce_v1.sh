#!/bin/bash
# On POWER: a container of sPAPR TCE v1, which is there for who asks, in the default window.
# kernels: ppc64le/4k ppc64le/64k
# vm: --mods vfio
# timeout: 240
. "${0%/*}/../lib.sh"

drive spapr-tce tce-v1 4
