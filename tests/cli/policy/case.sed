s/has [0-9]+ bytes of files, [0-9]+ more/has N bytes of files, N more/
