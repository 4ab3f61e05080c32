// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which set of wheels can go into an environment, and which environment that is there does already.

#include <bringup/resolve/driver.hpp>

namespace bringup::resolve {

enum class WheelRule {
  broken,
  torch_pin,
  vision_pin,
  audio_pin,
  no_audio,
  silent,
  others_silent,
  arch,
  cpu_only,
  python,
  glibc,
  driver_floor,
  gpu,
  companion,
  toolkit
};

// How little a rule tells about why a set was not taken: a toolkit for extensions and code for the GPUs
// before what is here, that before what does not work at all, and pins last.
int weight(WheelRule rule);

struct WheelRejection {
  WheelRule rule = WheelRule::broken;
  std::size_t gpu = 0;
};

// What an environment asks for of the three packages that belong together, and what else.
struct Wishes {
  bool torch = false;  // any of the three: the others are built for one torch
  bool torchvision = false;
  bool torchaudio = false;
  std::string torch_pin, torchvision_pin, torchaudio_pin;
  std::vector<const WantedPackage*> others;
  bool extension = false;            // one of them compiles an extension, and that wants torch too
  std::optional<Version> min_cuda;   // of the torch that it is compiled for
  std::optional<int> toolkit_major;  // of the toolkit that compiles it, once that is settled
};
Wishes wishes_of(const WantedEnv& env);

std::optional<WheelRejection> wheel_rejection(const Problem& problem, const DriverCandidate& driver,
                                              std::string_view python, const Wishes& wishes,
                                              const catalog::WheelSet& wheels);
std::string say(const Problem& problem, const DriverCandidate& driver, std::string_view python,
                const Wishes& wishes, const catalog::WheelSet& wheels, const WheelRejection& rejection);
// "torch 2.14.1 (cu130) from PyPI"
std::string wheels_text(const catalog::WheelSet& wheels);

// The best set for these wishes: without GPUs one for the CPU, one that was tried or read before one that was
// inferred, then the newest torch, of one torch what was tried before what was read, then the catalog's order
// (PyPI before the PyTorch index). Null when none fits.
bool preferred(const Problem& problem, const Wishes& wishes, const catalog::WheelSet& a,
               const catalog::WheelSet& b);
const catalog::WheelSet* best_wheels(const Problem& problem, const DriverCandidate& driver,
                                     std::string_view python, const Wishes& wishes);

// What the catalog says of a wanted package beside a torch.
struct Beside {
  const catalog::Companion* row = nullptr;  // the release to take; null: the catalog has no rows for it
  bool works = false;                       // it was tried with this torch; else nobody knows
  std::string breaks;                       // why none can be had beside it; "" when one can
};
Beside beside(const Problem& problem, const Wishes& wishes, const WantedPackage& package,
              const catalog::WheelSet& wheels);

// An environment that is there and does.
struct Kept {
  const facts::PythonEnv* env = nullptr;
  std::vector<std::string> lacking;  // companions that it has not; only when no place answers that has them
  bool unproven = false;             // the catalog does not know whether its torch has code for these GPUs
};

std::string own_path(const Problem& problem, const WantedEnv& env);
// The environment to keep: bringup's own, or another one that has all of it. With `whatever` also a system
// Python and, when no place of wheels answers, one that lacks companions.
std::optional<Kept> env_to_keep(const Problem& problem, const DriverCandidate& driver, const WantedEnv& env,
                                bool whatever);

// True when wheels for this CUDA can run on this driver; nullopt for those without CUDA.
bool floor_ok(const Problem& problem, const DriverCandidate& driver, const std::optional<Version>& cuda);

}  // namespace bringup::resolve
