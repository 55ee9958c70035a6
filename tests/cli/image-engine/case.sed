s/(images\/load\?…': )[A-Z].*$/\1@BROKEN@/
