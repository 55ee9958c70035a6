s/(moved to tmp\/bad-[0-9a-f]+)-[0-9a-f]+/\1-RANDOM/
