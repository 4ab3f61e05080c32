// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/resolve/toolkit.hpp>
#include <bringup/resolve/wheels.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::resolve {
namespace {

using catalog::Known;
using catalog::WheelSet;

// A pin may name the variant as well: "2.10.0+cu126".
bool variant_ok(const std::string& pin, std::string_view variant) {
  const std::size_t plus = pin.find('+');
  return plus == std::string::npos || pin.substr(plus + 1) == variant;
}

Place place_of(const WheelSet& wheels) {
  return wheels.index == "pypi" ? Place::pypi : Place::pytorch;
}

std::optional<WheelRule> wish_rule(const Wishes& wishes, const WheelSet& wheels) {
  if (!same_version(wishes.torch_pin, wheels.torch.text) || !variant_ok(wishes.torch_pin, wheels.variant))
    return WheelRule::torch_pin;
  if (wishes.torchvision && (!same_version(wishes.torchvision_pin, wheels.torchvision) ||
                             !variant_ok(wishes.torchvision_pin, wheels.variant)))
    return WheelRule::vision_pin;
  if (!wishes.torchaudio) return std::nullopt;
  if (!wheels.torchaudio) return WheelRule::no_audio;
  if (!same_version(wishes.torchaudio_pin, *wheels.torchaudio) ||
      !variant_ok(wishes.torchaudio_pin, wheels.variant))
    return WheelRule::audio_pin;
  return std::nullopt;
}

// What of the environment's other wishes a companion does not work beside.
const WantedPackage* refused_by(const catalog::Companion& row, const Wishes& wishes) {
  for (const std::string& text : row.refuses) {
    const catalog::Requirement one = catalog::requirement_of(text);
    for (const WantedPackage* other : wishes.others) {
      if (other->name == one.package && (one.relation.empty() || catalog::speaks_of(one, other->pin)))
        return other;
    }
  }
  return nullptr;
}

bool holds(const std::vector<std::string>& list, const std::string& text) {
  return std::ranges::find(list, text) != list.end();
}

bool companions_ok(const Problem& problem, const Wishes& wishes, const WheelSet& wheels) {
  return std::ranges::all_of(wishes.others, [&](const WantedPackage* package) {
    return beside(problem, wishes, *package, wheels).breaks.empty();
  });
}

// A companion that nobody has seen beside this torch makes the whole set one that nobody has seen.
bool companions_unseen(const Problem& problem, const Wishes& wishes, const WheelSet& wheels) {
  return std::ranges::any_of(wishes.others, [&](const WantedPackage* package) {
    const Beside one = beside(problem, wishes, *package, wheels);
    return one.row != nullptr && !one.works;
  });
}

// What "works = false" says of a set is about its companions: without the one that breaks, a row of its own
// serves.
bool broken(const Wishes& wishes, const WheelSet& wheels) {
  return !wheels.works && (wishes.torchaudio || !wheels.torchaudio);
}

// Whether what an extension of the environment takes can be had for this torch.
bool compiles(const Problem& problem, const DriverCandidate& driver, const Wishes& wishes,
              const WheelSet& wheels) {
  if (!wishes.extension) return true;
  if (wishes.min_cuda && *wheels.cuda < *wishes.min_cuda) return false;
  return wishes.toolkit_major ? wheels.cuda->major() == *wishes.toolkit_major
                              : compiles_for(problem, driver, wheels.cuda->major(), true);
}

}  // namespace

int weight(WheelRule rule) {
  switch (rule) {
    case WheelRule::toolkit:
      return 0;
    case WheelRule::gpu:
      return 1;
    case WheelRule::driver_floor:
    case WheelRule::glibc:
    case WheelRule::arch:
      return 2;
    case WheelRule::python:
      return 3;
    case WheelRule::broken:
    case WheelRule::no_audio:
    case WheelRule::companion:
      return 4;
    default:
      return 5;
  }
}

