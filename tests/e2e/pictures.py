# SPDX-License-Identifier: Apache-2.0
"""Pictures made of nothing, and how one is uploaded."""
import struct
import zlib


def chunk(name, data=b""):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, more=b""):
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"\0" * (width + 1) * min(height, 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")


def segment(marker, data):
    return bytes((0xff, marker)) + struct.pack(">H", len(data) + 2) + data


def jpeg(width, height):
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    return (b"\xff\xd8" + segment(0xe0, b"JFIF\0\1\1\0\0\1\0\1\0\0") + segment(0xc0, frame) +
            segment(0xda, b"\1\1\0\0\x3f\0") + b"\x12\x34\xff\0\x56" + b"\xff\xd9")


def upload(data, kind, name="picture.png", boundary="----a-boundary"):
    """What a client's request() takes to send the file as a form does."""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="avatar"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
    return {"body": head.encode() + data + f"\r\n--{boundary}--\r\n".encode(),
            "headers": {"Content-Type": f"multipart/form-data; boundary={boundary}"}}
