s/[0-9A-F]{16}/KEYID/g
