// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/resolve/toolkit.hpp>
#include <bringup/resolve/wheels.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::resolve {
namespace {

using catalog::Known;

enum class Misfit { unknown, gcc, gpu };

// What keeps a toolkit's compiler from making programs for these GPUs here.
std::optional<Misfit> misfit(const Problem& problem, const catalog::Toolkit* toolkit, Host host) {
  if (toolkit == nullptr) return Misfit::unknown;
  if (!accepts(problem, *toolkit, host)) return Misfit::gcc;
  for (const Wanted& gpu : problem.gpus) {
    if (!gpu.active || gpu.row == nullptr || !gpu.row->compute) continue;
    if (*gpu.row->compute < toolkit->min_compute || *gpu.row->compute > toolkit->max_compute)
      return Misfit::gpu;
  }
  return std::nullopt;
}

bool same_release(const Version& a, const Version& b) {
  return a.major() == b.major() && a.minor() == b.minor();
}

// The nearest version of one major that fits, of those that PyPI has or of all: the one aimed at, then newer
// ones, then older ones.
const catalog::Toolkit* nearest_fit(const Problem& problem, const DriverCandidate& driver,
                                    const Version& aimed, Host host, bool on_pypi) {
  const bool pinned = problem.toolkit != "auto";
  const catalog::Toolkit* best = nullptr;
  const auto distance = [&aimed](const catalog::Toolkit& one) {
    const int apart = one.version.minor() - aimed.minor();
    return apart >= 0 ? apart : 1000 - apart;
  };
  for (const catalog::Toolkit& one : problem.catalog->toolkits) {
    if (one.version.major() != aimed.major() || (pinned && !same_release(one.version, aimed))) continue;
    if (misfit(problem, &one, host) || !floor_ok(problem, driver, one.version)) continue;
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

// A toolkit that is there and does: of the version aimed at, or at least of its major. What compiles an
// extension is given a g++, and takes that of the distribution's toolkit by its own name.
const facts::Toolkit* present(const Problem& problem, const Version& aimed, bool exact, bool compiles) {
  const facts::Toolkit* best = nullptr;
  for (const facts::Toolkit& one : problem.machine->toolkits) {
    const auto version = Version::parse(one.version);
    if (!version || version->major() != aimed.major()) continue;
    if (one.origin == "pypi" && !ours(problem, one)) continue;
    if (exact && !same_release(*version, aimed)) continue;
    const catalog::Toolkit* row = problem.catalog->toolkit(*version);
    const Host host = compiles ? Host::any : one.origin == "distro" ? Host::own : Host::usual;
    const auto why = misfit(problem, row, host);
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
  // Only what compiles an extension takes another than the default one.
  std::optional<int> gcc = problem.gcc;
  for (const int major : problem.compilers) {
    if (gcc && *gcc > toolkit.host_gcc_max) gcc = major;
  }
  const std::string serves =
      fmt::format("compiles for every GPU{}", gcc ? fmt::format(" with gcc {}", *gcc) : "");
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

std::optional<ToolkitSolution> from_file(const Problem& problem, const DriverCandidate& driver,
                                         const ToolkitNeed& need) {
  const facts::RepositoryFile& file = *problem.repository_file;
  const catalog::Toolkit* row = problem.catalog->toolkit(*Version::parse(file.toolkit));
  if (problem.user_only || !is_for(file, *problem.machine)) return std::nullopt;
  const Host host = need.compiles ? Host::any : Host::usual;
  if (misfit(problem, row, host) || !floor_ok(problem, driver, row->version)) return std::nullopt;
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
      .caveat = other_major(row->version, need.cuda)};
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

std::string pypi_caveat(const Problem& problem, const catalog::PypiToolkit& row, const ToolkitNeed& need) {
  const std::string_view headers =
      need.compiles
          ? "are taken from the environment that is compiled for, and which extensions of your own may "
            "miss"
          : "extensions of PyTorch may ask for";
  std::string out = fmt::format(
      "PyPI's CUDA toolkit is {} alone: no profiler, no debugger, no headers of cuBLAS and the like, which "
      "{}; "
      "it calls the gcc and g++ that are here",
      parts_of(row), headers);
  if (!problem.gcc) out += ", and no gcc was seen";
  const std::string other = other_major(row.version, need.cuda);
  return other.empty() ? out : out + "; " + other;
}

ToolkitSolution from_pypi(const Problem& problem, const catalog::Toolkit& toolkit, const ToolkitNeed& need,
                          const PythonCandidate& maker) {
  const catalog::PypiToolkit& row = *problem.catalog->pypi_toolkit(toolkit.version);
  const std::string version = major_minor(toolkit.version);
  const std::string env = fmt::format("{}/cuda-{}", toolkits_path(problem), version);
  // What is there, and not whole, is filled up.
  const auto there = std::ranges::find(problem.machine->envs, env, &facts::PythonEnv::path);
  const std::string python =
      there == problem.machine->envs.end() ? maker.choice.version : major_minor(there->version);
  const std::string reason = why_this(problem, toolkit, need.cuda);
  const std::string alone =
      problem.user_only ? "PyPI's needs no root"
      : need.compiles ? fmt::format("no other place that answers has one of CUDA {}", toolkit.version.major())
                      : "no other place that answers has one";
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
          .caveat = pypi_caveat(problem, row, need)};
}

ToolkitSolution none(std::string reason, std::string evidence, std::string caveat) {
  return {.choice = {},
          .reason = std::move(reason),
          .evidence = std::move(evidence),
          .known = Known::read,
          .caveat = std::move(caveat)};
}

std::optional<ToolkitSolution> from_distribution(const Problem& problem, const DriverCandidate& driver,
                                                 const ToolkitNeed& need) {
  const catalog::Archive* archive = problem.archive;
  if (archive == nullptr || !archive->toolkit) return std::nullopt;
  const Version& version = *archive->toolkit;
  const auto pinned = problem.toolkit == "auto" ? std::nullopt : Version::parse(problem.toolkit);
  if (pinned && !same_release(version, *pinned)) return std::nullopt;
  if (need.compiles && need.cuda->major() != version.major()) return std::nullopt;
  // The archive's package depends on a compiler that its nvcc accepts, so the default gcc does not matter.
  if (misfit(problem, problem.catalog->toolkit(version), Host::own) || !floor_ok(problem, driver, version))
    return std::nullopt;
  if (const facts::Toolkit* here = present(problem, version, true, need.compiles))
    return keep(*here, other_major(version, need.cuda));
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
      .caveat = other_major(version, need.cuda)};
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

namespace {

// Where nothing is to be chosen.
std::optional<ToolkitSolution> no_choice(const Problem& problem) {
  if (problem.toolkit == "none") return none("the goal asks for no CUDA toolkit", "goal: toolkit", "");
  if (problem.toolkit == "auto" && !problem.has_gpus())
    return none("without an NVIDIA GPU there is nothing to compile for", "this machine: the PCI bus", "");
  return std::nullopt;
}

// What the goal's own words say against what is to be compiled.
bool goal_excludes(const Problem& problem, const ToolkitNeed& need) {
  if (!need.compiles || problem.toolkit == "auto") return false;
  const auto pinned = Version::parse(problem.toolkit);
  return !pinned || pinned->major() != need.cuda->major();
}

}  // namespace

std::optional<ToolkitSolution> choose_toolkit(const Problem& problem, const DriverCandidate& driver,
                                              const ToolkitNeed& need, const PythonCandidate* maker) {
  if (goal_excludes(problem, need)) return std::nullopt;
  if (auto without = no_choice(problem); without && !need.compiles) return without;
  const bool pinned = problem.toolkit != "auto";
  const Host host = need.compiles ? Host::any : Host::usual;
  const auto aimed = toolkit_aim(problem, driver, need.cuda);
  if (aimed) {
    if (const facts::Toolkit* here = present(problem, *aimed, pinned, need.compiles))
      return keep(*here, other_major(*aimed, need.cuda));
    if (problem.repository_file != nullptr) return from_file(problem, driver, need);
    const bool vendor = problem.repo != nullptr && problem.as_root(Place::nvidia);
    if (const catalog::Toolkit* fit = vendor ? nearest_fit(problem, driver, *aimed, host, false) : nullptr)
      return from_vendor(problem, *fit, need.cuda);
  }
  if (auto own = from_distribution(problem, driver, need)) return own;
  const bool pypi = aimed && maker != nullptr && problem.answers(Place::pypi);
  if (const catalog::Toolkit* fit = pypi ? nearest_fit(problem, driver, *aimed, host, true) : nullptr)
    return from_pypi(problem, *fit, need, *maker);
  if (pinned || need.compiles) return std::nullopt;
  return none(
      "no CUDA toolkit that compiles for these GPUs can be had here; torch needs none to run",
      "catalog: toolkits, archives and repositories",
      "no CUDA toolkit is installed: torch brings what it needs to run, and nvcc is missing for extensions");
}

}  // namespace bringup::resolve
