echo mine >mine.recipe
ln -s nowhere link.recipe
ggbuild init mine.recipe || echo "exit $?"
ggbuild init link.recipe || echo "exit $?"
cat mine.recipe
ls
