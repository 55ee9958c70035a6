/* SPDX-License-Identifier: Apache-2.0
 *
 * "docker://NAME[:TAG][@DIGEST]": an image in a registry (registry.h), by reference (reference.h).
 */
#pragma once

#include "layers/transport.h"

extern const struct transport transport_registry;
