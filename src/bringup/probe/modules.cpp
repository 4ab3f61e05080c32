// SPDX-License-Identifier: Apache-2.0
// NVIDIA's kernel modules on disk as facts.
#include <bringup/base/text.hpp>
#include <bringup/host/kernel_module.hpp>
#include <bringup/probe/internal.hpp>

namespace bringup::probe {

std::vector<facts::ModuleOnDisk> read_modules(const host::View& view, const std::string& release) {
  std::vector<facts::ModuleOnDisk> found;
  for (const std::string& path : host::nvidia_modules(view, release)) {
    facts::ModuleOnDisk module{.kernel = release, .path = path};
    if (const auto info = host::read_module(view, path)) {
      module.version = info->version;
      module.signer = info->signer;
      module.built_for = info->built_for;
      module.versioned = info->versioned;
      if (!info->license.empty())
        module.flavour =
            base::contains(info->license, "MIT") ? facts::Flavour::open : facts::Flavour::proprietary;
    }
    found.push_back(std::move(module));
  }
  return found;
}

}  // namespace bringup::probe
