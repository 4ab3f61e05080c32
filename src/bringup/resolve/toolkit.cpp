// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/resolve/toolkit.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::resolve {
namespace {

using catalog::Known;

enum class Misfit { unknown, gcc, gpu };

// What keeps a toolkit's compiler from making programs for these GPUs here.
std::optional<Misfit> misfit(const Problem& problem, const catalog::Toolkit* toolkit, bool own_compiler) {
  if (toolkit == nullptr) return Misfit::unknown;
  if (!own_compiler && problem.gcc && *problem.gcc > toolkit->host_gcc_max) return Misfit::gcc;
  for (const Wanted& gpu : problem.gpus) {
    if (!gpu.active || gpu.row == nullptr || !gpu.row->compute) continue;
    if (*gpu.row->compute < toolkit->min_compute || *gpu.row->compute > toolkit->max_compute)
      return Misfit::gpu;
  }
  return std::nullopt;
}

bool driver_runs(const Problem& problem, const DriverCandidate& driver, const Version& version) {
  if (!problem.has_gpus() || driver.version.parts.empty()) return true;
  const catalog::CudaFloor* floor = problem.catalog->floor(version.major());
  return floor != nullptr && driver.version >= floor->driver;
}

bool same_release(const Version& a, const Version& b) {
  return a.major() == b.major() && a.minor() == b.minor();
}

// The nearest version of one major that fits, of those that PyPI has or of all: the one aimed at, then newer
// ones, then older ones.
const catalog::Toolkit* nearest_fit(const Problem& problem, const DriverCandidate& driver,
                                    const Version& aimed, bool on_pypi) {
  const bool pinned = problem.toolkit != "auto";
  const catalog::Toolkit* best = nullptr;
  const auto distance = [&aimed](const catalog::Toolkit& one) {
    const int apart = one.version.minor() - aimed.minor();
    return apart >= 0 ? apart : 1000 - apart;
  };
  for (const catalog::Toolkit& one : problem.catalog->toolkits) {
    if (one.version.major() != aimed.major() || (pinned && !same_release(one.version, aimed))) continue;
    if (misfit(problem, &one, false) || !driver_runs(problem, driver, one.version)) continue;
    if (on_pypi && problem.catalog->pypi_toolkit(one.version) == nullptr) continue;
    if (best == nullptr || distance(one) < distance(*best)) best = &one;
  }
  return best;
}

std::string bin_of(const std::string& path) {
  return path == "/usr" ? "" : path + "/bin";
}

// Of PyPI's toolkits one in an environment of its own counts, and only whole: nvcc stops at what a newer nvvm
// beside it writes.
bool ours(const Problem& problem, const facts::Toolkit& toolkit) {
  const auto version = Version::parse(toolkit.version);
  const catalog::PypiToolkit* row = version ? problem.catalog->pypi_toolkit(*version) : nullptr;
  const auto env = std::ranges::find_if(problem.machine->envs, [&](const facts::PythonEnv& one) {
    return one.path.starts_with(toolkits_path(problem) + "/") && toolkit.path.starts_with(one.path + "/");
  });
  if (row == nullptr || env == problem.machine->envs.end()) return false;
  return std::ranges::all_of(row->packages, [&](const std::string& text) {
    const catalog::Requirement need = catalog::requirement_of(text);
    const std::string name = need.package.substr(0, need.package.find('['));
    const auto there = std::ranges::find(env->packages, name, &facts::PythonPackage::name);
    return there != env->packages.end() && major_minor(there->version) == major_minor(*version);
  });
}

// A toolkit that is there and does: of the version aimed at, or at least of its major.
const facts::Toolkit* present(const Problem& problem, const Version& aimed, bool exact) {
  const facts::Toolkit* best = nullptr;
  for (const facts::Toolkit& one : problem.machine->toolkits) {
    const auto version = Version::parse(one.version);
    if (!version || version->major() != aimed.major()) continue;
    if (one.origin == "pypi" && !ours(problem, one)) continue;
    if (exact && !same_release(*version, aimed)) continue;
    const catalog::Toolkit* row = problem.catalog->toolkit(*version);
    const auto why = misfit(problem, row, one.origin == "distro");
    if (why && !(why == Misfit::unknown && exact)) continue;
    const auto best_version = best == nullptr ? std::nullopt : Version::parse(best->version);
    if (!best_version || (same_release(*version, aimed) && !same_release(*best_version, aimed)) ||
        (!same_release(*best_version, aimed) && *best_version < *version))
      best = &one;
  }
  return best;
}

ToolkitSolution keep(const facts::Toolkit& toolkit, std::string caveat) {
  return {.choice = {.action = Action::keep,
                     .version = toolkit.version,
                     .source = "keep",
                     .packages = {},
                     .bin = bin_of(toolkit.path)},
          .reason = fmt::format("CUDA toolkit {} is here already, at {}", toolkit.version, toolkit.path),
          .evidence = "this machine: " + toolkit.path,
          .known = Known::tried,
          .caveat = std::move(caveat)};
}

std::string other_major(const Version& toolkit, const std::optional<Version>& cuda) {
  if (!cuda || cuda->major() == toolkit.major()) return "";
  return fmt::format(
      "the toolkit {} is of another CUDA than torch's {}: nvcc serves programs of your own, and PyTorch "
      "refuses "
      "to build its extensions with it",
      major_minor(toolkit), major_minor(*cuda));
}

std::string why_this(const Problem& problem, const catalog::Toolkit& toolkit,
                     const std::optional<Version>& cuda) {
  const std::string version = major_minor(toolkit.version);
  const std::string serves =
      fmt::format("compiles for every GPU{}", problem.gcc ? fmt::format(" with gcc {}", *problem.gcc) : "");
  if (problem.toolkit != "auto")
    return fmt::format("the goal asks for CUDA toolkit {}, and it {}", version, serves);
  if (cuda && same_release(*cuda, toolkit.version))
    return fmt::format("CUDA toolkit {} is what torch here was built with, and it {}", version, serves);
  return fmt::format("CUDA toolkit {} is the nearest to {} CUDA that {}", version,
                     cuda ? "torch's" : "the driver's own", serves);
}

ToolkitSolution from_vendor(const Problem& problem, const catalog::Toolkit& toolkit,
                            const std::optional<Version>& cuda) {
  const std::string version = major_minor(toolkit.version);
  const std::string dashed = fmt::format("{}-{}", toolkit.version.major(), toolkit.version.minor());
  ToolkitSolution out{.choice = {.action = Action::install,
                                 .version = version,
                                 .source = "nvidia",
                                 .packages = {},
                                 .bin = "/usr/local/cuda-" + version + "/bin"},
                      .reason = "",
                      .evidence = toolkit.from.source,
                      .known = toolkit.from.known,
                      .caveat = other_major(toolkit.version, cuda)};
  for (const std::string& name : problem.repo->toolkit_packages)
    out.choice.packages.push_back(catalog::filled(name, "toolkit", dashed));
  out.reason = why_this(problem, toolkit, cuda);
  return out;
}

// Debian's and NVIDIA's names for one system and one architecture.
bool is_for(const facts::RepositoryFile& file, const facts::Machine& machine) {
  std::string system = machine.os.id + machine.os.version;
  std::erase(system, '.');
  return file.system == system && file.arch == (machine.arch == "aarch64" ? "arm64" : "amd64");
}

std::optional<ToolkitSolution> from_file(const Problem& problem, const DriverCandidate& driver,
                                         const std::optional<Version>& cuda) {
  const facts::RepositoryFile& file = *problem.repository_file;
  const catalog::Toolkit* row = problem.catalog->toolkit(*Version::parse(file.toolkit));
  if (problem.user_only || !is_for(file, *problem.machine)) return std::nullopt;
  if (misfit(problem, row, false) || !driver_runs(problem, driver, row->version)) return std::nullopt;
  return ToolkitSolution{
      .choice = {.action = Action::install,
                 .version = file.toolkit,
                 .source = "file",
                 // Without the metapackage cuda, which would bring a second, older driver.
                 .packages = {fmt::format("cuda-toolkit-{}-{}", row->version.major(), row->version.minor())},
                 .bin = fmt::format("/usr/local/cuda-{}/bin", file.toolkit)},
      .reason = fmt::format("the goal asks for the CUDA toolkit {} in {}", file.toolkit, file.path),
      .evidence = "goal: toolkit",
      .known = row->from.known,
      .caveat = other_major(row->version, cuda)};
}

// "nvcc, cudart and cccl" of "cuda-toolkit[nvcc,cudart,cccl]==13.0.2".
std::string parts_of(const catalog::PypiToolkit& row) {
  const std::string& whole = row.packages.front();
  const std::size_t open = whole.find('[');
  const std::size_t close = whole.find(']', open);
  if (open == std::string::npos || close == std::string::npos) return base::join(row.packages, ", ");
  std::vector<std::string> parts;
  for (const std::string_view part :
       base::split(std::string_view(whole).substr(open + 1, close - open - 1), ','))
    parts.emplace_back(base::trim(part));
  const std::string last = parts.back();
  parts.pop_back();
  return parts.empty() ? last : base::join(parts, ", ") + " and " + last;
}

ToolkitSolution from_pypi(const Problem& problem, const catalog::Toolkit& toolkit,
                          const std::optional<Version>& cuda, const PythonCandidate& maker) {
  const catalog::PypiToolkit& row = *problem.catalog->pypi_toolkit(toolkit.version);
  const std::string version = major_minor(toolkit.version);
  const std::string env = fmt::format("{}/cuda-{}", toolkits_path(problem), version);
  // What is there, and not whole, is filled up.
  const auto there = std::ranges::find(problem.machine->envs, env, &facts::PythonEnv::path);
  const std::string python =
      there == problem.machine->envs.end() ? maker.choice.version : major_minor(there->version);
  const std::string reason = why_this(problem, toolkit, cuda);
  const std::string alone =
      problem.user_only ? "PyPI's needs no root" : "no other place that answers has one";
  std::string caveat = fmt::format(
      "PyPI's CUDA toolkit is {} alone: no profiler, no debugger, no headers of cuBLAS and the like, which "
      "extensions of PyTorch may ask for; it calls the gcc and g++ that are here",
      parts_of(row));
  if (!problem.gcc) caveat += ", and no gcc was seen";
  if (const std::string other = other_major(toolkit.version, cuda); !other.empty()) caveat += "; " + other;
  return {.choice = {.action = Action::install,
                     .version = version,
                     .source = "pypi",
                     .packages = row.packages,
                     .bin = fmt::format("{}/lib/python{}/site-packages/nvidia/cu{}/bin", env, python,
                                        toolkit.version.major()),
                     .env = env},
          .reason = fmt::format("{}; {}", reason, alone),
          .evidence = row.from.source,
          .known = row.from.known,
          .caveat = std::move(caveat)};
}

ToolkitSolution none(std::string reason, std::string evidence, std::string caveat) {
  return {.choice = {},
          .reason = std::move(reason),
          .evidence = std::move(evidence),
          .known = Known::read,
          .caveat = std::move(caveat)};
}

std::optional<ToolkitSolution> from_distribution(const Problem& problem, const DriverCandidate& driver,
                                                 const std::optional<Version>& cuda) {
  const catalog::Archive* archive = problem.archive;
  if (archive == nullptr || !archive->toolkit) return std::nullopt;
  const Version& version = *archive->toolkit;
  const auto pinned = problem.toolkit == "auto" ? std::nullopt : Version::parse(problem.toolkit);
  if (pinned && !same_release(version, *pinned)) return std::nullopt;
  // The archive's package depends on a compiler that its nvcc accepts, so the default gcc does not matter.
  if (misfit(problem, problem.catalog->toolkit(version), true) || !driver_runs(problem, driver, version))
    return std::nullopt;
  if (const facts::Toolkit* here = present(problem, version, true))
    return keep(*here, other_major(version, cuda));
  if (!problem.as_root(Place::distro)) return std::nullopt;
  return ToolkitSolution{
      .choice = {.action = Action::install,
                 .version = major_minor(version),
                 .source = "distro",
                 .packages = archive->toolkit_packages,
                 .bin = ""},
      .reason = fmt::format("CUDA toolkit {} is the one in the distribution's archive", major_minor(version)),
      .evidence = archive->from.source,
      .known = catalog::known_of(*archive, "toolkit"),
      .caveat = other_major(version, cuda)};
}

}  // namespace

