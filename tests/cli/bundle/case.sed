s/sha256:[0-9a-f]{64}/sha256:HEX/g
/ lock .*a\.lock$/s/^.*$/a line about a.lock/
s/parts, [0-9.]+ k?B, /parts, SIZE, /
