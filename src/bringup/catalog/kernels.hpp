// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the names of kernels' packages say.

#include <string_view>

namespace bringup::catalog {

// Whether a package pulls in the newest kernel: "linux-image-amd64", "linux-generic", "kernel-core"; not
// those of one release, which never change.
bool pulls_kernel(std::string_view name);

}  // namespace bringup::catalog
