s/sha256:[0-9a-f]{64}/sha256:DIGEST/
