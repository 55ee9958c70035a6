/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/elf.h"

enum { EF_ARM_ABI_FLOAT_HARD = 0x400 };

static const struct machine {
	uint16_t machine;
	unsigned bits;
	bool big_endian;
	uint32_t mask, flags; /* of e_flags, where they tell two ABIs apart */
	const char *multiarch, *platform;
} machines[] = {
	{ ELF_MACHINE_X86_64, 64, false, 0, 0, "x86_64-linux-gnu", "x86_64" },
	{ ELF_MACHINE_X86_64, 32, false, 0, 0, "x86_64-linux-gnux32", "x86_64" },
	{ ELF_MACHINE_AARCH64, 64, false, 0, 0, "aarch64-linux-gnu", "aarch64" },
	{ ELF_MACHINE_ARM, 32, false, EF_ARM_ABI_FLOAT_HARD, EF_ARM_ABI_FLOAT_HARD,
	  "arm-linux-gnueabihf", "v7l" },
	{ ELF_MACHINE_ARM, 32, false, 0, 0, "arm-linux-gnueabi", "v5l" },
	{ ELF_MACHINE_386, 32, false, 0, 0, "i386-linux-gnu", "i686" },
	{ ELF_MACHINE_RISCV, 64, false, 0, 0, "riscv64-linux-gnu", NULL },
	{ ELF_MACHINE_PPC64, 64, false, 0, 0, "powerpc64le-linux-gnu", "power8" },
	{ ELF_MACHINE_PPC64, 64, true, 0, 0, "powerpc64-linux-gnu", "power4" },
	{ ELF_MACHINE_S390, 64, true, 0, 0, "s390x-linux-gnu", "z900" },
	{ ELF_MACHINE_LOONGARCH, 64, false, 0, 0, "loongarch64-linux-gnu", "loongarch64" },
	{ ELF_MACHINE_MIPS, 64, false, 0, 0, "mips64el-linux-gnuabi64", "mips" },
};

static const struct machine *find(const struct elf *e)
{
	for (size_t i = 0; i < GG_LEN(machines); i++) {
		const struct machine *m = &machines[i];

		if (m->machine == e->machine && m->bits == e->bits &&
		    m->big_endian == e->big_endian && (e->flags & m->mask) == m->flags)
			return m;
	}
	return NULL;
}

bool elf_compatible(const struct elf *a, const struct elf *b)
{
	return a->bits == b->bits && a->big_endian == b->big_endian && a->machine == b->machine;
}

const char *elf_multiarch(const struct elf *e)
{
	const struct machine *m = find(e);

	return m ? m->multiarch : NULL;
}

const char *elf_platform(const struct elf *e)
{
	const struct machine *m = find(e);

	return m ? m->platform : NULL;
}
