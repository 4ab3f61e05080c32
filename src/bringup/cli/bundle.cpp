// SPDX-License-Identifier: Apache-2.0
// bundle: create, use.
#include <bringup/apply/bundle.hpp>
#include <bringup/base/text.hpp>
#include <bringup/cli/bundle.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/locks.hpp>
#include <bringup/plan/sources.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::cli {
namespace {

// What is not the same on the machine and in the bundle.
std::vector<std::string> differences(const apply::Bundle& bundle, const facts::Machine& machine) {
  std::vector<std::string> out;
  const auto compare = [&out](std::string_view what, const std::string& made_for, const std::string& here) {
    if (made_for != here)
      out.push_back(fmt::format("{}: made for {}, here {}", what, made_for.empty() ? "none" : made_for,
                                here.empty() ? "none" : here));
  };
  compare("system", bundle.os, resolve::os_key(machine.os));
  compare("architecture", bundle.arch, machine.arch);
  compare("GPUs", base::join(bundle.gpus, " "), base::join(gpu_ids(machine), " "));
  if (!bundle.kernel.empty()) compare("kernel", bundle.kernel, machine.kernel.running);
  return out;
}

// What the bundle has instead of a network.
void answer_from(const apply::Bundle& bundle, facts::Machine& machine) {
  for (facts::Source& source : machine.sources) {
    source.answered_seconds = Error(Errc::absent, "not in the bundle");
    if (source.name == "pypi" && !bundle.uv.empty()) source.answered_seconds = 0.0;
    if (source.name == "pytorch" && apply::has_pytorch(bundle)) source.answered_seconds = 0.0;
    if (source.name == "distro" && !bundle.archive.empty()) source.answered_seconds = 0.0;
    if (source.name == "nvidia" && bundle.vendor) source.answered_seconds = 0.0;
  }
}

// Whose index wheels were chosen from is not where they come from.
void call_it_the_bundle(resolve::Resolution& resolution) {
  auto* choice = std::get_if<resolve::Choice>(&resolution);
  if (choice == nullptr) return;
  for (resolve::Reason& reason : choice->reasons) {
    const std::size_t at = reason.about == "torch" ? reason.text.find(" from ") : std::string::npos;
    if (at == std::string::npos) continue;
    for (const std::string_view index : {" from PyPI", " from the PyTorch index"}) {
      if (std::string_view(reason.text).substr(at).starts_with(index))
        reason.text.replace(at, index.size(), " out of the bundle");
    }
  }
  for (resolve::EnvChoice& env : choice->envs) {
    for (resolve::WheelChoice& wheel : env.packages) {
      if (wheel.index) wheel.index = "bundle";
    }
  }
}

Result<int> use(const Options& options, const Doors& doors, const std::string& directory) {
  const std::string name = directory + "/" + std::string(apply::kManifest);
  auto text = doors.view.read(name);
  if (!text && text.error().code() == Errc::absent)
    return Error(Errc::usage,
                 fmt::format("{}: no bundle there, or one whose 'bundle create' has not ended", directory));
  const apply::Bundle bundle = TRY(apply::parse_bundle(TRY(text), name));
  Options mine = options;
  mine.offline = true;
  mine.goal = directory + "/goal/bringup.toml";
  mine.bundle = directory;
  Looked looked = TRY(look(mine, doors, {}));
  if (const auto differing = differences(bundle, looked.machine); !differing.empty())
    return Error(Errc::refused, fmt::format("{}: this bundle is for another machine ({}); make one with "
                                            "'bringup bundle create DIR --for ..'",
                                            directory, base::join(differing, "; ")));
  say(options, fmt::format("checking {} files against {}", bundle.files.size(), name));
  TRY(apply::check_bundle(directory, bundle, doors.view, nullptr));
  answer_from(bundle, looked.machine);
  looked.asked = true;
  if (bundle.vendor) forget_vendor_sources(looked.machine);
  const LockedGoal locked = TRY(with_locks(TRY(read_goal(mine, doors.view)), mine, doors.view));
  const std::vector<goal::Goal> goals = TRY(goals_of(locked.goal, looked.machine));
  Decided decided = TRY(decide(mine, doors, std::move(looked), goals));
  TRY(follow_locks(locked.locks, mine, decided));
  decided.models = TRY(missing_models(mine, doors, locked.goal));
  const std::string state = state_directory_of(options, decided.looked.machine.user);
  call_it_the_bundle(decided.resolution);
  decided.plan = TRY(apply::from_bundle(std::move(decided.plan), bundle, directory, state));
  return carry_out(mine, doors, decided);
}

// apt and the wheels' installer are told of it in lines of their own.
Result<std::string> place(const Options& options) {
  if (options.words.size() < 2) return Error(Errc::usage, "bundle where? bringup bundle create|use DIR");
  std::string path = absolute(options.words[1]);
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const bool plain = std::ranges::all_of(path, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-").find(c) != std::string_view::npos;
  });
  if (!plain)
    return Error(Errc::usage, fmt::format("'{}': a bundle's path is made of letters, digits and . _ - alone",
                                          base::harmless(path)));
  return path;
}

}  // namespace

std::vector<std::string> gpu_ids(const facts::Machine& machine) {
  std::vector<std::string> out;
  for (const facts::PciFunction& one : machine.pci) {
    if (one.kind == facts::PciKind::gpu) out.push_back(fmt::format("10de:{:04x}", one.device_id));
  }
  std::ranges::sort(out);
  return out;
}

Result<std::vector<goal::Goal>> goals_of(const goal::Goal& goal, const facts::Machine& machine) {
  for (const goal::StackGoal& stack : goal.stacks)
    TRY(stacks::check_gpus(*TRY(stacks::find_stack(stack.name, catalog::built_in())), machine)
            .within(stack.where));
  return stacks::with_stacks(goal, catalog::built_in());
}

facts::Machine as_installed(facts::Machine machine, bool recorded) {
  machine.packages.list = std::vector<facts::Package>();
  machine.packages.archive_components = {"main"};
  machine.container = std::optional<std::string>();
  machine.driver = {};
  machine.driver.loaded = std::optional<facts::LoadedModule>();
  machine.driver.nouveau_loaded = false;
  machine.toolkits.clear();
  if (!recorded) machine.pythons.clear();
  machine.managers.clear();
  machine.envs.clear();
  for (facts::InstalledKernel& kernel : machine.kernel.installed) kernel.headers = false;
  forget_vendor_sources(machine);
  return machine;
}

void forget_vendor_sources(facts::Machine& machine) {
  std::erase_if(machine.packages.archive_uris, [](const std::string& uri) {
    facts::Machine one;
    one.packages.archive_uris = {uri};
    return plan::has_vendor_source(one, catalog::built_in());
  });
}

Result<int> run_bundle(const Options& options, const Doors& doors) {
  const std::string verb = options.words.empty() ? "" : options.words[0];
  if (verb == "create") return create_bundle(options, doors, TRY(place(options)));
  if (verb == "use") return use(options, doors, TRY(place(options)));
  return Error(Errc::usage, fmt::format("bundle '{}': expected create DIR or use DIR", base::harmless(verb)));
}

}  // namespace bringup::cli
