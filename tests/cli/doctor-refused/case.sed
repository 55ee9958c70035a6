s,^( *profile ggbuild )"/.*/ggbuild",\1"@PROGRAM@",
