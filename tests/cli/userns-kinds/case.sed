s/gguser-[^\/]*/gguser-RANDOM/
s/[0-9a-f]{16}-[0-9a-f]{16}/LOG/
