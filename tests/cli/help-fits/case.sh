# No line of any help is longer than a terminal is wide.
{
	ggbuild --help
	ggbuild --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | while read -r command; do
		ggbuild "$command" --help
	done
} | awk 'length > 80 { print; bad = 1 } END { print (NR > 40 ? "all read" : "too little"); exit bad }'
