// SPDX-License-Identifier: Apache-2.0
#include <bringup/catalog/catalog.hpp>
#include <bringup/resolve/extension.hpp>

#include <algorithm>

namespace bringup::resolve {

std::vector<std::string> architectures_of(const facts::Machine& machine) {
  std::vector<catalog::ComputeCapability> found;
  for (const facts::PciFunction& function : machine.pci) {
    const auto compute = catalog::ComputeCapability::parse(function.compute_capability);
    if (function.kind == facts::PciKind::gpu && compute) found.push_back(*compute);
  }
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  std::vector<std::string> out;
  for (const auto& one : found) out.push_back(one.text());
  return out;
}

bool is_built(const facts::Machine& machine, const facts::PythonEnv& env, std::string_view module) {
  const auto built = std::ranges::find(env.built, module, &facts::BuiltExtension::module);
  if (built == env.built.end() || !env.torch || built->torch != env.torch->substr(0, env.torch->find('+')))
    return false;
  return std::ranges::all_of(architectures_of(machine), [&built](const std::string& one) {
    return std::ranges::find(built->architectures, one) != built->architectures.end();
  });
}

}  // namespace bringup::resolve
