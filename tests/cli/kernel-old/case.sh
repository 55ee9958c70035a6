# A kernel that says it is older than the sandbox needs: said before anything starts.
printf 'recipe: 1\nname: a\nstages: { a: { from: scratch } }\n' >a.recipe
setarch "$(uname -m)" --uname-2.6 ggbuild build a.recipe --progress none
