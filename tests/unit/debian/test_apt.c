/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/apt.h"

#include <stdio.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layers/base/fd.h"

/* A host: files by path, pairs ended by NULL. */
struct host {
	char dir[32];
	int fd;
};

static void host_done(struct host *h)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	gg_close(h->fd);
	assert_int_equal(gg_remove_tree(AT_FDCWD, h->dir, &err), 0);
}
#define _cleanup_host_ GG_CLEANUP(host_done)

static struct host host_new(const char *const *files)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct host h = { .dir = "/tmp/test_apt.XXXXXX" };

	assert_non_null(mkdtemp(h.dir));
	h.fd = gg_openat(AT_FDCWD, h.dir, O_RDONLY | O_DIRECTORY, 0, &err);
	for (; *files; files += 2) {
		_cleanup_free_ char *parent = gg_strdup(files[0]);

		*strrchr(parent, '/') = '\0';
		assert_int_equal(gg_mkdirs(h.fd, parent, 0755, &err), 0);
		int fd = gg_openat(h.fd, files[0], O_WRONLY | O_CREAT | O_EXCL, 0644, &err);
		assert_int_equal(gg_write_all(fd, files[1], strlen(files[1]), &err), 0);
		gg_close(fd);
	}
	return h;
}

#define DEBIAN_KEYRING "usr/share/keyrings/debian-archive-keyring.gpg", "k"
#define UBUNTU_KEYRING "usr/share/keyrings/ubuntu-archive-keyring.gpg", "k"

struct found {
	const char *main, *security,
		*key; /* main NULL: an error, and security is what its hint has */
};

