"""The machine of a guest: its options, and the QEMU command line and files that they make.

machine.build() fills a temporary folder with the initramfs and the disks and returns QEMU's
arguments. It starts nothing: that is guest.py.
"""
import argparse
import io
import os
import pathlib
import re
import shlex
import subprocess

import arch

HERE = pathlib.Path(__file__).resolve().parent
SRC = HERE.parents[1]

# panic=-1 with QEMU's -no-reboot turns a panic into the end of QEMU.
KERNEL_ARGS = "quiet loglevel=4 panic=-1 cryptomgr.notests"


class MachineError(Exception):
    """There is no such machine: bad options, no kernel, no QEMU."""


def parser(**kwargs):
    """The options of test/vm/vm, which are those of the `# vm:` lines of guest tests too."""
    p = argparse.ArgumentParser(allow_abbrev=False, **kwargs)
    p.add_argument("--arch", default=arch.NATIVE, choices=arch.ALL, help="the guest's (%(default)s)")
    p.add_argument("--kernel", metavar="NAME",
                   help="one of test/vm/kernel's (small, or stock where there is none)")
    p.add_argument("--mem", type=int, default=1024, metavar="MB", help="memory (%(default)s)")
    p.add_argument("--smp", type=int, default=2, metavar="N", help="processors (%(default)s)")
    p.add_argument("--huge", type=int, default=64, metavar="N",
                   help="hugepages of 2 MiB, 0 for none (%(default)s)")
    p.add_argument("--append", default="", metavar="ARGS", help="more arguments for the kernel")
    p.add_argument("--powernv", action="store_true",
                   help="ppc64le: powernv9 in the place of pseries; the default controller is 0000:01:00.0")
    p.add_argument("--no-iommu", action="store_true", help="no IOMMU")
    p.add_argument("--iommu", default="intremap=on,caching-mode=on", metavar="PROPS",
                   help="properties of intel-iommu (%(default)s)")
    p.add_argument("--no-nvme", action="store_true", help="no default NVMe controller")
    p.add_argument("--nvme", default="", metavar="PROPS",
                   help="more properties of the default controller (id nvme0, 0000:00:10.0)")
    p.add_argument("--image", action="append", default=[], metavar="NAME=SIZE",
                   help="make a sparse file {tmp}/NAME; SIZE takes K, M, G")
    p.add_argument("--qemu", action="append", default=[], metavar="ARGS",
                   help="more arguments for QEMU; {tmp} is the guest's temporary folder, {bus} behind a "
                        "device's properties puts it on the default controller's bus")
    p.add_argument("--qemu-bin", default=os.environ.get("NVIO_QEMU"), metavar="BIN",
                   help="the QEMU to run ($NVIO_QEMU, else the one of the architecture)")
    p.add_argument("--new-qemu", action="store_true",
                   help="run the one that test/vm/qemu makes instead: 10.1 or later")
    p.add_argument("--mods", default="nvme vfio", metavar="GROUPS",
                   help="groups of modules to load (%(default)s)")
    p.add_argument("--timeout", type=float, default=120, metavar="S",
                   help="end the guest after S seconds (%(default)s)")
    p.add_argument("--boot-timeout", type=float, default=40, metavar="S",
                   help="start a guest again, once, whose command has not begun after S seconds "
                        "(%(default)s): now and then a processor of QEMU's gets no timer interrupt")
    p.add_argument("--qmp", metavar="PATH", help="a QMP server on this UNIX socket")
    p.add_argument("--expect-stray-dma", action="store_true",
                   help="the command provokes a stray DMA: fail when QEMU reports none")
    p.add_argument("-v", "--verbose", action="store_true",
                   help="show QEMU's command line, the serial console and the boot's timing")
    return p


