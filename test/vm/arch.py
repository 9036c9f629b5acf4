"""What differs between the architectures of guests: QEMU's program and machine, where devices go, and how a stray DMA
shows.

A kernel's full name is ARCH/NAME, NAME alone for this machine's architecture: aarch64/64k, ppc64le/4k, small.
"""
import pathlib
import subprocess

SRC = pathlib.Path(__file__).resolve().parents[2]
NATIVE = "x86_64"


class X86:
    """q35 with intel-iommu. A vmlinux boots by PVH under qboot."""
    kernels = ("small", "stock", "new")
    qemu = "qemu-system-x86_64"
    # A quiet console, and nothing that only delays a boot under TCG: there is no disk to look for
    # (edd), no second serial port and no clock to calibrate (lpj, tsc).
    append = ("console=ttyS0 mitigations=off nokaslr tsc=reliable no_timer_check "
              "random.trust_cpu=on edd=off 8250.nr_uarts=1 pci=noaer lpj=4000000")
    machine = ["-nodefaults", "-bios", "qboot.rom", "-cpu", "max", "-machine", "q35,usb=off,vmport=off,smm=off"]
    iommu_append = "intel_iommu=on"
    addr = ",addr=0x10"  # the controller's
    bus = ""  # where it is, and others that are tested
    helpers = ("", "")  # where two devices are that are not
    log = []  # what makes QEMU log a stray DMA, when it does not tell of it by itself
    # What QEMU's IOMMUs print when a device uses an address, or sends an interrupt, that it was not
    # given. Each place in QEMU prints once in the life of the process: one line is all there may be.
    stray_dma = (r"\bvtd_\w+: (detected|xlat address is in interrupt range|"
                 r"invalid (IRTE|SVT_BUS|IR MSI))|\bvirtio_iommu_translate\b")

    @staticmethod
    def iommu(options):
        """Ahead of the devices: each looks for its IOMMU when it is made."""
        return ["-device", "intel-iommu," + options.iommu]


class Aarch64:
    """virt with an SMMUv3 and, for MSI-X, an ITS. The processor is one that has pages of 16 KiB."""
    kernels = ("4k", "16k", "64k")
    qemu = "qemu-system-aarch64"
    append = "console=ttyAMA0 mitigations=off nokaslr random.trust_cpu=on pci=noaer"
    machine = ["-nodefaults", "-cpu", "cortex-a76"]
    iommu_append = ""
    addr = ",addr=0x10"
    bus = ""
    helpers = ("", "")
    log = ["-trace", "smmuv3_record_event"]
    stray_dma = r"\bsmmuv3_record_event SMMU_EVT_"

    @staticmethod
    def iommu(options):
        smmu = "" if options.no_iommu else ",iommu=smmuv3"
        return ["-machine", "virt,gic-version=3,its=on" + smmu]


class Ppc64le:
    """pseries, whose host bridges each have an IOMMU of their own and one group for all their devices: what is not
    tested is on the second one."""
    kernels = ("4k", "64k")
    qemu = "qemu-system-ppc64"
    append = "console=hvc0 mitigations=off random.trust_cpu=on"
    machine = ["-nodefaults", "-machine",
               "pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off", "-cpu", "POWER9",
               "-device", "spapr-pci-host-bridge,index=1,id=helpers"]
    iommu_append = ""
    addr = ",addr=0x10"
    bus = ",bus=pci.0"
    helpers = (",bus=helpers.0", ",bus=helpers.0")
    log = ["-trace", "spapr_iommu_xlate"]
    stray_dma = r"\bspapr_iommu_xlate\b.* perm=0\b"

    @staticmethod
    def iommu(_options):
        return []


class Powernv(Ppc64le):
    """powernv9, which has EEH. Each port has room for one device and is a group of its own; all of them are among the
    defaults."""
    machine = ["-machine", "powernv9", "-cpu", "POWER9", "-monitor", "none", "-net", "none"]
    addr = ""
    bus = ",bus=pcie.0"
    helpers = (",bus=pcie.1", ",bus=pcie.2")
    log = ["-d", "guest_errors"]
    stray_dma = r"\bTCE access fault\b"


ALL = {NATIVE: X86, "aarch64": Aarch64, "ppc64le": Ppc64le}
OTHERS = [name for name in ALL if name != NATIVE]


def machine(options):
    """The class above for test/vm/vm's options."""
    return Powernv if options.powernv else ALL[options.arch]


def split(kernel):
    """(architecture, name) of a kernel's full name."""
    arch, _, name = kernel.rpartition("/")
    return arch or NATIVE, name


def sysroot(arch):
    """The tree that is the guest's /usr, None for this machine's own."""
    if arch == NATIVE:
        return None
    return subprocess.run([SRC / "scripts/sysroot", arch], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


def build_dir(arch):
    """Where programs of this architecture are built."""
    return SRC / "build" / ("release" if arch == NATIVE else f"{arch}-release")
