// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/plan/extension.hpp>
#include <bringup/resolve/extension.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::plan {
namespace {

using resolve::Action;
using resolve::Choice;
using resolve::EnvChoice;

constexpr std::uint64_t kMemoryOfAJob = std::uint64_t{5}
                                        << 29U;  // 2.5 GiB: what nvcc takes of one large file

std::string torch_of(const EnvChoice& env) {
  const auto torch = std::ranges::find(env.packages, "torch", &resolve::WheelChoice::name);
  return torch == env.packages.end() ? "" : torch->version.substr(0, torch->version.find('+'));
}

std::optional<base::Version> cuda_of(const EnvChoice& env) {
  const auto torch = std::ranges::find(env.packages, "torch", &resolve::WheelChoice::name);
  return torch == env.packages.end() || !torch->variant ? std::nullopt
                                                        : catalog::variant_cuda(*torch->variant);
}

// What is there is for another torch where that is replaced.
bool is_there(const facts::Machine& machine, const EnvChoice& env, const std::string& module) {
  const auto there = std::ranges::find(machine.envs, env.path, &facts::PythonEnv::path);
  const auto torch = std::ranges::find(env.packages, "torch", &resolve::WheelChoice::name);
  return there != machine.envs.end() && torch != env.packages.end() && there->torch &&
         there->torch->substr(0, there->torch->find('+')) == torch_of(env) &&
         there->variant == torch->variant && resolve::is_built(machine, *there, module);
}

// nvcc's directory without "/bin"; in /usr/bin it is on PATH and the choice names none.
std::string home_of(const resolve::ToolkitChoice& toolkit) {
  return toolkit.bin.ends_with("/bin") ? toolkit.bin.substr(0, toolkit.bin.size() - 4) : "/usr";
}

// The choice was made with a toolkit that compiles for this torch. One that is not is a fault of ours, and no
// plan is better than one that stops after an hour.
Result<> check_toolkit(const resolve::ToolkitChoice& toolkit, const EnvChoice& env) {
  const auto version = toolkit.version ? base::Version::parse(*toolkit.version) : std::nullopt;
  const auto cuda = cuda_of(env);
  if (version && cuda && cuda->major() == version->major()) return ok;
  return Error(
      Errc::failed,
      fmt::format("its extension was to be compiled for torch {} with the toolkit {}, which does not "
                  "do that: this is a fault of bringup, please report it",
                  torch_of(env), toolkit.version.value_or("none")));
}

// The first compiler that nvcc accepts; "" when there is none at all, and one is to be installed. The
// distribution's toolkit brings the newest that its nvcc accepts.
std::string compiler_of(const facts::Machine& machine, const catalog::Catalog& catalog,
                        const resolve::ToolkitChoice& toolkit) {
  const auto version = base::Version::parse(toolkit.version.value_or(""));
  const catalog::Toolkit* row = version ? catalog.toolkit(*version) : nullptr;
  const auto fits = std::ranges::find_if(machine.compilers, [row](const facts::HostCompiler& one) {
    return row == nullptr || one.major <= row->host_gcc_max;
  });
  if (fits != machine.compilers.end()) return fits->path;
  const bool brought = toolkit.action == Action::install && toolkit.source == "distro";
  return brought && row != nullptr ? fmt::format("/usr/bin/g++-{}", row->host_gcc_max) : "";
}

// Python's headers, where its distribution has them in a package of its own.
std::string headers_package(const facts::Machine& machine, const catalog::Catalog& catalog,
                            const resolve::PythonChoice& python) {
  if (!python.interpreter.starts_with("/usr/bin/")) return "";
  const auto here = std::ranges::find(machine.pythons, python.interpreter, &facts::PythonInterpreter::path);
  if (here != machine.pythons.end() && here->headers) return "";
  const bool rpm = machine.packages.manager == "rpm";
  const catalog::Archive* archive = catalog.archive(resolve::os_key(machine.os));
  const bool system =
      archive != nullptr && archive->python == python.version &&
      std::ranges::find(archive->python_packages, "python3") != archive->python_packages.end();
  return fmt::format("python{}-{}", system ? "3" : python.version, rpm ? "devel" : "dev");
}

int jobs_of(const facts::Machine& machine) {
  const auto by_memory =
      static_cast<int>(std::min<std::uint64_t>(machine.memory_bytes / kMemoryOfAJob, 1024));
  return std::max(1, machine.memory_bytes == 0 ? machine.cpus : std::min(machine.cpus, by_memory));
}

Result<Extension> extension_of(const facts::Machine& machine, const catalog::Catalog& catalog,
                               const Choice& choice, const EnvChoice& env, steps::BuildExtension build) {
  if (build.architectures.empty())
    return Error(Errc::failed,
                 "its extension runs on NVIDIA GPUs alone, and there is none that is known here");
  TRY(check_toolkit(choice.toolkit, env));
  Extension out{.env = env.name, .build = std::move(build), .packages = {}};
  out.build.cuda_home = home_of(choice.toolkit);
  out.build.compiler = compiler_of(machine, catalog, choice.toolkit);
  out.build.jobs = jobs_of(machine);
  if (out.build.compiler.empty()) {
    out.build.compiler = "/usr/bin/g++";
    out.packages.emplace_back(machine.packages.manager == "rpm" ? "gcc-c++" : "g++");
  }
  if (env.action == Action::install) {
    if (std::string package = headers_package(machine, catalog, choice.python); !package.empty())
      out.packages.push_back(std::move(package));
  }
  return out;
}

}  // namespace

