// SPDX-License-Identifier: Apache-2.0
// The second opinion: driver floors, code for every GPU, flavours, places and pins, read off the catalog's
// rows.
#include "unit/resolve/judge.hpp"

#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include "unit/resolve/row.hpp"
#include <algorithm>
#include <tuple>

namespace bringup::testing_support {
namespace {

using base::Version;
using catalog::Architecture;
using catalog::Gpu;
using facts::Flavour;

std::vector<const Gpu*> gpus_of(const Asked& asked) {
  std::vector<const Gpu*> out;
  for (const facts::PciFunction& function : asked.machine.pci) {
    if (function.kind == facts::PciKind::gpu) out.push_back(asked.catalog.gpu(function.device_id));
  }
  return out;
}

bool answers(const Asked& asked, std::string_view place) {
  return std::ranges::any_of(asked.machine.sources, [place](const facts::Source& source) {
    return source.name == place && source.answered_seconds;
  });
}

std::string os_of(const Asked& asked) {
  return resolve::os_key(asked.machine.os);
}

// Whether a driver of this branch, version and flavour serves the GPU.
bool serves(const Asked& asked, const Gpu& gpu, int number, const Version& version, Flavour flavour) {
  const catalog::Branch* branch = asked.catalog.branch(number);
  if (branch == nullptr) return false;
  if (gpu.architecture < branch->oldest || gpu.architecture > branch->newest) return false;
  const bool grace = base::contains(gpu.name, "GH200");
  if ((gpu.architecture >= Architecture::blackwell || grace) && flavour != Flavour::open) return false;
  if (gpu.architecture < Architecture::turing && flavour != Flavour::proprietary) return false;
  if (gpu.architecture <= Architecture::turing && flavour == Flavour::proprietary) return true;
  // The lists span 515 to 595.
  if (gpu.first_driver.empty() || number > 595) return true;
  if (number < 515) return gpu.first_driver.contains(515);
  const auto first = gpu.first_driver.find(number);
  return first != gpu.first_driver.end() && version >= first->second;
}

// A driver that could be installed or kept.
struct Option {
  bool keep = false;
  int number = 0;
  Version version;
  Flavour flavour = Flavour::open;
  bool vendor = false;
};

bool can_be_had(const Asked& asked, const Option& option) {
  if (asked.goal.driver != "auto" && asked.goal.driver != std::to_string(option.number)) return false;
  const catalog::Branch* branch = asked.catalog.branch(option.number);
  if (branch == nullptr) return false;
  for (const Gpu* gpu : gpus_of(asked)) {
    if (gpu == nullptr || !serves(asked, *gpu, option.number, option.version, option.flavour)) return false;
  }
  if (const auto toolkit = Version::parse(asked.goal.toolkit)) {
    const catalog::CudaFloor* floor = asked.catalog.floor(toolkit->major());
    if (floor != nullptr && option.version < floor->driver) return false;
  }
  if (option.keep) return true;
  if (asked.machine.arch != "x86_64") return false;
  if (option.flavour == Flavour::open && !branch->open_modules) return false;
  if (!option.vendor) return answers(asked, "distro");
  return asked.catalog.repo(os_of(asked)) != nullptr && answers(asked, "nvidia");
}

std::vector<Option> options_of(const Asked& asked) {
  std::vector<Option> out;
  const auto& loaded = asked.machine.driver.loaded;
  if (loaded && *loaded) {
    const auto version = Version::parse((*loaded)->version);
    out.push_back(
        {.keep = true, .number = version->major(), .version = *version, .flavour = (*loaded)->flavour});
  }
  const catalog::Archive* archive = asked.catalog.archive(os_of(asked));
  for (const Flavour flavour : {Flavour::open, Flavour::proprietary}) {
    for (const catalog::Branch& branch : asked.catalog.branches)
      out.push_back({.number = branch.number, .version = branch.latest, .flavour = flavour, .vendor = true});
    if (archive != nullptr && archive->driver)
      out.push_back({.number = archive->driver->major(), .version = *archive->driver, .flavour = flavour});
  }
  return out;
}

Flavour recommended(const Asked& asked, int number) {
  bool all = true;
  for (const Gpu* gpu : gpus_of(asked)) {
    if (gpu->architecture >= Architecture::blackwell || base::contains(gpu->name, "GH200"))
      return Flavour::open;
    all = all && gpu->architecture >= Architecture::turing;
  }
  return all && number >= 560 ? Flavour::open : Flavour::proprietary;
}

// The order of preference: nothing changed, updates, production, newest, a place that was tried, NVIDIA's
// place, the usual flavour.
auto order(const Asked& asked, const Option& option) {
  const catalog::Branch* branch = asked.catalog.branch(option.number);
  const std::string eol = branch == nullptr ? "" : branch->eol.value_or("");
  const bool over = !eol.empty() && (eol.size() == 7 ? eol + "-31" : eol) < kToday;
  // Debian 12's own proprietary modules are the only ones that were built and loaded.
  const bool tried =
      !option.keep && !option.vendor && os_of(asked) == "debian-12" && option.flavour == Flavour::proprietary;
  return std::tuple(!option.keep, over, branch == nullptr || branch->type == "NFB", -option.number, !tried,
                    !option.vendor, option.flavour != recommended(asked, option.number));
}

bool code_for(const catalog::WheelSet& wheels, const Gpu& gpu) {
  if (!gpu.compute) return false;
  if (wheels.ptx && *wheels.ptx <= *gpu.compute) return true;
  for (const catalog::ComputeCapability sm : wheels.sm) {
    if (sm.major == gpu.compute->major && sm.minor <= gpu.compute->minor) return true;
  }
  return false;
}

// Whether the set is what the environment asks for, and runs here with this Python and driver.
bool set_fits(const Asked& asked, const goal::EnvGoal& env, const catalog::WheelSet& wheels,
              const std::string& python, const std::optional<Version>& driver) {
  bool audio = false;
  for (const std::string& package : env.packages) {
    const std::string name = name_part(package);
    const std::string pin = pin_part(package);
    audio = audio || name == "torchaudio";
    std::optional<std::string> version;
    if (name == "torch") version = wheels.torch.text;
    if (name == "torchvision") version = wheels.torchvision;
    if (name == "torchaudio") version = wheels.torchaudio;
    const bool of_set = name == "torch" || name == "torchvision" || name == "torchaudio";
    if (!of_set && !answers(asked, "pypi")) return false;
    const Companionship other = companionship(asked, env, package, wheels.torch.text);
    if (!of_set && other.spoken_of && !other.any) return false;
    if (!of_set) continue;
    if (!version || (!pin.empty() && pin != *version && pin != *version + "+" + wheels.variant)) return false;
  }
  if (!wheels.works && (audio || !wheels.torchaudio)) return false;
  if (!answers(asked, wheels.index) || asked.machine.arch != "x86_64") return false;
  if (std::ranges::find(wheels.pythons, python) == wheels.pythons.end()) return false;
  if (asked.machine.glibc && *Version::parse(*asked.machine.glibc) < wheels.glibc) return false;
  const auto gpus = gpus_of(asked);
  if (env.extension && env.extension->min_cuda && wheels.cuda && *wheels.cuda < *env.extension->min_cuda)
    return false;
  if ((env.extension || !gpus.empty()) && wheels.variant == "cpu") return false;
  if (gpus.empty()) return true;
  const int cuda = catalog::variant_cuda(wheels.variant)->major();
  if (driver && *driver < asked.catalog.floor(cuda)->driver) return false;
  return std::ranges::all_of(gpus, [&](const Gpu* gpu) { return code_for(wheels, *gpu); });
}

// None can be had, and the rest is for one that root gets elsewhere.
bool is_left(const Asked& asked, const resolve::DriverChoice& driver) {
  return asked.goal.user_only && driver.action == resolve::Action::none && !gpus_of(asked).empty() &&
         asked.goal.driver != "none";
}

std::optional<Version> driver_version(const Asked& asked, const resolve::DriverChoice& driver) {
  if (is_left(asked, driver)) return std::nullopt;
  if (driver.version) return Version::parse(*driver.version);
  if (driver.branch) return asked.catalog.branch(*driver.branch)->latest;
  const auto& loaded = asked.machine.driver.loaded;
  return loaded && *loaded ? Version::parse((*loaded)->version) : std::nullopt;
}

bool asks_torch(const goal::EnvGoal& env) {
  return env.extension.has_value() || std::ranges::any_of(env.packages, [](const std::string& package) {
           return package.starts_with("torch");
         });
}

const resolve::WheelChoice* wheel_of(const resolve::EnvChoice& env, std::string_view name) {
  const auto at = std::ranges::find(env.packages, name, &resolve::WheelChoice::name);
  return at == env.packages.end() ? nullptr : &*at;
}

// The row that the chosen three come from.
const catalog::WheelSet* row_of(const Asked& asked, const resolve::EnvChoice& env) {
  const resolve::WheelChoice* torch = wheel_of(env, "torch");
  const resolve::WheelChoice* audio = wheel_of(env, "torchaudio");
  for (const catalog::WheelSet& wheels : asked.catalog.wheels) {
    if (torch == nullptr || wheels.torch.text != torch->version || wheels.variant != torch->variant ||
        wheels.index != torch->index)
      continue;
    // What does not work about a set is its torchaudio.
    if (audio == nullptr ? wheels.works || wheels.torchaudio : wheels.torchaudio == audio->version)
      return &wheels;
  }
  return nullptr;
}

int cuda_of(const catalog::WheelSet& wheels) {
  const auto cuda = catalog::variant_cuda(wheels.variant);
  return cuda ? cuda->major() : 0;
}

bool compiles_for_gpus(const Asked& asked, const catalog::Toolkit& row) {
  return std::ranges::all_of(gpus_of(asked), [&row](const Gpu* gpu) {
    return !gpu->compute || (row.min_compute <= *gpu->compute && *gpu->compute <= row.max_compute);
  });
}

// Whether a toolkit of this CUDA can be had that compiles here; none is here yet.
bool toolkit_of(const Asked& asked, int cuda, const std::optional<Version>& driver) {
  const bool floor = !driver || gpus_of(asked).empty() || *driver >= asked.catalog.floor(cuda)->driver;
  const auto gcc = asked.machine.gcc ? Version::parse(*asked.machine.gcc) : std::nullopt;
  const catalog::Archive* archive = asked.catalog.archive(os_of(asked));
  const bool root = !asked.goal.user_only;
  return std::ranges::any_of(asked.catalog.toolkits, [&](const catalog::Toolkit& row) {
    const bool wanted = asked.goal.toolkit == "auto" || asked.goal.toolkit == row.version.text;
    if (row.version.major() != cuda || !wanted || !floor || !compiles_for_gpus(asked, row)) return false;
    if (root && archive != nullptr && archive->toolkit == row.version && answers(asked, "distro"))
      return true;
    if (gcc && gcc->major() > row.host_gcc_max) return false;
    if (root && asked.catalog.repo(os_of(asked)) != nullptr && answers(asked, "nvidia")) return true;
    return asked.catalog.pypi_toolkit(row.version) != nullptr && answers(asked, "pypi");
  });
}

// Whether every environment of the goal has a set with this driver, those that compile with one toolkit.
bool envs_fit(const Asked& asked, const std::string& python, const std::optional<Version>& driver,
              const std::vector<int>& majors = {11, 12, 13}) {
  const auto fits = [&](const goal::EnvGoal& env, int cuda) {
    return !asks_torch(env) ||
           std::ranges::any_of(asked.catalog.wheels, [&](const catalog::WheelSet& wheels) {
             return (!env.extension || cuda_of(wheels) == cuda) &&
                    set_fits(asked, env, wheels, python, driver);
           });
  };
  const bool compiles = std::ranges::any_of(
      asked.goal.envs, [](const goal::EnvGoal& env) { return env.extension.has_value(); });
  return std::ranges::any_of(compiles ? majors : std::vector{0}, [&](int cuda) {
    return (!compiles || toolkit_of(asked, cuda, driver)) &&
           std::ranges::all_of(asked.goal.envs, [&](const goal::EnvGoal& env) { return fits(env, cuda); });
  });
}

class Judge {
 public:
  Judge(const Asked& asked, const resolve::Choice& choice) : asked_(asked), choice_(choice) {}

