#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds OCI documents against the image specification's own JSON schemas.

    check_oci.py config|manifest|index|layout FILE
    check_oci.py tree DIRECTORY       a layout: its two files, and every manifest and config that its index leads to

Exit status 3: a document is not valid.
"""
import hashlib
import json
import pathlib
import sys

import jsonschema

# golang-github-opencontainers-image-spec-dev puts them there.
SCHEMAS = pathlib.Path("/usr/share/gocode/src/github.com/opencontainers/image-spec/schema")
NAMES = {"config": "config-schema.json", "manifest": "image-manifest-schema.json",
         "index": "image-index-schema.json", "layout": "image-layout-schema.json"}


def load(name):
    return json.loads((SCHEMAS / name).read_text())


def whole(node, root):
    """The schema with its references put in their places, as its ids lead nowhere offline."""
    if isinstance(node, list):
        return [whole(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name, _, pointer = node["$ref"].partition("#")
        root = load(name) if name else root
        target = root
        for key in filter(None, pointer.split("/")):
            target = target[key]
        return whole(target, root)
    return {key: whole(value, root) for key, value in node.items() if key not in ("id", "$schema")}


def check(kind, text):
    schema = load(NAMES[kind])
    wrong = list(jsonschema.Draft4Validator(whole(schema, schema)).iter_errors(json.loads(text)))
    for error in wrong:
        print(f"{kind}: {'/'.join(map(str, error.absolute_path))}: {error.message}", file=sys.stderr)
    if wrong:
        sys.exit(3)


def blob(directory, descriptor):
    algorithm, _, name = descriptor["digest"].partition(":")
    data = (directory / "blobs" / algorithm / name).read_bytes()
    if hashlib.new(algorithm, data).hexdigest() != name or len(data) != descriptor["size"]:
        print(f"blob {descriptor['digest']}: not what its descriptor says", file=sys.stderr)
        sys.exit(3)
    return data


def check_tree(directory):
    index = (directory / "index.json").read_bytes()
    check("layout", (directory / "oci-layout").read_bytes())
    check("index", index)
    for descriptor in json.loads(index)["manifests"]:
        text = blob(directory, descriptor)
        check("manifest", text)
        manifest = json.loads(text)
        check("config", blob(directory, manifest["config"]))
        for layer in manifest["layers"]:
            blob(directory, layer)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if sys.argv[1] == "tree":
        check_tree(pathlib.Path(sys.argv[2]))
    else:
        check(sys.argv[1], open(sys.argv[2], "rb").read())


main()
