s,logs/[0-9a-f]{16}-[0-9a-f]{16},logs/LOG,g
