s|logs/[0-9a-f-]+|logs/LOG|