Result<std::vector<Extension>> extensions_of(const facts::Machine& machine, const goal::Goal& goal,
                                             const catalog::Catalog& catalog, const Choice& choice) {
  std::vector<Extension> out;
  for (const goal::EnvGoal& wanted : goal.envs) {
    const auto env = std::ranges::find(choice.envs, wanted.name, &EnvChoice::name);
    if (!wanted.extension || env == choice.envs.end()) continue;
    steps::BuildExtension build{.env = env->path,
                                .module = wanted.extension->module,
                                .imports = wanted.extension->imports,
                                .torch = torch_of(*env),
                                .cuda_home = {},
                                .compiler = {},
                                .architectures = resolve::architectures_of(machine)};
    if (is_there(machine, *env, build.module)) continue;
    out.push_back(TRY(extension_of(machine, catalog, choice, *env, std::move(build)).within(wanted.name)));
  }
  return out;
}

std::vector<steps::Step> extension_steps(const std::vector<Extension>& extensions,
                                         const std::string& manager) {
  std::vector<steps::Step> out;
  std::vector<std::string> packages;
  for (const Extension& one : extensions) {
    for (const std::string& package : one.packages) {
      if (std::ranges::find(packages, package) == packages.end()) packages.push_back(package);
    }
  }
  if (!packages.empty())
    out.push_back({.id = "compiler-packages",
                   .kind =
                       steps::InstallPackages{
                           .manager = manager, .packages = packages, .dnf_module = "", .builds_for = {}},
                   .why = "a compiler and Python's headers, which an extension is compiled with",
                   .changes = fmt::format("{} and what is needed for it", base::join(packages, ", ")),
                   .needs = {}});
  for (const Extension& one : extensions)
    out.push_back({.id = "extension-" + one.env,
                   .kind = one.build,
                   .why = fmt::format("{} is compiled once, for compute capability {} alone",
                                      one.build.module, base::join(one.build.architectures, ", ")),
                   .changes = "one library in the environment; takes minutes",
                   .needs = {"env-" + one.env, "wheels-" + one.env, "packages-" + one.env, "toolkit-packages",
                             "toolkit-wheels", "compiler-packages"},
                   .as_user = true});
  return out;
}

}  // namespace bringup::plan
