s/[0-9a-f]{64}/HEX/g
s/[0-9]+ bytes, expected [0-9]+/N bytes, expected N/
s/_[a-z0-9]+\.deb/_ARCH.deb/
