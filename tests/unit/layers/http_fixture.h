/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/http/fake_server.py for a cmocka group: its ports, its certificate dir/cert with dir/key, its socket dir/socket.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "layers/base/fd.h"

static int port, tls_port;
static char dir[] = "/tmp/ggtest-http-XXXXXX";
static FILE *server_in;
static pid_t server;

static int start_server(void **state)
{
	int out[2], in[2];
	_cleanup_free_ char *command = NULL;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	command = gg_asprintf("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
			      "-nodes -keyout %s/key "
			      "-out %s/cert -days 2 -subj /CN=test -addext "
			      "subjectAltName=IP:127.0.0.1 2>/dev/null",
			      dir, dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	server = fork();
	if (server == 0) {
		_cleanup_free_ char *cert = gg_asprintf("%s/cert", dir),
				    *key = gg_asprintf("%s/key", dir),
				    *path = gg_asprintf("%s/socket", dir);

		dup2(in[0], 0);
		dup2(out[1], 1);
		execlp("python3", "python3", TESTS_DIR "/http/fake_server.py", cert, key, path,
		       (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	server_in = fdopen(in[1], "w");
	f = fdopen(out[0], "r");
	assert_int_equal(fscanf(f, "%d %d", &port, &tls_port), 2);
	fclose(f);
	/* Whoever runs the tests may have a proxy; loopback must not go through it. */
	setenv("no_proxy", "127.0.0.1", 1);
	return 0;
}

static int stop_server(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	(void)state;
	fclose(server_in);
	waitpid(server, NULL, 0);
	return gg_remove_tree(AT_FDCWD, dir, &err);
}
