#!/bin/bash
# On POWER: a container of sPAPR TCE v2, which is chosen by itself, with each size of pages.
# kernels: ppc64le/4k ppc64le/64k
# vm: --mods vfio
# timeout: 240
. "${0%/*}/../lib.sh"

drive spapr-tce-v2
