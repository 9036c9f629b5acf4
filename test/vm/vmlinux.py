"""vmlinux.py BZIMAGE OUT: the uncompressed kernel out of an x86 bzImage.

A vmlinux boots by PVH under qboot in a fraction of a bzImage's time under a full BIOS. The boot protocol's header
(Documentation/arch/x86/boot.rst) says where the payload lies; its first bytes say how it is compressed.
"""
import lzma
import struct
import subprocess
import sys
import zlib


def unpack(payload):
    if payload.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(31).decompress(payload)
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        # Four bytes of length follow the frame: zstd warns of them and still writes the kernel.
        return subprocess.run(["zstd", "-dcq"], input=payload[:-4], capture_output=True, check=False).stdout
    sys.exit(f"vmlinux.py: unknown compression {payload[:6].hex()}")


def main(source, target):
    with open(source, "rb") as f:
        image = f.read()
    if image[0x202:0x206] != b"HdrS":
        sys.exit(f"vmlinux.py: {source} is no bzImage")
    sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    kernel = unpack(image[start:start + length])
    if kernel[:4] != b"\x7fELF":
        sys.exit(f"vmlinux.py: the payload of {source} is no ELF file")
    with open(target, "wb") as f:
        f.write(kernel)


main(sys.argv[1], sys.argv[2])