Wishes wishes_of(const WantedEnv& env) {
  Wishes out;
  for (const WantedPackage& package : env.packages) {
    if (!package.active) continue;
    if (package.name == "torch")
      out.torch_pin = package.pin;
    else if (package.name == "torchvision")
      out.torchvision_pin = package.pin;
    else if (package.name == "torchaudio")
      out.torchaudio_pin = package.pin;
    else {
      out.others.push_back(&package);
      continue;
    }
    out.torch = true;
    out.torchvision = out.torchvision || package.name == "torchvision";
    out.torchaudio = out.torchaudio || package.name == "torchaudio";
  }
  out.extension = !env.extension.empty();
  if (out.extension) out.min_cuda = env.min_cuda;
  out.torch = out.torch || out.extension;
  return out;
}

Beside beside(const Problem& problem, const Wishes& wishes, const WantedPackage& package,
              const WheelSet& wheels) {
  Beside out;
  for (const catalog::Companion& row : problem.catalog->companions) {
    if (row.package != package.name || !same_version(package.pin, row.version)) continue;
    if (const WantedPackage* other = refused_by(row, wishes)) {
      out.breaks = fmt::format("{} {} does not work beside {}{}: {}", row.package, row.version, other->name,
                               other->pin.empty() ? "" : " " + other->pin, row.note);
      continue;
    }
    if (holds(row.breaks_with, wheels.torch.text)) {
      out.breaks = fmt::format("{} {} does not work beside torch {}: {}", row.package, row.version,
                               wheels.torch.text, row.note);
      continue;
    }
    const bool works = holds(row.works_with, wheels.torch.text);
    if (out.row == nullptr || (works && !out.works)) {
      out.row = &row;
      out.works = works;
    }
  }
  if (out.row != nullptr) out.breaks.clear();
  return out;
}

bool floor_ok(const Problem& problem, const DriverCandidate& driver, const std::optional<Version>& cuda) {
  if (!cuda || !problem.has_gpus() || driver.version.parts.empty()) return true;
  const catalog::CudaFloor* floor = problem.catalog->floor(cuda->major());
  return floor != nullptr && driver.version >= floor->driver;
}

std::optional<WheelRejection> wheel_rejection(const Problem& problem, const DriverCandidate& driver,
                                              std::string_view python, const Wishes& wishes,
                                              const WheelSet& wheels) {
  if (broken(wishes, wheels)) return WheelRejection{.rule = WheelRule::broken};
  if (const auto rule = wish_rule(wishes, wheels)) return WheelRejection{.rule = *rule};
  if (!problem.answers(place_of(wheels))) return WheelRejection{.rule = WheelRule::silent};
  if (!wishes.others.empty() && !problem.answers(Place::pypi))
    return WheelRejection{.rule = WheelRule::others_silent};
  if (!problem.any_arch && problem.machine->arch != "x86_64") return WheelRejection{.rule = WheelRule::arch};
  if ((problem.has_gpus() || wishes.extension) && !wheels.cuda)
    return WheelRejection{.rule = WheelRule::cpu_only};
  if (std::ranges::find(wheels.pythons, python) == wheels.pythons.end())
    return WheelRejection{.rule = WheelRule::python};
  if (problem.glibc && *problem.glibc < wheels.glibc) return WheelRejection{.rule = WheelRule::glibc};
  if (!floor_ok(problem, driver, wheels.cuda)) return WheelRejection{.rule = WheelRule::driver_floor};
  for (std::size_t i = 0; i < problem.gpus.size(); ++i) {
    const Wanted& gpu = problem.gpus[i];
    if (gpu.active &&
        (gpu.row == nullptr || !gpu.row->compute || !catalog::covers(wheels, *gpu.row->compute)))
      return WheelRejection{.rule = WheelRule::gpu, .gpu = i};
  }
  if (!companions_ok(problem, wishes, wheels)) return WheelRejection{.rule = WheelRule::companion};
  if (!compiles(problem, driver, wishes, wheels)) return WheelRejection{.rule = WheelRule::toolkit};
  return std::nullopt;
}

std::string wheels_text(const WheelSet& wheels) {
  return fmt::format("torch {} ({}) from {}", wheels.torch.text, wheels.variant,
                     place_title(place_of(wheels)));
}

