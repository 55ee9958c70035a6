s/it is 20[0-9: -]+ UTC here/it is NOW here/
