# SPDX-License-Identifier: Apache-2.0
"""Bundles as bytes, for test_bundle_damage.py: taken apart, and put together in every way that ggbuild would not."""
import hashlib
import json

BLOCK = 512


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def header(name, size, mode=0o644, kind=b"0", link=""):
    """One ustar header as ggbuild writes it."""
    h = bytearray(BLOCK)
    for at, text in ((0, name.encode()), (100, b"%07o\0" % mode), (108, b"%07o\0" % 0), (116, b"%07o\0" % 0),
                     (124, b"%011o\0" % size), (136, b"%011o\0" % 0), (148, b" " * 8), (156, kind), (157, link.encode()),
                     (257, b"ustar\0" + b"00"), (329, b"%07o\0" % 0), (337, b"%07o\0" % 0)):
        h[at:at + len(text)] = text
    h[148:156] = b"%06o\0 " % sum(h)
    return bytes(h)


def member(name, data=b"", **how):
    return header(name, len(data), **how) + data + bytes(-len(data) % BLOCK)


class Bundle:
    """The members of a bundle: name, where its header and its bytes are, how many those are."""

    def __init__(self, data):
        self.data, self.members, at = data, [], 0
        while data[at:at + BLOCK] != bytes(BLOCK):
            name = data[at:at + 100].rstrip(b"\0").decode()
            size = int(data[at + 124:at + 135], 8)
            self.members.append((name, at, at + BLOCK, size))
            at += BLOCK + size + -size % BLOCK
        self.end = at
        self.manifest_digest = json.loads(self.get("index.json"))["manifests"][0]["digest"]
        self.manifest = json.loads(self.blob(self.manifest_digest))

    def get(self, name):
        for n, _, at, size in self.members:
            if n == name:
                return self.data[at:at + size]
        raise KeyError(name)

    def blob(self, d):
        return self.get("blobs/sha256/" + d.split(":")[1])

    def parts(self):
        return [(p["annotations"]["org.opencontainers.image.title"], p["annotations"]["dev.ggbuild.role"], p)
                for p in self.manifest["layers"]]

    def part(self, role):
        return next(p for _, r, p in self.parts() if r == role)

    def texts(self):
        """Every part's bytes by digest."""
        return {p["digest"]: self.blob(p["digest"]) for _, _, p in self.parts()}


def index(manifest, **more):
    return compact({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(manifest), "size": len(manifest),
         "artifactType": "application/vnd.ggbuild.bundle.v1",
         "annotations": {"org.opencontainers.image.ref.name": "latest"}, **more}]})


def build(manifest, blobs, index_text=None, extra=b"", tail=bytes(2 * BLOCK)):
    """An archive of a manifest (a value or its bytes) with these blobs by digest; consistent unless they are not."""
    text = manifest if isinstance(manifest, bytes) else compact(manifest)
    out = [member("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), member("index.json", index_text or index(text)),
           header("blobs/", 0, 0o755, b"5"), header("blobs/sha256/", 0, 0o755, b"5"),
           member("blobs/sha256/" + digest(text).split(":")[1], text),
           member("blobs/sha256/" + digest(b"{}").split(":")[1], b"{}")]
    seen = set()
    if not isinstance(manifest, bytes):
        for part in manifest["layers"]:
            if part["digest"] not in seen:
                seen.add(part["digest"])
                out.append(member("blobs/sha256/" + part["digest"].split(":")[1], blobs[part["digest"]]))
    return b"".join(out) + extra + tail


def zstd_zeros(blocks):
    """A zstd frame of that many 128 KiB of zeros: a few bytes each (RFC 8878, RLE blocks)."""
    block = (1 << 1 | 131072 << 3).to_bytes(3, "little") + b"\0"
    last = (1 | 1 << 1 | 131072 << 3).to_bytes(3, "little") + b"\0"
    return b"\x28\xb5\x2f\xfd\x00\x50" + block * (blocks - 1) + last
