# SPDX-License-Identifier: Apache-2.0
"""Images for tests, written by hand: layouts and docker-archives of given layers, right or wrong."""
import gzip
import hashlib
import io
import json
import os
import tarfile

OCI = "application/vnd.oci.image."
INDEX = OCI + "index.v1+json"
MANIFEST = OCI + "manifest.v1+json"
CONFIG = OCI + "config.v1+json"
LAYER = OCI + "layer.v1.tar"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def text(document):
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def layer(files, **fields):
    """A tar of {path: bytes, or a function that changes the TarInfo and returns bytes}, in the order given."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            for name, value in fields.items():
                setattr(info, name, value)
            if callable(content):
                content = content(info)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


class Layout:
    """An image layout in memory: `files` by path."""

    def __init__(self, *tars, config=None, compress=lambda tar: tar, kind="", platform=("linux", "amd64"), ref=None):
        self.files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
        os_name, arch = platform
        self.config = {"architecture": arch, "os": os_name, "config": {},
                       "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]}}
        self.config.update(config or {})
        self.layers = [self.descriptor(LAYER + kind, compress(tar)) for tar in tars]
        self.manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                         "config": self.descriptor(CONFIG, text(self.config)), "layers": self.layers}
        entry = self.descriptor(MANIFEST, text(self.manifest))
        if ref:
            entry["annotations"] = {"org.opencontainers.image.ref.name": ref}
        self.index = {"schemaVersion": 2, "manifests": [entry]}

    def descriptor(self, media_type, data):
        self.files["blobs/sha256/" + digest(data)[7:]] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    def reseal(self):
        """New digests after config or manifest was changed."""
        self.manifest["config"] = self.descriptor(self.manifest["config"]["mediaType"], text(self.config))
        self.point_to(self.manifest, MANIFEST)

    def point_to(self, document, media_type):
        self.index["manifests"] = [self.descriptor(media_type, text(document))]

    def all_files(self):
        return {**self.files, "index.json": text(self.index)}

    def write(self, path):
        for name, data in self.all_files().items():
            file = os.path.join(path, name)
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(file, "wb") as out:
                out.write(data)
        return path

    def write_archive(self, path):
        return write_tar(path, self.all_files())


def write_tar(path, files):
    with open(path, "wb") as out:
        out.write(layer(files))
    return path


def docker_files(*tars, tags=("test:latest",)):
    """What `docker save` of old writes: a directory for each layer."""
    config = text({"architecture": "amd64", "os": "linux", "config": {},
                   "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]}})
    name = hashlib.sha256(config).hexdigest() + ".json"
    files = {name: config}
    names = []
    for i, tar in enumerate(tars):
        names.append(f"layer{i}/layer.tar")
        files[f"layer{i}/VERSION"] = b"1.0"
        files[names[-1]] = tar
    files["manifest.json"] = text([{"Config": name, "RepoTags": list(tags), "Layers": names}])
    return files


def compressed(tar):
    return gzip.compress(tar, mtime=0)
