// SPDX-License-Identifier: Apache-2.0
#include <bringup/resolve/kernels.hpp>

#include <algorithm>

namespace bringup::resolve {
namespace {

// Packages that pull in the newest kernel, by their names: "linux-image-amd64", "linux-generic",
// "kernel-core"; not those of one release. kernel-devel too: dnf keeps three of it and drops the oldest,
// which a kernel that is held needs to the end.
bool kernel_puller(std::string_view name) {
  if (name == "kernel" || name == "kernel-core" || name == "kernel-devel" || name == "linux-generic" ||
      name.starts_with("linux-generic-hwe"))
    return true;
  for (const std::string_view start : {"linux-image-", "linux-headers-"}) {
    if (!name.starts_with(start)) continue;
    const std::string_view rest = name.substr(start.size());
    return !rest.empty() && (rest[0] < '0' || rest[0] > '9') && !rest.starts_with("unsigned-");
  }
  return false;
}

}  // namespace

std::vector<std::string> kernels_to_hold(const facts::Machine& machine,
                                         const std::vector<std::string>& headers) {
  std::vector<std::string> out;
  if (!machine.packages.list) return out;
  for (const facts::Package& package : *machine.packages.list) {
    if (kernel_puller(package.name) && std::ranges::find(out, package.name) == out.end())
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