static void expect(const char *const *files, const char *distro, const char *arch,
		   struct apt_options options, struct found f)
{
	_cleanup_host_ struct host h = host_new(files);
	_cleanup_apt_mirrors_ struct apt_mirrors m = { 0 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (apt_mirrors_find(h.fd, distro, arch, &options, &m, &err) < 0) {
		if (f.main)
			fail_msg("%s", err.text);
		assert_int_equal(err.kind, GG_USAGE);
		assert_non_null(strstr(err.hint, f.security));
		return;
	}
	if (!f.main)
		fail_msg("found '%s'", m.main);
	assert_string_equal(m.main, f.main);
	assert_string_equal(m.security, f.security);
	assert_string_equal(m.keys.files.n ? m.keys.files.v[0] : m.keys.texts.v[0], f.key);
	assert_string_equal(apt_archive_of(&m, "s-updates"), f.main);
	assert_string_equal(apt_archive_of(&m, "s-security"), f.security);
}

static void a_debian_host(void **state)
{
	static const char *const one_line[] = {
		"etc/apt/sources.list",
		"# comment\n"
		"deb-src http://src.invalid/debian bookworm main\n"
		"deb cdrom:[Debian]/ bookworm main\n"
		"deb http://a.invalid/debian/ bookworm main contrib # why\n"
		"deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
		"http://b.invalid/debian-security bookworm-security main\n",
		DEBIAN_KEYRING, NULL
	};
	static const char *const deb822[] = {
		"etc/apt/sources.list.d/debian.sources",
		"# comment\nTypes: deb deb-src\nURIs: https://a.invalid/pub/debian/\nSuites: "
		"trixie trixie-updates\n"
		"Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n"
		"Types: deb\n# inside\nURIs: https://b.invalid/debian-security\nSuites: "
		"trixie-security\n"
		"Components: main\n",
		DEBIAN_KEYRING, NULL
	};
	static const char *const trusted[] = { "etc/apt/sources.list",
					       "deb http://a.invalid/debian sid main\n",
					       "etc/apt/trusted.gpg.d/debian-archive-x.asc",
					       "k",
					       "etc/apt/trusted.gpg.d/other.asc",
					       "k",
					       NULL };

	(void)state;
	expect(one_line, "debian", "amd64", (struct apt_options){ 0 },
	       (struct found){ "http://a.invalid/debian", "http://b.invalid/debian-security",
			       "/usr/share/keyrings/debian-archive-keyring.gpg" });
	expect(deb822, "debian", "arm64", (struct apt_options){ 0 },
	       (struct found){ "https://a.invalid/pub/debian", "https://b.invalid/debian-security",
			       "/usr/share/keyrings/debian-archive-keyring.gpg" });
	expect(trusted, "debian", "amd64", (struct apt_options){ 0 },
	       (struct found){ "http://a.invalid/debian", "http://a.invalid/debian-security",
			       "/etc/apt/trusted.gpg.d/debian-archive-x.asc" });
	expect(one_line, "ubuntu", "amd64", (struct apt_options){ 0 },
	       (struct found){ NULL, "--mirror ubuntu=URL", NULL });
	expect(deb822, "debian", "amd64", (struct apt_options){ .keyring = "/my.gpg" },
	       (struct found){ "https://a.invalid/pub/debian", "https://b.invalid/debian-security",
			       "/my.gpg" });
}

static void an_ubuntu_host(void **state)
{
	static const char *const amd64[] = {
		"etc/apt/sources.list.d/ubuntu.sources",
		"Types: deb\nURIs: http://a.invalid/ubuntu/\nSuites: noble "
		"noble-updates\nComponents: main universe\n"
		"Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n\n"
		"Types: deb\nURIs: http://s.invalid/ubuntu/\nSuites: noble-security\nComponents: "
		"main\n"
		"Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n",
		"etc/apt/sources.list.d/a.list",
		"deb https://ppa.host.invalid/u/p/ubuntu noble main\n",
		UBUNTU_KEYRING,
		NULL
	};
	static const char *const arm64[] = { "etc/apt/sources.list",
					     "deb http://p.invalid/ubuntu-ports noble main\n",
					     UBUNTU_KEYRING, NULL };

	(void)state;
	expect(amd64, "ubuntu", "amd64", (struct apt_options){ 0 },
	       (struct found){ "http://a.invalid/ubuntu", "http://s.invalid/ubuntu",
			       "/usr/share/keyrings/ubuntu-archive-keyring.gpg" });
	expect(amd64, "ubuntu", "arm64", (struct apt_options){ 0 },
	       (struct found){ NULL, "--mirror ubuntu=URL", NULL });
	expect(arm64, "ubuntu", "arm64", (struct apt_options){ 0 },
	       (struct found){ "http://p.invalid/ubuntu-ports", "http://p.invalid/ubuntu-ports",
			       "/usr/share/keyrings/ubuntu-archive-keyring.gpg" });
	expect(amd64, "debian", "amd64", (struct apt_options){ 0 },
	       (struct found){ NULL, "--mirror debian=URL", NULL });
	expect(amd64, "debian", "amd64", (struct apt_options){ .main = "http://m.invalid/debian" },
	       (struct found){ NULL, "install the package debian-archive-keyring", NULL });
}

/* Repositories of vendors use Debian's suites and paths for their own packages. */
static void vendors_are_not_the_archive(void **state)
{
	static const char *const files[] = {
		"etc/apt/sources.list.d/vendors.list",
		"deb [signed-by=/etc/apt/keyrings/v.asc] https://v.invalid/linux/debian bookworm "
		"stable\n"
		"deb [signed-by=/etc/apt/keyrings/w.asc] https://w.invalid/repos/code stable main\n"
		"deb [signed-by=/etc/apt/keyrings/x.asc] https://x.invalid/apt bookworm-x main\n",
		"etc/apt/sources.list.d/off.sources",
		"Types: deb\nEnabled: no\nURIs: http://off.invalid/debian\nSuites: "
		"bookworm\nComponents: main\n",
		"etc/apt/sources.list.d/off.list.save",
		"deb http://save.invalid/debian bookworm main\n",
		DEBIAN_KEYRING,
		NULL
	};

	(void)state;
	expect(files, "debian", "amd64", (struct apt_options){ 0 },
	       (struct found){ NULL, "--mirror debian=URL", NULL });
}

static void the_user_says(void **state)
{
	static const char *const files[] = {
		"etc/apt/sources.list",
		"deb http://a.invalid/debian trixie main\ndeb http://b.invalid/debian-security "
		"trixie-security main\n",
		DEBIAN_KEYRING, NULL
	};
	static const char *const urls[][2] = {
		{ "http://m.invalid/debian/", "http://m.invalid/debian-security" },
		{ "http://m.invalid/archive/debian/20250520T000000Z",
		  "http://m.invalid/archive/debian-security/20250520T000000Z" },
		{ "file:///srv/mirror", "file:///srv/mirror" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(urls); i++) {
		_cleanup_free_ char *trimmed =
			gg_strndup(urls[i][0], strlen(urls[i][0]) - (i == 0));

		expect(files, "debian", "amd64", (struct apt_options){ .main = urls[i][0] },
		       (struct found){ trimmed, urls[i][1],
				       "/usr/share/keyrings/debian-archive-keyring.gpg" });
	}
	expect(files, "debian", "amd64", (struct apt_options){ .security = "http://s.invalid/x/" },
	       (struct found){ "http://a.invalid/debian", "http://s.invalid/x",
			       "/usr/share/keyrings/debian-archive-keyring.gpg" });
}

static void an_inline_key(void **state)
{
	static const char *const files[] = { "etc/apt/sources.list.d/debian.sources",
					     "Types: deb\nURIs: http://a.invalid/debian\nSuites: "
					     "trixie\nComponents: main\nSigned-By:\n"
					     " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n AAAA\n "
					     "-----END PGP PUBLIC KEY BLOCK-----\n",
					     NULL };

	(void)state;
	expect(files, "debian", "amd64", (struct apt_options){ 0 },
	       (struct found){ "http://a.invalid/debian", "http://a.invalid/debian-security",
			       "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC "
			       "KEY BLOCK-----\n" });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_debian_host),
		cmocka_unit_test(an_ubuntu_host),
		cmocka_unit_test(vendors_are_not_the_archive),
		cmocka_unit_test(the_user_says),
		cmocka_unit_test(an_inline_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
