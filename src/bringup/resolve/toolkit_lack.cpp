// SPDX-License-Identifier: Apache-2.0
// What stands against a toolkit: the GPUs, the compiler, the places, the goal's own words.
#include <bringup/base/text.hpp>
#include <bringup/resolve/toolkit.hpp>
#include <bringup/resolve/wheels.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::resolve {
namespace {

// What PyPI has of toolkits that work: "13.0 to 13.4".
std::string on_pypi(const catalog::Catalog& catalog) {
  std::vector<std::string> versions;
  for (const catalog::PypiToolkit& one : catalog.pypi_toolkits) {
    if (one.works) versions.push_back(major_minor(one.version));
  }
  if (versions.empty()) return "none";
  return versions.size() == 1 ? versions[0] : fmt::format("{} to {}", versions.back(), versions.front());
}

std::string file_objection(const Problem& problem) {
  const facts::RepositoryFile& file = *problem.repository_file;
  if (problem.user_only) return "the packages of a repository file need root";
  if (is_for(file, *problem.machine)) return "";
  return fmt::format("{} holds packages for {} on {}, and this is {} on {}", file.path, file.system,
                     file.arch, problem.os.empty() ? "another system" : problem.os, problem.machine->arch);
}

// Why a toolkit can be had from no place; "" when it can.
std::string place_objection(const Problem& problem, const catalog::Toolkit& row) {
  const std::string version = major_minor(row.version);
  const bool vendor = problem.repo != nullptr && problem.as_root(Place::nvidia);
  const bool has = problem.catalog->pypi_toolkit(row.version) != nullptr;
  if (vendor || (has && problem.answers(Place::pypi))) return "";
  std::string text;
  if (problem.user_only)
    text = fmt::format("CUDA toolkit {} of NVIDIA's repository or the distribution needs root", version);
  else if (problem.repo == nullptr)
    text = fmt::format("NVIDIA's repository has no row for {} in the catalog", problem.os);
  else
    text = fmt::format("CUDA toolkit {} is in NVIDIA's repository, which does not answer: {}", version,
                       problem.silence(Place::nvidia));
  return has ? fmt::format("{}; PyPI has it, and does not answer: {}", text, problem.silence(Place::pypi))
             : fmt::format("{}; PyPI has {}", text, on_pypi(*problem.catalog));
}

// The first GPU that a toolkit does not compile for, in words; "" when there is none.
std::string gpu_objection(const Problem& problem, const catalog::Toolkit& row) {
  for (const Wanted& gpu : problem.gpus) {
    if (!gpu.active || gpu.row == nullptr || !gpu.row->compute) continue;
    if (*gpu.row->compute < row.min_compute || *gpu.row->compute > row.max_compute)
      return fmt::format("{}: CUDA toolkit {} compiles for {} to {}", gpu_text(gpu), major_minor(row.version),
                         row.min_compute.text(), row.max_compute.text());
  }
  return "";
}

// Where a toolkit of this CUDA would come from.
std::string vendor_lack(const Problem& problem) {
  if (problem.user_only) return "one of NVIDIA's repository or the distribution needs root";
  if (problem.repo == nullptr)
    return fmt::format("NVIDIA's repository has no row for {} in the catalog",
                       problem.os.empty() ? "this system" : problem.os);
  return fmt::format("NVIDIA's repository, which has one, does not answer ({})",
                     problem.silence(Place::nvidia));
}

std::string distribution_lack(const Problem& problem, int cuda_major) {
  if (problem.user_only || problem.archive == nullptr || !problem.archive->toolkit) return "";
  const std::string version = major_minor(*problem.archive->toolkit);
  if (problem.archive->toolkit->major() != cuda_major)
    return fmt::format(", the distribution's archive has {}", version);
  if (!problem.answers(Place::distro))
    return fmt::format(", the distribution's archive, which has {}, does not answer ({})", version,
                       problem.silence(Place::distro));
  return fmt::format(", {} of the distribution's archive does not compile for every GPU", version);
}

std::string pypi_lack(const Problem& problem, int cuda_major) {
  const bool has =
      std::ranges::any_of(problem.catalog->pypi_toolkits, [cuda_major](const catalog::PypiToolkit& one) {
        return one.works && one.version.major() == cuda_major;
      });
  if (!has) return fmt::format(", and PyPI has {}", on_pypi(*problem.catalog));
  if (!problem.answers(Place::pypi))
    return fmt::format(", and PyPI, which has one, does not answer ({})", problem.silence(Place::pypi));
  return ", and of PyPI's none does for this machine";
}

// What keeps every toolkit of a major from compiling here, wherever it came from; "" when one would.
std::string compile_lack(const Problem& problem, int cuda_major) {
  std::string text = fmt::format("the catalog knows no toolkit of CUDA {}", cuda_major);
  for (const catalog::Toolkit& row : problem.catalog->toolkits) {
    if (row.version.major() != cuda_major) continue;
    text = gpu_objection(problem, row);
    if (text.empty() && !accepts(problem, row, Host::any))
      text =
          fmt::format("nvcc {} accepts g++ up to {}, and here is g++ {}", major_minor(row.version),
                      row.host_gcc_max, problem.compilers.empty() ? *problem.gcc : problem.compilers.front());
    if (text.empty()) break;
  }
  return text;
}

}  // namespace