  std::vector<std::string> take() {
    driver();
    toolkit();
    python();
    for (std::size_t i = 0; i < asked_.goal.envs.size(); ++i) env(asked_.goal.envs[i], choice_.envs.at(i));
    return std::move(out_);
  }

 private:
  template <typename... A>
  void need(bool holds, fmt::format_string<A...> form, A&&... words) {
    if (!holds) out_.push_back(fmt::format(form, std::forward<A>(words)...));
  }

  void driver() {
    const resolve::DriverChoice& driver = choice_.driver;
    const bool wanted = !gpus_of(asked_).empty() && asked_.goal.driver != "none";
    if (is_left(asked_, driver)) return left_to_root();
    need((driver.action == resolve::Action::none) != wanted,
         "a driver without need, or none where one is needed");
    if (driver.action == resolve::Action::none || !driver.branch || !driver.flavour) return;
    const Option option{.keep = driver.action == resolve::Action::keep,
                        .number = *driver.branch,
                        .version = *driver_version(asked_, driver),
                        .flavour = *driver.flavour,
                        .vendor = driver.source == "nvidia"};
    need(can_be_had(asked_, option), "branch {} cannot be had or does not serve every GPU", option.number);
    if (option.keep) return;
    need(!driver.packages.empty(), "no packages for the driver");
    for (const std::string& name : driver.packages)
      need(!name.starts_with("linux-image") && !name.starts_with("kernel"), "{} is a kernel", name);
    const catalog::Archive* archive = asked_.catalog.archive(os_of(asked_));
    if (!option.vendor)
      need(archive != nullptr && archive->driver && archive->driver->text == driver.version,
           "the archive does not carry {}", driver.version.value_or("?"));
  }