std::optional<Version> toolkit_aim(const Problem& problem, const DriverCandidate& driver,
                                   const std::optional<Version>& cuda) {
  if (problem.toolkit != "auto") return Version::parse(problem.toolkit);
  if (cuda) return cuda;
  if (driver.branch != nullptr) return driver.branch->max_cuda;
  return std::nullopt;
}

std::string toolkits_path(const Problem& problem) {
  return problem.prefix + "/toolkits";
}

std::optional<ToolkitSolution> choose_toolkit(const Problem& problem, const DriverCandidate& driver,
                                              const std::optional<Version>& cuda,
                                              const PythonCandidate* maker) {
  const bool pinned = problem.toolkit != "auto";
  if (problem.toolkit == "none") return none("the goal asks for no CUDA toolkit", "goal: toolkit", "");
  if (!pinned && !problem.has_gpus())
    return none("without an NVIDIA GPU there is nothing to compile for", "this machine: the PCI bus", "");
  const auto aimed = toolkit_aim(problem, driver, cuda);
  if (aimed) {
    if (const facts::Toolkit* here = present(problem, *aimed, pinned))
      return keep(*here, other_major(*aimed, cuda));
    if (problem.repository_file != nullptr) return from_file(problem, driver, cuda);
    const bool vendor = problem.repo != nullptr && problem.as_root(Place::nvidia);
    if (const catalog::Toolkit* fit = vendor ? nearest_fit(problem, driver, *aimed, false) : nullptr)
      return from_vendor(problem, *fit, cuda);
  }
  if (auto own = from_distribution(problem, driver, cuda)) return own;
  const bool pypi = aimed && maker != nullptr && problem.answers(Place::pypi);
  if (const catalog::Toolkit* fit = pypi ? nearest_fit(problem, driver, *aimed, true) : nullptr)
    return from_pypi(problem, *fit, cuda, *maker);
  if (pinned) return std::nullopt;
  return none(
      "no CUDA toolkit that compiles for these GPUs can be had here; torch needs none to run",
      "catalog: toolkits, archives and repositories",
      "no CUDA toolkit is installed: torch brings what it needs to run, and nvcc is missing for extensions");
}

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

}  // namespace

std::string toolkit_objection(const Problem& problem, const DriverCandidate& driver,
                              const catalog::Toolkit& row) {
  const std::string version = major_minor(row.version);
  for (const Wanted& gpu : problem.gpus) {
    if (!gpu.active || gpu.row == nullptr || !gpu.row->compute) continue;
    if (*gpu.row->compute < row.min_compute || *gpu.row->compute > row.max_compute)
      return fmt::format("{}: CUDA toolkit {} compiles for {} to {}", gpu_text(gpu), version,
                         row.min_compute.text(), row.max_compute.text());
  }
  if (problem.gcc && *problem.gcc > row.host_gcc_max)
    return fmt::format("nvcc {} accepts gcc up to {}, and here is gcc {}", version, row.host_gcc_max,
                       *problem.gcc);
  std::string text =
      problem.repository_file != nullptr ? file_objection(problem) : place_objection(problem, row);
  if (!text.empty()) return text;
  return driver_runs(problem, driver, row.version)
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

}  // namespace bringup::resolve
