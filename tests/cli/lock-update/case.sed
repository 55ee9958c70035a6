s/request debian trixie [0-9a-f]{16}/request debian trixie KEY/
s,linux/[a-z0-9]+,linux/ARCH,g
s,(libdeflate|zstd) [0-9]+[.][0-9.]+,\1 VERSION,