  // Where nobody can have a driver, a user who is not root is told so.
  void left_to_root() {
    need(std::ranges::find(choice_.notices, "driver-left", &resolve::Notice::id) != choice_.notices.end(),
         "a driver is left and nobody is told");
    // A pinned toolkit narrows drivers in ways that only the whole search knows.
    if (Version::parse(asked_.goal.toolkit)) return;
    for (const Option& option : options_of(asked_))
      need(!can_be_had(asked_, option) || !envs_fit(asked_, choice_.python.version, option.version),
           "driver {} is left to root and can be had", option.version.text);
  }

  void toolkit() {
    const resolve::ToolkitChoice& toolkit = choice_.toolkit;
    const std::string& goal = asked_.goal.toolkit;
    compiled();
    if (goal == "none") return need(toolkit.action == resolve::Action::none, "a toolkit that was not wanted");
    if (goal != "auto") need(toolkit.version == goal, "toolkit {} is pinned", goal);
    if (toolkit.action == resolve::Action::none) return;
    const auto version = Version::parse(toolkit.version.value_or(""));
    const catalog::Toolkit* row = version ? asked_.catalog.toolkit(*version) : nullptr;
    if (row == nullptr) return need(false, "toolkit {} has no row", toolkit.version.value_or("?"));
    for (const Gpu* gpu : gpus_of(asked_))
      need(!gpu->compute || (row->min_compute <= *gpu->compute && *gpu->compute <= row->max_compute),
           "toolkit {} does not compile for {}", row->version.text, gpu->name);
    const auto driver = driver_version(asked_, choice_.driver);
    if (driver && !gpus_of(asked_).empty())
      need(*driver >= asked_.catalog.floor(version->major())->driver, "toolkit {} on driver {}",
           row->version.text, driver->text);
    const bool root = toolkit.source == "nvidia" || toolkit.source == "distro";
    need(!root || !asked_.goal.user_only, "a toolkit that needs root");
    if (toolkit.source == "pypi") pypi(*row);
    if (toolkit.source == "nvidia" || toolkit.source == "pypi") {
      need(answers(asked_, *toolkit.source), "a toolkit from a silent place");
      const auto gcc = asked_.machine.gcc ? Version::parse(*asked_.machine.gcc) : std::nullopt;
      need(!gcc || gcc->major() <= row->host_gcc_max, "gcc is too new for toolkit {}", row->version.text);
    }
    if (toolkit.source == "distro") need(answers(asked_, "distro"), "a toolkit from a silent archive");
  }

