s,logs/[0-9a-f]{16}-[0-9a-f]{16},logs/LOG,g
s,(in|after) [0-9.]+m?s$,\1 TIME,
