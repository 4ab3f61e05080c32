// SPDX-License-Identifier: Apache-2.0
// The steps for boards with NVSwitches: CUDA does not start on them until Fabric Manager, in the driver's
// exact version, has set the switches up.
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/plan/builder.hpp>
#include <bringup/plan/sources.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::plan {
namespace {

using facts::Machine;
using resolve::Choice;

bool has_switches(const Machine& machine) {
  const bool container = machine.container && machine.container->has_value();
  return !machine.hypothetical && !container &&
         std::ranges::any_of(machine.pci, [](const facts::PciFunction& function) {
           return function.kind == facts::PciKind::nvswitch;
         });
}

const facts::Package* package_of(const Machine& machine, std::string_view start) {
  if (!machine.packages.list) return nullptr;
  const auto at = std::ranges::find_if(*machine.packages.list, [start](const facts::Package& package) {
    return package.name.starts_with(start) && !base::contains(package.name, "-dev");
  });
  return at == machine.packages.list->end() ? nullptr : &*at;
}

// Ubuntu's own packages go with its "-server" drivers alone.
bool from_distribution(const Machine& machine, const Choice& choice) {
  if (to_do(choice.driver.action)) return choice.driver.source != "nvidia";
  return machine.packages.list && std::ranges::any_of(*machine.packages.list, [](const facts::Package& one) {
           return one.name.starts_with("nvidia-") && base::contains(one.version, "ubuntu");
         });
}

std::vector<std::string> names_of(const catalog::FabricService& service, int branch) {
  std::vector<std::string> out = branch < service.renamed_from ? service.old_packages : service.packages;
  for (std::string& name : out) {
    if (const std::size_t at = name.find("{branch}"); at != std::string::npos)
      name.replace(at, std::string_view("{branch}").size(), std::to_string(branch));
  }
  return out;
}

// The release is the archive's business: apt and dnf take a pattern for it.
std::string exactly(const std::string& name, const std::optional<std::string>& version) {
  return version ? fmt::format("{}={}-*", name, *version) : name;
}

bool fits(const facts::Package& there, const std::optional<std::string>& version) {
  const std::size_t colon = there.version.find(':');
  const std::string_view own =
      std::string_view(there.version).substr(colon == std::string::npos ? 0 : colon + 1);
  return version && own.substr(0, own.find('-')) == *version;
}

std::optional<int> branch_of(const Choice& choice) {
  if (choice.driver.branch) return choice.driver.branch;
  const auto version = choice.driver.version ? base::Version::parse(*choice.driver.version) : std::nullopt;
  return version ? std::optional(version->major()) : std::nullopt;
}

}  // namespace

FabricNeed fabric_need(const Machine& machine, const goal::Goal& goal, const catalog::Catalog& catalog,
                       const Choice& choice) {
  const auto row = std::ranges::find(catalog.fabric, "fabricmanager", &catalog::FabricService::name);
  const auto branch = branch_of(choice);
  if (row == catalog.fabric.end() || !branch || goal.user_only ||
      choice.driver.action == resolve::Action::none || !has_switches(machine))
    return {};
  FabricNeed need{.packages = {}, .service = row->service, .from_vendor = false};
  const facts::Package* there = package_of(machine, "nvidia-" + row->name);
  const bool brings = to_do(choice.driver.action);
  if (!brings && !machine.packages.list) return {};  // what is there could not be seen
  if (!brings && there != nullptr && fits(*there, choice.driver.version)) return need;
  if (!brings && there != nullptr) {  // under its own name, from wherever it came
    need.packages = {exactly(there->name, choice.driver.version)};
    return need;
  }
  const bool distribution = from_distribution(machine, choice);
  if (distribution && package_of(machine, fmt::format("nvidia-utils-{}-server", *branch)) == nullptr)
    return {};
  for (const std::string& name :
       distribution ? std::vector{fmt::format("nvidia-fabricmanager-{}", *branch)} : names_of(*row, *branch))
    need.packages.push_back(exactly(name, choice.driver.version));
  need.from_vendor = !distribution;
  return need;
}

void add_fabric_steps(Builder& builder, const Machine& machine, const FabricNeed& need,
                      const Choice& choice) {
  if (need.service.empty()) return;
  const std::string version = choice.driver.version.value_or("of the same branch");
  if (!need.packages.empty()) {
    std::vector<std::string> after = kSourceSteps;
    after.insert(after.end(), {"driver-pin", "driver-lock", "driver-packages"});
    builder.add(
        {.id = "fabric-packages",
         .kind = steps::InstallPackages{.manager = manager_of(machine),
                                        .packages = need.packages,
                                        .dnf_module = "",
                                        .builds_for = {}},
         .why = fmt::format("CUDA does not start on a board with NVSwitches without Fabric Manager, and it "
                            "refuses every driver but its own: {}",
                            version),
         .changes = fmt::format("{} and what they need", counted(need.packages.size(), "package"))},
        std::move(after));
  }
  const bool enabled = machine.boot.enabled &&
                       std::ranges::find(*machine.boot.enabled, need.service) != machine.boot.enabled->end();
  if (enabled && need.packages.empty()) return;
  // A driver that comes with a reboot finds the service started by that boot.
  const bool loaded = machine.driver.loaded && *machine.driver.loaded && !to_do(choice.driver.action);
  const bool now = loaded || builder.has("load-module");
  builder.add({.id = "fabric-service",
               .kind = steps::EnableService{.service = need.service, .now = now},
               .why = "the NVSwitches are set up anew at every boot, before CUDA is used",
               .changes = now ? "one service, now and at every boot" : "one service, from the next boot on"},
              {"driver-packages", "fabric-packages", "load-module"});
}

}  // namespace bringup::plan