def qemu_program(options):
    if not options.new_qemu:
        return options.qemu_bin or arch.ALL[options.arch].qemu
    return subprocess.run([HERE / "qemu"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def build(options, command, tmp, out_fd, status_fd):
    """Makes the guest's files in TMP; returns QEMU's arguments.

    The descriptors are sockets for what COMMAND writes and for what init reports.
    """
    made_of = arch.machine(options)
    kernel = kernel_folder(options)
    initrd = os.path.join(tmp, "initrd")
    with open(initrd, "wb") as f:
        write_initrd(f, kernel, options, command)
    argv = [qemu_program(options), "-no-user-config", "-display", "none", "-no-reboot",
            "-accel", "tcg,thread=multi,tb-size=512", *made_of.machine,
            "-m", str(options.mem), "-smp", str(options.smp)]
    append = [KERNEL_ARGS, made_of.append, options.append]
    if options.arch != arch.NATIVE or not options.no_iommu:
        argv += made_of.iommu(options)
        append.insert(1, made_of.iommu_append)
    if made_of.log:
        argv += [*made_of.log, "-D", f"{tmp}/trace"]
    argv += ports(tmp, out_fd, status_fd, made_of.helpers[0])
    argv += ["-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
             "-device", "virtio-9p-pci,fsdev=root,mount_tag=hostroot" + made_of.helpers[1]]
    if not options.no_nvme:
        argv += nvme(tmp, made_of.bus + made_of.addr + (options.nvme and "," + options.nvme))
    if options.qmp:
        argv += ["-qmp", f"unix:{options.qmp},server=on,wait=off"]
    argv += ["-kernel", str(kernel / "vmlinux"), "-initrd", initrd,
             "-append", " ".join(filter(None, append))]
    for image in options.image:
        make_sparse(tmp, image)
    for more in options.qemu:
        argv += shlex.split(more)
    return [word.replace("{tmp}", tmp).replace("{bus}", made_of.bus) for word in argv]


def kernel_folder(options):
    """The folder with the kernel; this makes it first when it is not in the cache."""
    name = options.kernel or arch.ALL[options.arch].kernels[0]
    made = subprocess.run([HERE / "kernel", name, options.arch], stdout=subprocess.PIPE, check=False)
    if made.returncode:
        raise MachineError(f"test/vm/kernel {name} {options.arch} failed")
    return pathlib.Path(made.stdout.decode().strip())


def ports(tmp, out_fd, status_fd, bus):
    """The ways out of the guest: console, output and status apart, so that none garbles another."""
    return ["-serial", f"file:{tmp}/console",
            "-device", "virtio-serial-pci,max_ports=4" + bus,
            "-chardev", f"socket,id=out,fd={out_fd}",
            "-device", "virtserialport,chardev=out,name=nvio.out",
            "-chardev", f"socket,id=status,fd={status_fd}",
            "-device", "virtserialport,chardev=status,name=nvio.status"]


def nvme(tmp, props):
    """The default controller, with one namespace."""
    make_sparse(tmp, "nvme0.img=1G")
    return ["-drive", f"if=none,id=disk0,file={tmp}/nvme0.img,format=raw,cache=writeback,"
                      "aio=threads,discard=unmap",
            "-device", "nvme,id=nvme0,serial=nvio0,drive=disk0" + props]


def make_sparse(folder, spec):
    """Makes the sparse file that NAME=SIZE says."""
    m = re.fullmatch(r"([\w.-]+)=(\d+)([KMG]?)", spec)
    if not m:
        raise MachineError(f"bad image '{spec}': it takes NAME=SIZE, like disk1=512M")
    with open(os.path.join(folder, m[1]), "wb") as f:
        f.truncate(int(m[2]) << {"": 0, "K": 10, "M": 20, "G": 30}[m[3]])


def write_initrd(f, kernel, options, command):
    """The kernel's initramfs, and behind it an archive with what is this guest's own."""
    f.write((kernel / "initrd.cpio").read_bytes())
    f.write(b"\0" * (-f.tell() % 512))
    sysroot = arch.sysroot(options.arch) or ""
    env = f"huge={options.huge}\nmods={shlex.quote(options.mods)}\nsysroot={shlex.quote(sysroot)}\n"
    f.write(cpio([("init", 0o755, (HERE / "init").read_bytes()),
                  ("job.env", 0o644, env.encode()),
                  ("job.sh", 0o644, job(command, options.arch).encode())]))


def job(command, architecture):
    """COMMAND as a script for the guest's shell, in this folder and with a small environment."""
    build_dir = arch.build_dir(architecture)
    if architecture == arch.NATIVE:
        build_dir = os.environ.get("NVIO_BUILD") or build_dir
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
           "HOME": "/root", "TERM": "dumb", "TMPDIR": "/run",
           "NVIO_BUILD": os.path.abspath(build_dir)}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    lines += [f"cd {shlex.quote(os.getcwd())} || exit 126",
              command[0] if len(command) == 1 else shlex.join(command)]
    return "\n".join(lines) + "\n"


def cpio(files):
    """A newc archive of (name, mode, bytes); the kernel lays it over the one before it."""
    archive = io.BytesIO()
    for name, mode, data in [*files, ("TRAILER!!!", 0, b"")]:
        name = name.encode() + b"\0"
        fields = [0, 0o100000 | mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
        archive.write(b"070701" + b"".join(b"%08x" % field for field in fields) + name)
        archive.write(b"\0" * (-archive.tell() % 4))
        archive.write(data)
        archive.write(b"\0" * (-archive.tell() % 4))
    return archive.getvalue()
