s,logs/[0-9a-f]{16}-[0-9a-f]{16},logs/LOG,g
s,[0-9a-f]{64},DIGEST,g
s,(work|file|\.ggtmp)-[0-9a-f]{16},\1-RANDOM,g
s,/proc/self/fd/[0-9]+,/proc/self/fd/N,
