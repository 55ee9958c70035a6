#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds, verifies and keeps the store small, as a job of any CI would. Change the recipe's name and what is done with the
# image; the lock is in the repository.
# Of the store, keep format, actions, blobs and names: a cache forgets the owners of trees, which are made again where
# they are needed.
#   build.sh [RECIPE]
set -eu
recipe=${1:-app.recipe}
store=${GGBUILD_STORE:-.ggbuild}

# All that needs a network, if the kept store does not have it. What follows needs none.
ggbuild fetch "$recipe" --locked --store "$store"
# As the lock has it, or not at all.
ggbuild build "$recipe" --locked --offline --store "$store" -o oci-archive:image.tar
# Again from nothing, under other conditions, compared; what was compared is stated.
ggbuild verify "$recipe" --locked --offline --store "$store" --attestation image.intoto.json
# What the next job finds is what was used lately, and not more than this.
ggbuild store gc --store "$store" --keep 14d --max-size 20GiB
