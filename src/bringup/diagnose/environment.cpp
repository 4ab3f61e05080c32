// SPDX-License-Identifier: Apache-2.0
// Rules over Python environments and what shells put in front of them.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/looks_beside.hpp>

#include <algorithm>
#include <array>

namespace bringup::diagnose {
namespace {

using facts::Machine;
using facts::PythonEnv;
using facts::ShellSetting;

const facts::PythonPackage* package_in(const PythonEnv& env, std::string_view name) {
  const auto at = std::ranges::find(env.packages, name, &facts::PythonPackage::name);
  return at == env.packages.end() ? nullptr : &*at;
}

std::string_view local_part(std::string_view version) {
  const std::size_t plus = version.find('+');
  return plus == std::string_view::npos ? "" : version.substr(plus + 1);
}

bool same(const base::Version& wanted, std::string_view version) {
  const auto parsed = base::Version::parse(version);
  return parsed && *parsed == wanted;
}

std::string torch_text(const PythonEnv& env) {
  return fmt::format(
      "torch {}{}", *env.torch,
      env.variant && !base::contains(*env.torch, "+") ? fmt::format(" ({})", *env.variant) : "");
}

// A row of the catalog that says of exactly this set that it does not work.
const catalog::WheelSet* known_bad(const catalog::Catalog& catalog, const PythonEnv& env) {
  const facts::PythonPackage* vision = package_in(env, "torchvision");
  const facts::PythonPackage* audio = package_in(env, "torchaudio");
  for (const catalog::WheelSet& wheels : catalog.wheels) {
    if (wheels.works || !same(wheels.torch, *env.torch) || wheels.variant != env.variant) continue;
    const auto matches = [](const facts::PythonPackage* package, const std::string& wanted) {
      const auto version = base::Version::parse(wanted);
      return package != nullptr && version && same(*version, package->version);
    };
    if (wheels.torchaudio ? matches(audio, *wheels.torchaudio) : matches(vision, wheels.torchvision))
      return &wheels;
  }
  return nullptr;
}

// Environments with torch, on a machine that was looked at.
Result<std::vector<const PythonEnv*>> torch_envs(const Machine& machine) {
  TRY(need_look(machine, "its Python environments"));
  std::vector<const PythonEnv*> out;
  for (const PythonEnv& env : machine.envs) {
    if (env.torch) out.push_back(&env);
  }
  return out;
}

// The first place of a search path from which torch would load other libraries than its own; the driver's own
// directory is none.
std::optional<std::string> cuda_directory(std::string_view line) {
  const std::size_t equals = line.find('=');
  std::string_view value = equals == std::string_view::npos ? line : line.substr(equals + 1);
  static constexpr std::array<std::string_view, 5> kSigns{"cuda", "cudnn", "nccl", "hpc_sdk",
                                                          "site-packages/nvidia"};
  for (std::string_view part : base::split(value, ':')) {
    part = base::trim(part.substr(0, part.find('#')));
    const std::string place = base::lower(part);
    if (std::ranges::any_of(kSigns,
                            [&place](std::string_view sign) { return base::contains(place, sign); })) {
      const std::size_t begin = part.find_first_not_of("\"'");
      const std::size_t end = part.find_last_not_of("\"'");
      return std::string(part.substr(begin, end - begin + 1));
    }
  }
  return std::nullopt;
}

// What is set in start files and in this process; both, in that order.
Result<std::vector<const ShellSetting*>> settings_of(const Machine& machine, std::string_view name) {
  TRY(need_look(machine, "what its shells set"));
  std::vector<const ShellSetting*> out;
  for (const auto* settings : {&machine.shells.settings, &machine.shells.environment}) {
    for (const ShellSetting& setting : *settings) {
      if (setting.variable == name) out.push_back(&setting);
    }
  }
  return out;
}

Evidence evidence_of(const ShellSetting& setting) {
  const std::string place =
      setting.line > 0 ? fmt::format("{}:{}", setting.file, setting.line) : setting.file;
  return seen(place, setting.text);
}

std::string fix_of(const ShellSetting& setting) {
  return setting.line > 0 ? fmt::format("take line {} out of {}, and log in anew", setting.line, setting.file)
                          : fmt::format("unset {}", setting.variable);
}

// "NAME=value" of a line such as "export NAME=value" or "set -gx NAME value"; quotes taken off.
std::string value_of(const ShellSetting& setting) {
  const std::size_t at = setting.text.find(setting.variable);
  if (at == std::string::npos) return "";
  std::string_view rest = base::trim(std::string_view(setting.text).substr(at + setting.variable.size()));
  if (rest.starts_with("=")) rest.remove_prefix(1);
  rest = rest.substr(0, rest.find_first_of(";#"));
  rest = base::trim(rest);
  if (rest.size() >= 2 && (rest.front() == '"' || rest.front() == '\'') && rest.back() == rest.front())
    rest = rest.substr(1, rest.size() - 2);
  return std::string(rest);
}

}  // namespace

Looked look_driver_too_old_for_torch(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (TRY(gpus_of(machine)).empty()) return Sightings{};
  const auto envs = TRY(torch_envs(machine));
  const auto present = TRY(present_driver(machine));
  Sightings out;
  if (!present) return out;
  const auto driver = base::Version::parse(present->version);
  for (const PythonEnv* env : envs) {
    const auto cuda = env->variant ? catalog::variant_cuda(*env->variant) : std::nullopt;
    const catalog::CudaFloor* floor = cuda ? patient.catalog.floor(cuda->major()) : nullptr;
    if (floor == nullptr || !driver || *driver >= floor->driver) continue;
    // It was run and saw GPUs: libraries for forward compatibility, say.
    const facts::Count& counted = machine.counts.pytorch;
    if (counted.gpus && *counted.gpus > 0 && counted.how.ends_with(" " + env->path)) continue;
    out.push_back(
        {.evidence = {seen(env->path, torch_text(*env)), present->evidence,
                      seen("catalog: driver floors", fmt::format("CUDA {} needs driver {} or later",
                                                                 floor->cuda_major, floor->driver.text))},
         .gpus = {},
         .fix = {.summary = fmt::format("a driver from {} on, or a torch for an older CUDA: bringup plan "
                                        "chooses both together",
                                        floor->driver.text),
                 .steps = {}}});
  }
  return out;
}

Looked look_torch_arch_missing(const Patient& patient) {
  const Gpus gpus = TRY(gpus_of(patient.machine));
  Sightings out;
  if (gpus.empty()) return out;
  std::optional<Error> unknown;
  for (const PythonEnv* env : TRY(torch_envs(patient.machine))) {
    Sighting sighting{.evidence = {seen(env->path, torch_text(*env))}, .gpus = {}, .fix = {}};
    sighting.fix.summary =
        fmt::format("install a torch with code for these GPUs into {}: bringup up", env->path);
    if (env->variant == "cpu") {
      sighting.evidence.front().text += ": built for the CPU alone";
      sighting.gpus = addresses(gpus);
      sighting.severity = Severity::warn;  // it does what it was built for
      out.push_back(std::move(sighting));
      continue;
    }
    for (const facts::PciFunction* gpu : gpus) {
      const catalog::Gpu* row = patient.catalog.gpu(gpu->device_id);
      const Code code =
          row != nullptr && row->compute ? code_for(patient.catalog, *env, *row->compute) : Code::unknown;
      if (code == Code::missing) {
        sighting.gpus.push_back(gpu->address);
        sighting.evidence.push_back(
            seen("catalog: wheels", fmt::format("no code for {} ({})", row->name, row->compute->text())));
      } else if (code == Code::unknown && !unknown) {
        unknown = Error(Errc::absent, fmt::format("{}: the catalog does not know whether {} has code for {}; "
                                                  "'bringup verify' tries it",
                                                  env->path, torch_text(*env), gpu->address));
      }
    }
    if (!sighting.gpus.empty()) out.push_back(std::move(sighting));
  }
  if (out.empty() && unknown) return *unknown;
  return out;
}

Looked look_torch_companions_variant(const Patient& patient) {
  Sightings out;
  for (const PythonEnv* env : TRY(torch_envs(patient.machine))) {
    Sighting sighting{.evidence = {seen(env->path, torch_text(*env))}, .gpus = {}, .fix = {}};
    for (const char* name : {"torchvision", "torchaudio"}) {
      const facts::PythonPackage* package = package_in(*env, name);
      const std::string_view variant = package == nullptr ? "" : local_part(package->version);
      if (!variant.empty() && env->variant && variant != *env->variant)
        sighting.evidence.push_back(seen(env->path, fmt::format("{} {}", name, package->version)));
    }
    if (const catalog::WheelSet* bad = known_bad(patient.catalog, *env))
      sighting.evidence.push_back(seen("catalog: wheels", bad->note));
    if (sighting.evidence.size() < 2) continue;
    sighting.fix.summary = fmt::format(
        "install torch, torchvision and torchaudio of one CUDA variant from one index into {}: "
        "bringup up",
        env->path);
    out.push_back(std::move(sighting));
  }
  return out;
}

Looked look_ld_library_path_cuda(const Patient& patient) {
  Sightings out;
  const auto settings = TRY(settings_of(patient.machine, "LD_LIBRARY_PATH"));
  if (patient.goal.ld_library_path) return out;
  for (const ShellSetting* setting : settings) {
    const auto place = cuda_directory(setting->text);
    if (!place) continue;
    std::vector<Evidence> evidence{evidence_of(*setting)};
    for (Evidence& one : taken_from(patient.machine, *setting)) evidence.push_back(std::move(one));
    out.push_back(
        {.evidence = std::move(evidence),
         .gpus = {},
         .fix = {.summary = fix_of(*setting) + "; programs find the driver without it, and torch brings "
                                               "its own CUDA libraries",
                 .steps = {}}});
  }
  return out;
}

Looked look_cuda_visible_devices_set(const Patient& patient) {
  Sightings out;
  const auto settings = TRY(settings_of(patient.machine, "CUDA_VISIBLE_DEVICES"));
  if (settings.empty()) return out;
  const Gpus gpus = TRY(gpus_here(patient.machine));
  for (const ShellSetting* setting : settings) {
    const std::string value = value_of(*setting);
    const auto left = base::contains(value, "$") ? std::nullopt : visible_devices(value, gpus.size());
    if (!left) continue;
    Sighting sighting{
        .evidence = {evidence_of(*setting),
                     seen("PCI bus", fmt::format("{} GPUs, of which CUDA sees {}", gpus.size(), *left))},
        .gpus = {},
        .fix = {.summary = fix_of(*setting), .steps = {}}};
    // For one process it is how batch systems share GPUs; in a start file it is for ever.
    if (setting->line == 0) sighting.severity = Severity::info;
    out.push_back(std::move(sighting));
  }
  return out;
}

Looked look_pythonpath_set(const Patient& patient) {
  Sightings out;
  for (const ShellSetting* setting : TRY(settings_of(patient.machine, "PYTHONPATH"))) {
    if (value_of(*setting).empty()) continue;
    out.push_back(
        {.evidence = {evidence_of(*setting)}, .gpus = {}, .fix = {.summary = fix_of(*setting), .steps = {}}});
  }
  return out;
}

Looked look_python_none(const Patient& patient) {
  const Machine& machine = patient.machine;
  TRY(need_look(machine, "its Python"));
  if (patient.goal.envs.empty() || !machine.pythons.empty() || !machine.managers.empty() ||
      !machine.envs.empty())
    return Sightings{};
  return Sightings{{.evidence = {seen("/usr/bin, /usr/local/bin", "no python3.*"),
                                 seen(machine.user.home, "no uv, conda, pyenv or environment")},
                    .gpus = {},
                    .fix = {.summary = "bringup up", .steps = {}}}};
}

}  // namespace bringup::diagnose
