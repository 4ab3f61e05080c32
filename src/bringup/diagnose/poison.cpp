// SPDX-License-Identifier: Apache-2.0
// Rules over what puts other libraries in front of the right ones, and packages that do not go together.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/looks.hpp>

#include <algorithm>

namespace bringup::diagnose {
namespace {

using facts::Machine;
using facts::PythonEnv;
using facts::ShellSetting;

// The part of a search path that ends in `directory` ("stubs"); "" when there is none.
std::string part_in(std::string_view path, std::string_view directory) {
  for (std::string_view part : base::split(path.substr(path.find('=') + 1), ':')) {
    part = base::trim(part);
    while (part.ends_with("/") || part.ends_with("\"") || part.ends_with("'")) part.remove_suffix(1);
    if (part.ends_with(directory) && base::contains(part, "cuda")) return std::string(part);
  }
  return "";
}

// Where LD_LIBRARY_PATH, in start files and now, and the loader's own configuration lead into such a
// directory.
Result<std::vector<Evidence>> searched(const Machine& machine, std::string_view directory) {
  TRY(need_look(machine, "where it looks for libraries"));
  std::vector<Evidence> out;
  for (const auto* settings : {&machine.shells.settings, &machine.shells.environment}) {
    for (const ShellSetting& one : *settings) {
      if (one.variable == "LD_LIBRARY_PATH" && !part_in(one.text, directory).empty())
        out.push_back(seen(one.line > 0 ? fmt::format("{}:{}", one.file, one.line) : one.file, one.text));
    }
  }
  if (!machine.library_paths && out.empty())
    return Error(machine.library_paths.error()).within("the loader's configuration could not be read");
  for (const facts::ConfigLine& line :
       machine.library_paths ? *machine.library_paths : std::vector<facts::ConfigLine>{}) {
    if (!part_in(line.text, directory).empty())
      out.push_back(seen(fmt::format("{}:{}", line.file, line.line), line.text));
  }
  return out;
}

Sightings one_finding(std::vector<Evidence> evidence, std::string fix) {
  if (evidence.empty()) return {};
  return {{.evidence = std::move(evidence), .gpus = {}, .fix = {.summary = std::move(fix), .steps = {}}}};
}

const facts::PythonPackage* package_in(const PythonEnv& env, std::string_view name) {
  const auto at = std::ranges::find(env.packages, name, &facts::PythonPackage::name);
  return at == env.packages.end() ? nullptr : &*at;
}

// "torchao>0.15.0", "exllamav3": whether a package of the environment is meant.
const facts::PythonPackage* meant(const PythonEnv& env, std::string_view requirement) {
  const std::size_t sign = requirement.find('>');
  const facts::PythonPackage* package = package_in(env, requirement.substr(0, sign));
  if (package == nullptr || sign == std::string_view::npos) return package;
  const auto above = base::Version::parse(requirement.substr(sign + 1));
  const auto there = base::Version::parse(package->version);
  return above && there && *above < *there ? package : nullptr;
}

bool same_version(const PythonEnv& env, const catalog::Companion& row) {
  const facts::PythonPackage* package = package_in(env, row.package);
  return package != nullptr && package->version.substr(0, package->version.find('+')) == row.version;
}

// What the catalog knows against this package here: one sentence, or "".
std::string against(const PythonEnv& env, const catalog::Companion& row) {
  for (const std::string& refused : row.refuses) {
    if (const auto* other = meant(env, refused)) return fmt::format("{} {}", other->name, other->version);
  }
  const std::string torch = env.torch ? env.torch->substr(0, env.torch->find('+')) : "";
  return std::ranges::find(row.breaks_with, torch) == row.breaks_with.end() ? "" : "torch " + *env.torch;
}

}  // namespace

// A stub links programs on machines without a GPU and does nothing at run time.
Looked look_cuda_stubs_searched(const Patient& patient) {
  return one_finding(
      TRY(searched(patient.machine, "/stubs")),
      "take the directory out (after a change below /etc/ld.so.conf.d: sudo ldconfig); stubs are "
      "for linking alone, with -L");
}

Looked look_cuda_compat_searched(const Patient& patient) {
  return one_finding(
      TRY(searched(patient.machine, "/compat")),
      "take the directory out, and install a driver that speaks the CUDA that is wanted: bringup up");
}

Looked look_cuda_home_missing(const Patient& patient) {
  const Machine& machine = patient.machine;
  TRY(need_look(machine, "what its shells set"));
  const auto home = variable(machine, "CUDA_HOME");
  if (!home || home->empty()) return Sightings{};
  const bool link =
      *home == "/usr/local/cuda" || *home == "/usr/local/cuda/";  // of whatever toolkit is there
  const bool there = std::ranges::any_of(machine.toolkits, [&](const facts::Toolkit& one) {
    return link || one.path == *home || one.path + "/" == *home;
  });
  // Toolkits are looked for in the usual places alone: elsewhere one may be there unseen.
  if (!there && !home->starts_with("/usr/local/cuda"))
    return Error(Errc::unsupported, fmt::format("CUDA_HOME={}: toolkits are not looked for there", *home));
  if (there) return Sightings{};
  std::vector<std::string> others;
  for (const facts::Toolkit& one : machine.toolkits) others.push_back(one.path);
  return Sightings{
      {.evidence = {seen("environment", "CUDA_HOME=" + *home),
                    seen("/usr/local",
                         others.empty() ? "no toolkit" : "toolkits: " + base::join(others, ", "))},
       .gpus = {},
       .fix = {.summary = others.empty() ? "unset CUDA_HOME, also in the start file that sets it"
                                         : "set CUDA_HOME to one that is there, or unset it",
               .steps = {}}}};
}

Looked look_companion_breaks(const Patient& patient) {
  TRY(need_look(patient.machine, "its Python environments"));
  Sightings out;
  for (const PythonEnv& env : patient.machine.envs) {
    std::vector<std::string> told;
    for (const catalog::Companion& row : patient.catalog.companions) {
      const std::string other = same_version(env, row) ? against(env, row) : "";
      if (other.empty() || std::ranges::find(told, row.package) != told.end()) continue;
      told.push_back(row.package);
      Sighting sighting{
          .evidence = {seen(env.path, fmt::format("{} {} beside {}", row.package, row.version, other))},
          .gpus = {},
          .fix = {.summary = fmt::format("give {} an environment of its own", row.package), .steps = {}}};
      if (!row.note.empty()) sighting.evidence.push_back(seen("catalog: companions", row.note));
      out.push_back(std::move(sighting));
    }
  }
  return out;
}

// PyTorch's wheels before 2.3 were compiled against NumPy 1, whose modules NumPy 2 does not take (NumPy's
// guide to 2.0; PyTorch's notes for 2.3).
Looked look_numpy_too_new(const Patient& patient) {
  TRY(need_look(patient.machine, "its Python environments"));
  Sightings out;
  for (const PythonEnv& env : patient.machine.envs) {
    const facts::PythonPackage* numpy = package_in(env, "numpy");
    const auto torch = env.torch ? base::Version::parse(*env.torch) : std::nullopt;
    const auto version = numpy != nullptr ? base::Version::parse(numpy->version) : std::nullopt;
    if (!torch || !version || version->major() < 2 || torch->major() > 2 ||
        (torch->major() == 2 && torch->minor() >= 3))
      continue;
    out.push_back(
        {.evidence = {seen(env.path, fmt::format("torch {} beside numpy {}", *env.torch, numpy->version))},
         .gpus = {},
         .fix = {
             .summary = fmt::format("{} -m pip install 'numpy<2'; or a newer torch: bringup up", env.python),
             .steps = {}}});
  }
  return out;
}

}  // namespace bringup::diagnose
