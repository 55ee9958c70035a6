for word in biuld hello.yaml; do
	ggbuild $word x.recipe || echo "exit $?"
done
