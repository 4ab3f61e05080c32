// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/probe/internal.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::probe {
namespace {

bool packaged(const facts::Machine& machine, std::string_view start) {
  return machine.packages.list &&
         std::ranges::any_of(*machine.packages.list, [start](const facts::Package& package) {
           return package.name.starts_with(start);
         });
}

std::string major_minor(std::string_view text) {
  const auto version = base::Version::parse(text);
  return version ? fmt::format("{}.{}", version->major(), version->minor()) : "";
}

// A toolkit is one only when nvcc is there: runtime packages leave the same folder behind.
void add_usr_local(const host::View& view, const facts::Machine& machine,
                   std::vector<facts::Toolkit>& found) {
  const auto names = view.list("/usr/local");
  if (!names) return;
  for (const std::string& name : *names) {
    if (!name.starts_with("cuda-") || !base::contains(name, ".") ||
        !view.exists("/usr/local/" + name + "/bin/nvcc"))
      continue;
    const std::string version = major_minor(std::string_view(name).substr(5));
    std::string dashed = version;
    std::ranges::replace(dashed, '.', '-');
    const bool from_packages =
        packaged(machine, "cuda-nvcc-" + dashed) || packaged(machine, "cuda-toolkit-" + dashed);
    found.push_back(
        {.path = "/usr/local/" + name, .version = version, .origin = from_packages ? "nvidia" : "unknown"});
  }
  if (found.empty() && view.exists("/usr/local/cuda/bin/nvcc")) {
    const auto json = view.read("/usr/local/cuda/version.json");
    const std::size_t at = json ? json->find("\"version\"") : std::string::npos;
    const std::size_t digit = at == std::string::npos ? at : json->find_first_of("0123456789", at);
    found.push_back(
        {.path = "/usr/local/cuda",
         .version = digit == std::string::npos ? "" : major_minor(std::string_view(*json).substr(digit)),
         .origin = "unknown"});
  }
}

void add_distribution(const host::View& view, const facts::Machine& machine,
                      std::vector<facts::Toolkit>& found) {
  if (!machine.packages.list || !view.exists("/usr/bin/nvcc")) return;
  const auto package =
      std::ranges::find(*machine.packages.list, "nvidia-cuda-toolkit", &facts::Package::name);
  if (package != machine.packages.list->end())
    found.push_back({.path = "/usr", .version = major_minor(package->version), .origin = "distro"});
}

void add_wheels(const host::View& view, const facts::Machine& machine, std::vector<facts::Toolkit>& found) {
  for (const facts::PythonEnv& env : machine.envs) {
    const auto names = view.list(env.site_packages + "/nvidia");
    if (!names) continue;
    for (const std::string& name : *names) {
      const std::string path = env.site_packages + "/nvidia/" + name;
      if (!name.starts_with("cu") || !view.exists(path + "/bin/nvcc")) continue;
      // nvidia-cuda-nvcc, and nvidia-cuda-nvcc-cu12 before CUDA 13
      const auto package = std::ranges::find_if(env.packages, [](const facts::PythonPackage& one) {
        return one.name.starts_with("nvidia-cuda-nvcc");
      });
      found.push_back({.path = path,
                       .version = package == env.packages.end() ? "" : major_minor(package->version),
                       .origin = "pypi"});
    }
  }
}

}  // namespace

std::vector<facts::Toolkit> read_toolkits(const host::View& view, const facts::Machine& machine) {
  std::vector<facts::Toolkit> found;
  add_usr_local(view, machine, found);
  add_distribution(view, machine, found);
  add_wheels(view, machine, found);
  return found;
}

}  // namespace bringup::probe