  // PyTorch compiles with a toolkit of its own CUDA's major alone.
  void compiled() {
    const auto version = Version::parse(choice_.toolkit.version.value_or(""));
    for (std::size_t i = 0; i < asked_.goal.envs.size(); ++i) {
      if (!asked_.goal.envs[i].extension) continue;
      const resolve::WheelChoice* torch = wheel_of(choice_.envs.at(i), "torch");
      if (torch == nullptr || !version) return need(false, "no torch or no toolkit to compile with");
      const auto cuda = catalog::variant_cuda(torch->variant.value_or(""));
      need(cuda && cuda->major() == version->major(), "torch of {} is compiled for with toolkit {}",
           torch->variant.value_or("?"), version->text);
      compiled_for_ = version->major();
    }
  }

  // One that the goal allows, that compiles for the GPUs, and that runs on the driver.
  bool distribution_has_one() const {
    const catalog::Archive* archive = asked_.catalog.archive(os_of(asked_));
    if (archive == nullptr || !archive->toolkit || !answers(asked_, "distro")) return false;
    const catalog::Toolkit* row = asked_.catalog.toolkit(*archive->toolkit);
    if (row == nullptr || (asked_.goal.toolkit != "auto" && asked_.goal.toolkit != row->version.text))
      return false;
    if (compiled_for_ && *compiled_for_ != row->version.major()) return false;
    const auto driver = driver_version(asked_, choice_.driver);
    if (driver && !gpus_of(asked_).empty() && *driver < asked_.catalog.floor(row->version.major())->driver)
      return false;
    return compiles_for_gpus(asked_, *row);
  }

