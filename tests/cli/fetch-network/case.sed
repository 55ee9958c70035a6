s/without its abstract sockets/with its abstract sockets/
s|store/logs/[0-9a-f-]+|LOG|
