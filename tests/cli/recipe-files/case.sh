# Files that are no recipes, and bytes that are no text.
. "$TESTS/tools/cases.sh"
: >empty.recipe
{
	printf 'recipe: 1\nname: case\n'
	yes '# a comment' | head -c 2097152
} >large.recipe
printf 'recipe: 1\nname: "a\377b"\n' >utf8.recipe
printf 'recipe: 1\nname: "a\000b"\n' >nul.recipe
printf 'recipe: 1\nname: "a\033[31mb"\n' >escape.recipe
printf 'recipe: 1\nname: case\nstages: { s: { from: "\\e]0;title\\a\\u009b31m" } }\nimage: { from: s }\n' >escaped.recipe
printf '\377\376r\000e\000c\000' >utf16.recipe
printf '\357\273\277recipe: 1\r\nname: case\r\nbad: 1\r\n' >bom-crlf.recipe
mkdir directory.recipe
mkfifo fifo.recipe
ln -s loop.recipe loop.recipe
ln -s gone.recipe dangling.recipe
for recipe in empty large utf8 nul escape escaped utf16 bom-crlf directory fifo loop dangling; do
	try $recipe.recipe
done
