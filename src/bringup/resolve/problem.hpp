// SPDX-License-Identifier: Apache-2.0
#pragma once
// The question as one value, each of its demands with a switch, so that the search can be asked again with
// one demand fewer.

#include <bringup/catalog/catalog.hpp>
#include <bringup/facts/machine.hpp>
#include <bringup/goal/goal.hpp>
#include <bringup/resolve/resolve.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::resolve {

using base::Version;

// A GPU that is to be served.
struct Wanted {
  std::string address;
  std::uint16_t device_id = 0;
  std::string name;                   // to show
  const catalog::Gpu* row = nullptr;  // null: the catalog does not know the id
  bool in_nvml = false;               // a loaded driver serves it: seen, which beats any table
  bool active = true;
};

struct WantedPackage {
  std::string name;
  std::string pin;  // "2.10.0"; "" for any
  bool active = true;
};

struct WantedEnv {
  std::string name;
  std::vector<WantedPackage> packages;
  bool own = false;       // as of the goal
  std::string extension;  // a module that one of the packages compiles: "exllamav2_ext"; "" for none
  std::optional<Version> min_cuda;  // of the torch that it is compiled for
};

enum class Place { nvidia, distro, pypi, pytorch, conda, channel };
inline constexpr std::array<Place, 6> kPlaces{Place::nvidia,  Place::distro, Place::pypi,
                                              Place::pytorch, Place::conda,  Place::channel};
std::string_view place_name(Place place);   // "nvidia"
std::string_view place_title(Place place);  // "NVIDIA's repository"

struct Reach {
  bool answers = false;
  std::string why;  // when it does not
};

struct Problem {
  const facts::Machine* machine = nullptr;
  const catalog::Catalog* catalog = nullptr;
  std::string today;
  std::string os;  // "debian-12"
  const catalog::Archive* archive = nullptr;
  const catalog::VendorRepo* repo = nullptr;
  int oldest_listed = 0;  // the oldest and the newest branch that the tables of GPU ids speak of
  int newest_listed = 0;
  std::vector<Wanted> gpus;
  std::string driver, toolkit, python_version, python_manager;  // as in the goal
  std::string prefix;                                           // of environments that are made
  std::string conda;       // where a conda goes that is installed; "" when the goal asks for none
  std::string conda_root;  // of the conda whose environments they are; "" for none
  std::vector<WantedEnv> envs;
  std::array<Reach, kPlaces.size()> reach;
  std::optional<Version> glibc;  // nullopt: not known, or not asked
  std::optional<int> gcc;
  std::vector<int> compilers;  // the major versions of every g++ here, the default one first
  bool user_only = false;      // only what needs no root
  bool driver_left = false;    // a driver that cannot be had is left to root, and is no demand
  const facts::RepositoryFile* repository_file = nullptr;  // the goal takes the toolkit from it
  bool any_os = false;                                     // pretend that every system has rows
  bool any_arch = false;

  bool answers(Place place) const { return reach[static_cast<std::size_t>(place)].answers; }
  const std::string& silence(Place place) const { return reach[static_cast<std::size_t>(place)].why; }
  bool has_gpus() const;
  bool any_extension() const;
  // Whether packages of the system's own can be installed from there.
  bool as_root(Place place) const { return answers(place) && !user_only; }
  bool any_index() const { return answers(Place::pypi) || answers(Place::pytorch); }
};

Problem make_problem(const facts::Machine& machine, const goal::Goal& goal, const catalog::Catalog& catalog,
                     std::string_view today);

// One demand of the problem, by where its switch is.
struct Constraint {
  enum class Kind {
    gpu,
    driver_pin,
    toolkit_pin,
    python_version,
    python_manager,
    package_pin,
    package,
    extension,
    place,
    user_only,
    glibc,
    gcc,
    os,
    arch
  };
  Kind kind = Kind::gpu;
  std::size_t first = 0;   // GPU, environment or place
  std::size_t second = 0;  // package of the environment
};

// Every demand that is switched on, those that are the easiest to give up first.
std::vector<Constraint> constraints_of(const Problem& problem);
// The same problem with the demand switched off.
Problem without(Problem problem, const Constraint& constraint);
// Of a GPU: with all that are the same product switched off, since one of several moved away helps nobody.
Problem without_kind(Problem problem, const Constraint& constraint);
std::size_t others_like(const Problem& problem, const Constraint& constraint);  // 0 for what is no GPU
std::string what_of(const Problem& problem,
                    const Constraint& constraint);  // "GPU 0000:01:00.0 Tesla V100 (7.0)"
std::string change_of(const Problem& problem,
                      const Constraint& constraint);  // what the user could do about it

std::string gpu_text(const Wanted& gpu);
// "3.11.2" -> "3.11"
std::string major_minor(std::string_view version);
std::string major_minor(const Version& version);
// True when the version is the one that is pinned, or nothing is ("" or "2.10.0" against "2.10.0+cu128");
// what stands behind '+' is not looked at, and "2.10.0rc1" is another version than "2.10.0".
bool same_version(std::string_view pin, std::string_view version);
// ISO dates and months compare as text once a month stands for its last day.
bool past(const std::optional<std::string>& date, std::string_view today);

}  // namespace bringup::resolve
