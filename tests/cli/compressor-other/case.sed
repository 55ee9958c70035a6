s/(libdeflate|zstd) [0-9]+\.[1-9][0-9.]*/\1 VERSION/g
s/sha256:[0-9a-f]{12,64}/sha256:HEX/g
