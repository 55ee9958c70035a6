s/[0-9a-f]{64}/HEX/g
s/[0-9a-f]{16}/KEY/g
s,linux/[a-z0-9]+,linux/ARCH,g
s/has [0-9]+ bytes, expected [0-9]+/has N bytes, expected another number/
s/(_| )(amd64|arm64|riscv64|ppc64el|s390x)/\1ARCH/g
s/(libdeflate|zstd) [0-9]+[.][0-9.]+/\1 VERSION/g
