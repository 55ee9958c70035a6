s/[0-9a-f]{64}/HEX/g
s/sha256: [0-9a-f]+…/sha256: HEX…/
