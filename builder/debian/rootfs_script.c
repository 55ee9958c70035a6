/* SPDX-License-Identifier: Apache-2.0
 *
 * With scripts: the program that runs inside the new root. Every package is unpacked already, so each preinst runs
 * as if in a fresh installation, then dpkg configures all of them in its own order, in one process. Whatever would
 * differ from one run to the next is removed at the end.
 */
#include "builder/debian/rootfs_private.h"

static const char head[] =
	"set -eu\n"
	"umask 022\n"
	"export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true "
	"DEBCONF_NOWARNINGS=yes\n"
	"export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root\n"
	"unset DPKG_ROOT\n"
	"mkdir -p /run/lock && chmod 1777 /run/lock\n"
	"policy=\n"
	"if ! [ -e /usr/sbin/policy-rc.d ]; then\n"
	"	policy=/usr/sbin/policy-rc.d\n"
	"	printf '#!/bin/sh\\nexit 101\\n' >$policy\n"
	"	chmod 755 $policy\n"
	"fi\n"
	"preinst() {\n"
	"	DPKG_MAINTSCRIPT_PACKAGE=$1 DPKG_MAINTSCRIPT_ARCH=$2 DPKG_MAINTSCRIPT_NAME=preinst "
	"\\\n"
	"	DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_MAINTSCRIPT_DEBUG=0 "
	"DPKG_ADMINDIR=/var/lib/dpkg \\\n"
	"	DPKG_ROOT= DPKG_RUNNING_VERSION=$running DEBCONF_PACKAGE=$1 \\\n"
	"	\"/var/lib/dpkg/info/$3.preinst\" install || {\n"
	"		echo \"the preinst script of package $1 failed with exit status $?\" >&2\n"
	"		exit 1\n"
	"	}\n"
	"}\n";

static const char tail[] =
	"dpkg --force-unsafe-io --configure --pending\n"
	"[ -z \"$policy\" ] || rm -f \"$policy\"\n"
	"bad=$(dpkg-query -W -f='${db:Status-Abbrev} ${binary:Package}\\n' | grep -v '^ii ' || :)\n"
	"if [ -n \"$bad\" ]; then\n"
	"	echo 'these packages are not configured:' >&2\n"
	"	echo \"$bad\" >&2\n"
	"	exit 1\n"
	"fi\n"
	"dpkg --audit\n"
	/* What dates, random numbers and the order of events went into. */
	"rm -rf /var/log/dpkg.log /var/log/bootstrap.log /var/log/alternatives.log /var/log/apt "
	"\\\n"
	"	/var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old \\\n"
	"	/var/lib/dpkg/lock /var/lib/dpkg/lock-frontend /var/lib/dpkg/triggers/Lock \\\n"
	"	/var/lib/dbus/machine-id /var/lib/systemd/random-seed "
	"/var/lib/systemd/credential.secret \\\n"
	"	/var/lib/systemd/catalog/database /etc/machine-info /etc/apt/trustdb.gpg \\\n"
	"	/etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid- \\\n"
	"	/var/cache/man/* /root/.debconf /root/.rnd\n"
	"if [ -e /etc/machine-id ]; then : >/etc/machine-id; fi\n"
	"for d in /run /tmp /var/tmp; do\n"
	"	find $d -xdev -mindepth 1 ! -path /run/lock -delete 2>/dev/null || :\n"
	"done\n";

static int put_preinst(const struct rootfs_package *p, struct gg_buf *b, struct gg_err *err)
{
	const struct debian_member *m = rootfs_member(p, "preinst");

	if (!m)
		return 0;
	if (m->len < 2 || memcmp(m->bytes, "#!", 2))
		return gg_fail(err, GG_INTEGRITY, "package '%s': its preinst is no script",
			       p->name);
	gg_buf_printf(b, "preinst %s %s %s\n", p->name, p->arch, p->base);
	return 0;
}

int rootfs_script(struct rootfs_work *w, struct gg_err *err)
{
	const struct rootfs_package *dpkg = rootfs_find(w, "dpkg"),
				    *first = rootfs_find(w, "base-passwd");
	_cleanup_buf_ struct gg_buf b = { 0 };

	if (!dpkg) {
		gg_fail(err, GG_RECIPE,
			"run the packages' scripts: the package 'dpkg' is not among them");
		return gg_hint(err, "add dpkg to the packages, keep `essential: true`, or say "
				    "`scripts: false`");
	}
	gg_buf_puts(&b, head);
	gg_buf_printf(&b, "running=%s\n", dpkg->version);
	/* Others chown to the users that it makes. */
	if (first && put_preinst(first, &b, err) < 0)
		return -1;
	for (size_t i = 0; i < w->n; i++) {
		const struct rootfs_package *p = &w->packages[w->order[i]];

		if (p != first && put_preinst(p, &b, err) < 0)
			return -1;
	}
	/* As in every installation, the rest finds the base configured; it does not say that it needs it. */
	if (w->n_essential) {
		gg_buf_puts(&b, "dpkg --force-unsafe-io --no-triggers --configure");
		for (size_t i = 0; i < w->n_essential; i++)
			gg_buf_printf(&b, " %s", w->packages[w->order[i]].base);
		gg_buf_putc(&b, '\n');
	}
	gg_buf_puts(&b, tail);
	w->out->script = gg_buf_steal(&b);
	return 0;
}
