// SPDX-License-Identifier: Apache-2.0
#include <bringup/catalog/kernels.hpp>

namespace bringup::catalog {

bool pulls_kernel(std::string_view name) {
  if (name == "kernel" || name == "kernel-core" || name == "linux-generic" ||
      name.starts_with("linux-generic-hwe"))
    return true;
  for (const std::string_view start : {"linux-image-", "linux-headers-"}) {
    if (!name.starts_with(start)) continue;
    const std::string_view rest = name.substr(start.size());
    return !rest.empty() && (rest[0] < '0' || rest[0] > '9') && !rest.starts_with("unsigned-");
  }
  return false;
}

}  // namespace bringup::catalog
