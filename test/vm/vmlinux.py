"""vmlinux.py IMAGE OUT: the uncompressed kernel out of what a distribution boots.

x86: a bzImage. A vmlinux boots by PVH under qboot in a fraction of a bzImage's time under a full BIOS. The boot
protocol's header (Documentation/arch/x86/boot.rst) says where the payload lies; its first bytes say how it is compressed.
arm64: an Image, compressed or in an EFI program that unpacks itself. POWER: a vmlinux as it is.
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
        # Something follows the frame, the length say: zstd warns of it and still writes the kernel.
        return subprocess.run(["zstd", "-dcq"], input=payload, capture_output=True, check=False).stdout
    sys.exit(f"vmlinux.py: unknown compression {payload[:6].hex()}")


def bzimage(image):
    sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    return unpack(image[start:start + length])


def zboot(image):
    """drivers/firmware/efi/libstub/zboot-header.S: where the payload is, and how long."""
    offset, length = struct.unpack_from("<II", image, 8)
    return unpack(image[offset:offset + length])


def main(source, target):
    with open(source, "rb") as f:
        kernel = f.read()
    if kernel[0x202:0x206] == b"HdrS":
        kernel = bzimage(kernel)
    elif kernel[4:8] == b"zimg":
        kernel = zboot(kernel)
    elif kernel[:2] == b"\x1f\x8b":
        kernel = unpack(kernel)
    if kernel[:4] != b"\x7fELF" and kernel[0x38:0x3c] != b"ARMd":
        sys.exit(f"vmlinux.py: {source} holds no kernel")
    with open(target, "wb") as f:
        f.write(kernel)


main(sys.argv[1], sys.argv[2])