bool accepts(const Problem& problem, const catalog::Toolkit& toolkit, Host host) {
  const auto fits = [&toolkit](int major) { return major <= toolkit.host_gcc_max; };
  if (host == Host::own) return true;
  if (host == Host::any && !problem.compilers.empty()) return std::ranges::any_of(problem.compilers, fits);
  return !problem.gcc || fits(*problem.gcc);
}

// Debian's and NVIDIA's names for one system and one architecture.
bool is_for(const facts::RepositoryFile& file, const facts::Machine& machine) {
  std::string system = machine.os.id + machine.os.version;
  std::erase(system, '.');
  return file.system == system && file.arch == (machine.arch == "aarch64" ? "arm64" : "amd64");
}

std::string toolkit_objection(const Problem& problem, const DriverCandidate& driver,
                              const catalog::Toolkit& row) {
  const std::string version = major_minor(row.version);
  if (std::string text = gpu_objection(problem, row); !text.empty()) return text;
  if (problem.gcc && *problem.gcc > row.host_gcc_max)
    return fmt::format("nvcc {} accepts gcc up to {}, and here is gcc {}", version, row.host_gcc_max,
                       *problem.gcc);
  std::string text =
      problem.repository_file != nullptr ? file_objection(problem) : place_objection(problem, row);
  if (!text.empty()) return text;
  return floor_ok(problem, driver, row.version)
             ? ""
             : fmt::format("CUDA toolkit {} does not run on the driver that can be had", version);
}

std::string toolkit_objection(const Problem& problem) {
  const auto wanted = Version::parse(problem.toolkit);
  const catalog::Toolkit* row = wanted ? problem.catalog->toolkit(*wanted) : nullptr;
  if (row == nullptr) return fmt::format("the catalog does not know CUDA toolkit {}", problem.toolkit);
  std::string text = toolkit_objection(problem, DriverCandidate{}, *row);
  return text.empty()
             ? fmt::format("CUDA toolkit {} does not run on the driver that can be had", problem.toolkit)
             : text;
}

bool compiles_for(const Problem& problem, const DriverCandidate& driver, int cuda_major, bool makes) {
  static const PythonCandidate kSome{};
  const ToolkitNeed need{.cuda = Version{.parts = {cuda_major, 0}, .text = ""}, .compiles = true};
  return choose_toolkit(problem, driver, need, makes ? &kSome : nullptr).has_value();
}

std::string no_toolkit_for(const Problem& problem, int cuda_major) {
  if (problem.toolkit == "none") return "the goal asks for no toolkit";
  const auto pinned = Version::parse(problem.toolkit);
  if (pinned && pinned->major() != cuda_major)
    return fmt::format("the goal asks for {}", major_minor(*pinned));
  if (pinned) return toolkit_objection(problem);
  if (std::string text = compile_lack(problem, cuda_major); !text.empty()) return text;
  return vendor_lack(problem) + distribution_lack(problem, cuda_major) + pypi_lack(problem, cuda_major);
}

}  // namespace bringup::resolve
