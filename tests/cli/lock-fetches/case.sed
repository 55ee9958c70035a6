s/sha256:[0-9a-f]{12,64}/sha256:HEX/g
s,whole of it: .*,whole of it: LOG,
/its network was not the host's/d
