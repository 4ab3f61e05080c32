// SPDX-License-Identifier: Apache-2.0
#pragma once
// One row for the whole chain (driver, kernel module, toolkit, Python, wheels) with its reasons; or the
// smallest set that cannot be.

#include <bringup/catalog/catalog.hpp>
#include <bringup/facts/machine.hpp>
#include <bringup/goal/goal.hpp>

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace bringup::resolve {

enum class Action { keep, install, upgrade, none };

struct DriverChoice {
  Action action = Action::none;
  std::optional<int> branch;
  std::optional<std::string> version;  // exact where it is known (keep, distribution), else nullopt
  std::optional<facts::Flavour> flavour;
  std::optional<std::string> source;  // "nvidia", "distro", "keep"
  std::vector<std::string> packages;  // to install, without headers
  std::vector<std::string> pins;      // to install before those, so that they stay in the branch
  std::vector<std::string> locks;     // patterns that dnf is to lock before those, for the same
  std::string lock_plugin;            // the package that lets dnf hold and lock; "" where none is needed
  std::vector<std::string> headers;   // header packages for the kernels in `kernels`
  std::vector<std::string> kernels;  // releases that need a module: the running one and the newest that boots
  std::string dnf_module;
  std::vector<std::string> enrol;  // certificates; under Secure Boot the first that is there is to be trusted
  std::vector<std::string> hold;   // packages to hold, when policy.kernel = "hold" and for the driver
  bool operator==(const DriverChoice&) const = default;
};

struct ToolkitChoice {
  Action action = Action::none;
  std::optional<std::string> version;  // "13.0"
  std::optional<std::string> source;   // "nvidia", "distro", "pypi", "file", "keep"
  std::vector<std::string> packages;
  std::string bin;  // directory of nvcc that belongs on PATH; "" when it is /usr/bin already or there is none
  std::string env;  // of PyPI's, which is installed: the environment that is made for it
  bool operator==(const ToolkitChoice&) const = default;
};

struct PythonChoice {
  std::string manager;       // "uv", "venv", "miniconda", "miniforge", "conda" (an existing one), "system"
  std::string manager_path;  // of an existing uv or conda; "" when it is to be installed
  std::string version;       // "3.11"
  std::string interpreter;   // path of the Python to use; "" when the manager brings it
  std::string
      helper;  // path of another Python that makes uv's own environment, when uv then brings the wanted one
  std::vector<std::string> packages;  // distribution packages needed first: "python3", "python3-venv"
  std::string conda = {};             // where "miniconda" or "miniforge" is to be installed
  bool operator==(const PythonChoice&) const = default;
};

struct WheelChoice {
  std::string name;                    // "torch"
  std::string version;                 // "2.14.1"
  std::optional<std::string> variant;  // "cu130", "cpu"; nullopt for packages without one
  std::optional<std::string> index;    // "pypi", "pytorch", "bundle"; nullopt when it is kept
  bool operator==(const WheelChoice&) const = default;
};

struct EnvChoice {
  std::string name;
  std::string path;                 // prefix of the environment
  Action action = Action::install;  // keep: an environment that is there does
  std::vector<WheelChoice> packages;
  bool operator==(const EnvChoice&) const = default;
};

struct Reason {
  std::string about;   // "driver", "toolkit", "python", "torch", "source:nvidia"
  std::string text;    // one sentence
  std::string source;  // the catalog's source, or "this machine: /etc/os-release" and the like
  catalog::Known known = catalog::Known::read;
  bool operator==(const Reason&) const = default;
};

// Something the user should know about the choice: end of life, a fallback, a missing companion.
struct Notice {
  std::string id;  // "driver-end-of-life"
  std::string text;
  bool operator==(const Notice&) const = default;
};

struct Choice {
  DriverChoice driver;
  ToolkitChoice toolkit;
  PythonChoice python;
  std::vector<EnvChoice> envs;
  std::vector<Reason> reasons;
  std::vector<Notice> notices;
  bool needs_component = false;  // the archive's component (non-free) must be enabled for what is chosen
  bool operator==(const Choice&) const = default;
};

struct ConflictMember {
  std::string what;  // "GPU 0000:01:00.0 Tesla V100 (7.0)"
  std::string why;   // "no driver after branch 580 serves Volta"
  bool operator==(const ConflictMember&) const = default;
};

struct Conflict {
  std::vector<ConflictMember> set;        // cannot be true together; each member is needed for that
  std::vector<std::string> could_change;  // what would make a choice possible
  std::vector<Reason> reasons;
  bool operator==(const Conflict&) const = default;
};

using Resolution = std::variant<Choice, Conflict>;

// Pure: the same answer on every run. `today` ("2026-11-23") decides what is past its end of life.
Resolution resolve(const facts::Machine& machine, const goal::Goal& goal, const catalog::Catalog& catalog,
                   std::string_view today);

// "debian-12", "ubuntu-24.04", "rhel-9": the key of the catalog's rows. RHEL's rebuilds (rocky, almalinux,
// centos) are "rhel-<major>".
std::string os_key(const facts::Os& os);

std::string_view action_name(Action action);  // "keep"

}  // namespace bringup::resolve
