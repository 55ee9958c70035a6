/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl and its TLS library are loaded by the first transfer: a build that downloads nothing pays
 * nothing for them.
 */
#include "layers/http_private.h"

#include <dlfcn.h>
#include <string.h>

static int load_symbols(struct http_curl *c, struct gg_err *err)
{
	/* POSIX lets a function pointer be stored through void **; a cast would not do in ISO C. */
#define HTTP_CURL_LOAD(name)                                                                       \
	*(void **)&c->name = dlsym(c->library, "curl_" #name);                                     \
	if (!c->name)                                                                              \
		return gg_fail(err, GG_SYSTEM, "libcurl has no curl_" #name);

	HTTP_CURL_FUNCTIONS(HTTP_CURL_LOAD)
#undef HTTP_CURL_LOAD
	return 0;
}

int http_curl_load(struct http_curl *ret, struct gg_err *err)
{
	/* NODELETE: the TLS library registers handlers that run at exit. */
	void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	if (!library)
		library = dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!library) {
		gg_fail(err, GG_SYSTEM, "load libcurl: %s", dlerror());
		return gg_hint(err, "downloads need libcurl; install the package libcurl4");
	}
	*ret = (struct http_curl){ .library = library };
	if (load_symbols(ret, err) < 0)
		goto fail;
	if (ret->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		gg_fail(err, GG_SYSTEM, "libcurl does not start");
		goto fail;
	}
	return 0;
fail:
	dlclose(library);
	*ret = (struct http_curl){ 0 };
	return -1;
}

void http_curl_unload(struct http_curl *c)
{
	if (!c->library)
		return;
	c->global_cleanup();
	dlclose(c->library);
	*c = (struct http_curl){ 0 };
}