namespace {
std::string gpu_say(const Wanted& gpu, const std::string& set) {
  if (gpu.row == nullptr || !gpu.row->compute)
    return fmt::format("{}: its compute capability is not known, and which code runs on it is not guessed",
                       gpu_text(gpu));
  return fmt::format("{}: {} has no code for it", gpu_text(gpu), set);
}
}  // namespace

std::string say(const Problem& problem, const DriverCandidate& driver, std::string_view python,
                const Wishes& wishes, const WheelSet& wheels, const WheelRejection& rejection) {
  const std::string set = wheels_text(wheels);
  switch (rejection.rule) {
    case WheelRule::broken:
      return fmt::format("{} does not work: {}", set, wheels.note);
    case WheelRule::torch_pin:
      return fmt::format("the goal pins torch to {}, and this is {}", wishes.torch_pin, set);
    case WheelRule::vision_pin:
      return fmt::format("the goal pins torchvision to {}, and {} goes with {}", wishes.torchvision_pin, set,
                         wheels.torchvision);
    case WheelRule::audio_pin:
      return fmt::format("the goal pins torchaudio to {}, and {} goes with {}", wishes.torchaudio_pin, set,
                         *wheels.torchaudio);
    case WheelRule::no_audio:
      return fmt::format("no torchaudio works with {}", set);
    case WheelRule::silent:
      return fmt::format("{} does not answer: {}", place_title(place_of(wheels)),
                         problem.silence(place_of(wheels)));
    case WheelRule::others_silent:
      return fmt::format("{} comes from PyPI, which does not answer: {}", wishes.others.front()->name,
                         problem.silence(Place::pypi));
    case WheelRule::arch:
      return fmt::format(
          "the catalog has wheels for x86_64 only, and this machine is {}",
          problem.machine->arch.empty() ? "of an unknown architecture" : problem.machine->arch);
    case WheelRule::cpu_only:
      return fmt::format("{} runs on the CPU only", set);
    case WheelRule::python:
      return fmt::format("{} has no wheel for Python {}", set, python);
    case WheelRule::glibc:
      return fmt::format("{} needs glibc {} or later, and here is {}", set, wheels.glibc.text,
                         problem.glibc->text);
    case WheelRule::driver_floor: {
      const catalog::CudaFloor* floor = problem.catalog->floor(wheels.cuda->major());
      return fmt::format("{} needs driver {} or later, and this is {}", set,
                         floor == nullptr ? "of an unknown version" : floor->driver.text,
                         driver_text(driver));
    }
    case WheelRule::companion:
      for (const WantedPackage* package : wishes.others) {
        if (std::string text = beside(problem, wishes, *package, wheels).breaks; !text.empty()) return text;
      }
      return "";
    case WheelRule::toolkit:
      if (wishes.min_cuda && *wheels.cuda < *wishes.min_cuda)
        return fmt::format("its extension is for CUDA {} and later, and this is {}",
                           major_minor(*wishes.min_cuda), set);
      return fmt::format("{} compiles extensions with a toolkit of CUDA {} alone: {}", set,
                         wheels.cuda->major(), no_toolkit_for(problem, wheels.cuda->major()));
    case WheelRule::gpu:
      return gpu_say(problem.gpus[rejection.gpu], set);
  }
  return "";
}

bool preferred(const Problem& problem, const Wishes& wishes, const WheelSet& a, const WheelSet& b) {
  const auto rank = [&](const WheelSet& set) {
    return std::pair(!problem.has_gpus() && set.variant != "cpu",
                     set.from.known == Known::inferred || companions_unseen(problem, wishes, set));
  };
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  const bool tried = a.from.known == Known::tried;
  if (a.torch == b.torch && tried != (b.from.known == Known::tried)) return tried;
  return &a < &b;  // the catalog's order is the order of preference within one rank
}

const WheelSet* best_wheels(const Problem& problem, const DriverCandidate& driver, std::string_view python,
                            const Wishes& wishes) {
  const WheelSet* best = nullptr;
  for (const WheelSet& set : problem.catalog->wheels) {
    if ((best == nullptr || preferred(problem, wishes, set, *best)) &&
        !wheel_rejection(problem, driver, python, wishes, set))
      best = &set;
  }
  return best;
}

}  // namespace bringup::resolve
