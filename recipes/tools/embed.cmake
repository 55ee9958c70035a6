# SPDX-License-Identifier: Apache-2.0
# Writes a C file with the bytes of FILES (names relative to BASE, separated by |) for recipes/embedded.h.
#   cmake -DBASE=DIR -DFILES=a|b -DOUTPUT=FILE -P embed.cmake
string(REPLACE "|" ";" names "${FILES}")
list(SORT names COMPARE STRING)
set(arrays "")
set(table "")
set(i 0)
foreach(name ${names})
	file(SIZE ${BASE}/${name} size)
	file(READ ${BASE}/${name} hex HEX)
	string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
	string(APPEND arrays "static const unsigned char file_${i}[] = {\n${bytes}0x00};\n")
	string(APPEND table "\t{\"${name}\", (const char *)file_${i}, ${size}},\n")
	math(EXPR i "${i} + 1")
endforeach()
# A table of no files would be invalid C.
if(i EQUAL 0)
	set(table "\t{NULL, NULL, 0},\n")
endif()
file(WRITE ${OUTPUT} "#include \"recipes/embedded.h\"\n\n${arrays}\n"
	"const struct embedded_file embedded_files[] = {\n${table}};\n"
	"const size_t n_embedded_files = ${i};\n")
