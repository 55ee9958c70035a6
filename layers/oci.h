/* SPDX-License-Identifier: Apache-2.0
 *
 * OCI documents: image configuration, manifest and index entry as canonical compact JSON (image-spec 1.1: config.md,
 * manifest.md, image-index.md, descriptor.md). Pure: no descriptors, no clock. Empty lists and NULL texts are left out
 * of the documents. The health check is Docker's extension of the configuration (durations in ns); engines that take
 * only the specification ignore it. Times are RFC 3339 in UTC, of whole seconds.
 * Errors are GG_USAGE: what a document cannot say (a time outside the years 0..9999).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "layers/base/mem.h"

struct gg_json;

#define OCI_INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define OCI_CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define OCI_REF_NAME "org.opencontainers.image.ref.name"

enum { OCI_DOCUMENT_MAX = 4 << 20 }; /* bytes of a document that is read */

struct oci_pair {
	const char *name, *value;
};

struct oci_layer {
	const char *media_type;
	struct gg_digest digest, diff_id;
	uint64_t size;
	const char *created_by; /* or NULL */
};

struct oci_health {
	const char *const *test; /* "CMD" and arguments, "CMD-SHELL" and a text, or "NONE"; NULL: no health check */
	size_t n_test;
	int64_t interval, timeout, start_period; /* ns; 0: the engine's default */
	int retries;				 /* 0: the engine's default */
};

/* All borrowed. */
struct oci_image_spec {
	const char *arch, *os; /* "amd64", "linux" */
	const char *variant;   /* or NULL */
	int64_t created;       /* seconds since the epoch */
	const char *author;    /* or NULL */
	const char *user;      /* "1000:1000", or NULL */
	const char *const *env; /* "NAME=value", in order */
	size_t n_env;
	const char *const *entrypoint;
	size_t n_entrypoint;
	const char *const *cmd;
	size_t n_cmd;
	const char *workdir; /* or NULL */
	const struct oci_pair *labels;
	size_t n_labels;
	const char *const *ports; /* "8080/tcp" */
	size_t n_ports;
	const char *const *volumes;
	size_t n_volumes;
	const char *stop_signal; /* or NULL */
	struct oci_health health;
	const struct oci_layer *layers; /* bottom first; history has one entry for each */
	size_t n_layers;
	const char *config_created_by; /* a last history entry without a layer; or NULL */
	const struct oci_pair *annotations; /* of the manifest */
	size_t n_annotations;
};

struct oci_blob {
	struct gg_digest digest;
	uint64_t size;
};

struct oci_document {
	char *text; /* owned */
	struct oci_blob blob;
};

/* What an output needs of an image: two documents and the layers' blobs. */
struct oci_image {
	struct oci_document config, manifest;
	struct oci_blob *layers; /* owned */
	size_t n_layers;
	char *arch, *os, *variant; /* owned; variant may be NULL */
	int64_t created;
};

int oci_image_build(const struct oci_image_spec *spec, struct oci_image *ret, struct gg_err *err) GG_MUST_USE;
void oci_image_done(struct oci_image *image);
#define _cleanup_oci_image_ GG_CLEANUP(oci_image_done)

/* {"mediaType","digest","size"}; the caller owns it. */
struct gg_json *oci_descriptor(const char *media_type, const struct oci_blob *blob);
/* The manifest's descriptor with its platform and, unless NULL, its name; the caller owns it. */
struct gg_json *oci_index_entry(const struct oci_image *image, const char *ref_name);
/* An index of these manifests (an array, taken). */
struct gg_json *oci_index(struct gg_json *manifests);
/* "2026-11-24T00:00:00Z", owned by the caller; NULL when the year has not four digits. */
char *oci_time(int64_t seconds);
