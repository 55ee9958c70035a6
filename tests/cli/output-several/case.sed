s/[0-9a-f]{64}/DIGEST/g
s/"size":[0-9]+/"size":N/g
s/ +[0-9]+ 1970/ N 1970/
s/"architecture":"[a-z0-9]+"/"architecture":"ARCH"/g
