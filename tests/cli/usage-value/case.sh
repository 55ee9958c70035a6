for words in '--progress=fancy' '--jobs=0' '--jobs=-1' '--jobs' '--locked=yes' '--allow=everything' '--allow=path=' '-z'; do
	ggbuild build x.recipe "$words" || echo "exit $?"
done