  // nvcc, nvvm and crt of one release, in an environment that the chosen Python makes; the other places had
  // none of this major.
  void pypi(const catalog::Toolkit& row) {
    const resolve::ToolkitChoice& toolkit = choice_.toolkit;
    const std::string pin = "==" + row.version.text + ".";
    for (const std::string_view name : {"cuda-toolkit[nvcc", "nvidia-nvvm==", "nvidia-cuda-crt=="})
      need(std::ranges::any_of(
               toolkit.packages,
               [&](const std::string& text) { return text.starts_with(name) && base::contains(text, pin); }),
           "PyPI's toolkit {} without a pin of {}", row.version.text, name);
    need(base::contains(toolkit.bin, "/python" + choice_.python.version + "/") &&
             !choice_.python.manager.empty() && choice_.python.manager != "system",
         "no Python makes the toolkit's environment");
    const bool vendor = asked_.catalog.repo(os_of(asked_)) != nullptr && answers(asked_, "nvidia");
    need(asked_.goal.user_only || !vendor, "NVIDIA's repository answers and has this toolkit");
    need(asked_.goal.user_only || !distribution_has_one(),
         "the distribution's archive answers and has a toolkit");
  }

  void python() {
    const resolve::PythonChoice& python = choice_.python;
    const bool work = std::ranges::any_of(choice_.envs, [](const resolve::EnvChoice& env) {
      return env.action == resolve::Action::install || env.action == resolve::Action::upgrade;
    });
    if (!work) return;
    const goal::Goal& goal = asked_.goal;
    need(goal.python_version.empty() || goal.python_version == python.version, "Python {} is pinned",
         goal.python_version);
    need(goal.python_manager == "auto" || goal.python_manager == python.manager, "manager {} is pinned",
         goal.python_manager);
    need(python.packages.empty() || answers(asked_, "distro"), "Python's packages from a silent archive");
  }

