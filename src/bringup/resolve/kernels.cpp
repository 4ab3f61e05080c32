// SPDX-License-Identifier: Apache-2.0
#include <bringup/catalog/kernels.hpp>
#include <bringup/resolve/kernels.hpp>

#include <algorithm>

namespace bringup::resolve {
namespace {

// Besides what pulls in a kernel: dnf keeps three of kernel-devel and drops the oldest, which a kernel that
// is held needs to the end.
bool stays_with_kernel(std::string_view name) {
  return catalog::pulls_kernel(name) || name == "kernel-devel";
}

}  // namespace

std::vector<std::string> kernels_to_hold(const facts::Machine& machine,
                                         const std::vector<std::string>& headers) {
  std::vector<std::string> out;
  if (!machine.packages.list) return out;
  for (const facts::Package& package : *machine.packages.list) {
    if (stays_with_kernel(package.name) && std::ranges::find(out, package.name) == out.end())
      out.push_back(package.name);
  }
  const bool devel =
      std::ranges::any_of(headers, [](const std::string& name) { return name.starts_with("kernel-devel-"); });
  if (devel && !out.empty() && std::ranges::find(out, "kernel-devel") == out.end())
    out.emplace_back("kernel-devel");
  return out;
}

std::vector<std::string> missing_headers(const Problem& problem, const std::vector<std::string>& kernels) {
  const std::string pattern = problem.archive != nullptr && !problem.archive->headers_package.empty()
                                  ? problem.archive->headers_package
                              : problem.repo != nullptr ? problem.repo->headers_package
                                                        : "";
  std::vector<std::string> out;
  if (pattern.empty()) return out;
  for (const facts::InstalledKernel& kernel : problem.machine->kernel.installed) {
    if (!kernel.headers && std::ranges::find(kernels, kernel.release) != kernels.end())
      out.push_back(catalog::filled(pattern, "release", kernel.release));
  }
  return out;
}

}  // namespace bringup::resolve
