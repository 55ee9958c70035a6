/* SPDX-License-Identifier: Apache-2.0
 *
 * OCI documents (image-spec v1.1: config.md, manifest.md, image-index.md, annotations.md), canonical compact JSON.
 * Config.Healthcheck is the Docker image spec's extension. Pure: texts out of plain data, no clock, no descriptor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "layers/base/json.h"

#define OCI_INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define OCI_CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define OCI_REF_NAME "org.opencontainers.image.ref.name"
#define OCI_LAYOUT_VERSION "1.0.0"
#define OCI_LAYOUT_TEXT                                                                            \
	"{\"imageLayoutVersion\":\"" OCI_LAYOUT_VERSION "\"}" /* of the file oci-layout */

struct oci_blob {
	struct gg_digest digest;
	uint64_t size; /* bytes */
};

struct oci_strings {
	const char *const *v;
	size_t n;
};

struct oci_layer {
	const char *media_type;
	struct gg_digest digest, diff_id;
	uint64_t size;          /* bytes of the blob */
	const char *created_by; /* for its history entry */
};

struct oci_health {
	bool present;
	struct oci_strings test; /* CMD … | CMD-SHELL TEXT | NONE */
	uint64_t interval, timeout, start_period, start_interval; /* ns; 0: absent */
	int retries;                                              /* 0: absent */
};

struct oci_image {
	const char *architecture, *os;                     /* GOARCH, GOOS names */
	int64_t created;                                   /* seconds since 1970 */
	const char *author, *user, *workdir, *stop_signal; /* NULL: absent */
	struct oci_strings env, entrypoint, cmd, ports, volumes;
	struct oci_strings labels, annotations; /* "KEY=value" */
	struct oci_health health;
	const struct oci_layer *layers; /* bottom first */
	size_t n_layers;
	/* A config that was checked (image_config.h), whose layers are the first n_inherited; NULL: none. What the others
	 * say goes over it: variables, labels, ports and volumes one by one, and with a new entrypoint its cmd is gone. */
	const struct gg_json *inherits;
	size_t n_inherited;
};

/* Owned by the caller. */
char *oci_config(const struct oci_image *image);
char *oci_manifest(const struct oci_image *image, const struct gg_digest *config,
		   uint64_t config_size);
/* An index.json entry for a manifest. ref may be NULL. */
struct gg_json *oci_descriptor(const struct oci_image *image, const struct gg_digest *manifest,
			       uint64_t size, const char *ref);
/* An image index with this array of descriptors, which it takes. */
struct gg_json *oci_index(struct gg_json *manifests);
/* The grammar of OCI_REF_NAME in annotations.md: alphanumeric runs, divided by one of - . _ : @ + or by --, in
 * components divided by '/'. */
bool oci_ref_valid(const char *ref);
/* "2026-11-21T09:15:44Z" */
char *oci_time(int64_t seconds);