  void env(const goal::EnvGoal& wanted, const resolve::EnvChoice& env) {
    for (const std::string& package : wanted.packages)
      need(wheel_of(env, name_part(package)) != nullptr, "{} is not in the environment", package);
    if (!asks_torch(wanted)) return;
    const catalog::WheelSet* row = row_of(asked_, env);
    if (row == nullptr) return need(false, "no row has these wheels");
    need(set_fits(asked_, wanted, *row, choice_.python.version, driver_version(asked_, choice_.driver)),
         "torch {} {} does not fit", row->torch.text, row->variant);
    for (const std::string_view name : {"torch", "torchvision", "torchaudio"}) {
      const resolve::WheelChoice* wheel = wheel_of(env, name);
      need(wheel == nullptr || (wheel->variant == row->variant && wheel->index == row->index),
           "{} is of another variant or place", name);
    }
    for (std::string& text : broken_companions(asked_, wanted, env, row->torch.text))
      out_.push_back(std::move(text));
  }

  const Asked& asked_;
  const resolve::Choice& choice_;
  std::optional<int> compiled_for_;  // the CUDA of what is compiled
  std::vector<std::string> out_;
};

void better_driver(const Asked& asked, const resolve::Choice& choice, std::vector<std::string>& out) {
  const resolve::DriverChoice& driver = choice.driver;
  // A pinned toolkit narrows drivers in ways that only the whole search knows.
  if (driver.action == resolve::Action::none || Version::parse(asked.goal.toolkit)) return;
  const Option chosen{.keep = driver.action == resolve::Action::keep,
                      .number = *driver.branch,
                      .version = *driver_version(asked, driver),
                      .flavour = driver.flavour.value_or(Flavour::open),
                      .vendor = driver.source == "nvidia"};
  for (const Option& option : options_of(asked)) {
    if (order(asked, option) < order(asked, chosen) && can_be_had(asked, option) &&
        envs_fit(asked, choice.python.version, option.version))
      out.push_back(fmt::format("driver {} is better than {}", option.version.text, chosen.version.text));
  }
}

// The first environment that compiles decides with which CUDA all do.
bool compiles_before(const Asked& asked, std::size_t index) {
  return std::any_of(asked.goal.envs.begin(), asked.goal.envs.begin() + static_cast<std::ptrdiff_t>(index),
                     [](const goal::EnvGoal& env) { return env.extension.has_value(); });
}

void better_wheels(const Asked& asked, const resolve::Choice& choice, std::size_t index,
                   std::vector<std::string>& out) {
  const goal::EnvGoal& wanted = asked.goal.envs[index];
  const catalog::WheelSet* chosen = row_of(asked, choice.envs[index]);
  if (!asks_torch(wanted) || chosen == nullptr || is_left(asked, choice.driver)) return;
  const bool gpus = !gpus_of(asked).empty();
  const auto place = [&](const catalog::WheelSet& wheels) {
    return std::tuple(
        !gpus && wheels.variant != "cpu",
        wheels.from.known == catalog::Known::inferred || unseen(asked, wanted, wheels.torch.text),
        -wheels.torch.major(), -wheels.torch.minor(), wheels.index != "pypi");
  };
  const auto driver = driver_version(asked, choice.driver);
  const std::string& python = choice.python.version;
  for (const catalog::WheelSet& wheels : asked.catalog.wheels) {
    const bool other = wanted.extension && cuda_of(wheels) != cuda_of(*chosen);
    if (other && (cuda_of(wheels) == 0 || compiles_before(asked, index) ||
                  !envs_fit(asked, python, driver, {cuda_of(wheels)})))
      continue;
    if (place(wheels) < place(*chosen) && set_fits(asked, wanted, wheels, python, driver))
      out.push_back(fmt::format("torch {} {} is better than {} {}", wheels.torch.text, wheels.variant,
                                chosen->torch.text, chosen->variant));
  }
}

}  // namespace

std::vector<std::string> broken_rules(const Asked& asked, const resolve::Choice& choice) {
  return Judge(asked, choice).take();
}

std::vector<std::string> better_ones(const Asked& asked, const resolve::Choice& choice) {
  std::vector<std::string> out;
  better_driver(asked, choice, out);
  for (std::size_t i = 0; i < asked.goal.envs.size(); ++i) better_wheels(asked, choice, i, out);
  return out;
}

}  // namespace bringup::testing_support
