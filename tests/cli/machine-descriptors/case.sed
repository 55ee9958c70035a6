s,(in|after) [0-9.]+m?s$,\1 TIME,
