#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds recipe.schema.json against recipes.

    check.py SCHEMA RECIPE-OR-DIRECTORY… [--invalid DIRECTORY]

Every recipe named (a directory: every *.recipe in it) must satisfy the schema. Of the invalid ones, those that the
parser refuses for what they mean (names that do not exist, cycles, variables, duplicates) may pass; they are listed
in BEYOND, and that list must be exact, so that a schema that grows lax is seen.
"""
import json
import pathlib
import re
import sys

import jsonschema
import yaml

# What no schema can say.
BEYOND = """
from-image-name from-input from-keyring-outside from-reference from-unknown-stage long-line root-epoch-day stage-cycle stage-itself
step-inputs-none step-secrets step-secrets-none step-twins use-broken use-param-value use-twice use-wrong vars-bare
vars-default vars-path vars-unclosed vars-undefined vars-undefined-none vars-utf8
""".split()


class Loader(yaml.SafeLoader):
    """YAML 1.2's core types, as ggbuild and editors read them: no dates, no yes and no, no base 60, no merge."""


Loader.yaml_implicit_resolvers = {}
Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(~|null|Null|NULL|)$"), None)
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))
Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(0|[1-9][0-9]*)$"),
                             list("-0123456789"))
Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^-?[0-9]+\.[0-9]+$"),
                             list("-0123456789"))


def recipes(names):
    for name in map(pathlib.Path, names):
        yield from sorted(name.glob("*.recipe")) if name.is_dir() else [name]


def load(path):
    text = path.read_text(encoding="utf-8-sig")
    # JSON is YAML, but this YAML reader minds its tabs.
    return json.loads(text) if text.startswith("{") else yaml.load(text, Loader)


def check_valid(validator, names):
    wrong = count = 0
    for path in recipes(names):
        count += 1
        for error in validator.iter_errors(load(path)):
            wrong += 1
            print(f"{path}: {'/'.join(map(str, error.absolute_path))}: {error.message}")
    if not count:
        sys.exit("no recipes to check")
    return wrong


def check_invalid(validator, directory):
    wrong, beyond = 0, set(BEYOND)
    for path in recipes([directory]):
        if path.stem.startswith("yaml-"):
            continue  # no YAML, or more of it than recipes may have
        passes = validator.is_valid(load(path))
        if passes and path.stem not in beyond:
            wrong += 1
            print(f"{path}: invalid, and the schema takes it")
        if not passes and path.stem in beyond:
            wrong += 1
            print(f"{path}: the schema refuses it; take it off the list BEYOND")
        beyond.discard(path.stem)
    for name in sorted(beyond):
        wrong += 1
        print(f"{directory}: no {name}.recipe; take it off the list BEYOND")
    return wrong


def main(argv):
    invalid = None
    if "--invalid" in argv:
        at = argv.index("--invalid")
        invalid = argv[at + 1]
        del argv[at:at + 2]
    if len(argv) < 3:
        sys.exit(__doc__)
    with open(argv[1], encoding="utf-8") as file:
        schema = yaml.safe_load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    wrong = check_valid(validator, argv[2:])
    if invalid:
        wrong += check_invalid(validator, invalid)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
