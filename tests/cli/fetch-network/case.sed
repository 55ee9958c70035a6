s/127\.0\.0\.1:[0-9]+/127.0.0.1:PORT/
s/without its abstract sockets/with its abstract sockets/
s|store/logs/[0-9a-f-]+|LOG|
