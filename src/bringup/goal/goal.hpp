// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is wanted: bringup.toml and --for, read into plain values. Every complaint has its line and the
// nearest right key.

#include <bringup/base/result.hpp>
#include <bringup/catalog/catalog.hpp>
#include <bringup/facts/machine.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::goal {

// A CUDA extension that a package of an environment compiles.
struct ExtensionGoal {
  std::string module;                          // "exllamav2_ext"
  std::string imports;                         // "exllamav2.ext"
  std::optional<base::Version> min_cuda = {};  // of the torch that it is compiled for; nullopt: any
  bool operator==(const ExtensionGoal&) const = default;
};

struct EnvGoal {
  std::string name = "dl";
  std::vector<std::string> packages{"torch", "torchvision", "torchaudio"};  // pins allowed: "torch==2.10.0"
  bool own = false;  // no other environment may stand in for it, and it for none: a stack's
  std::optional<ExtensionGoal> extension = {};
  bool operator==(const EnvGoal&) const = default;
};

// A stack of the catalog, in an environment of its own.
struct StackGoal {
  std::string name;
  std::string model;  // a hub's "org/name", or a directory; "" for none
  std::string where;  // of the goal's line, for complaints: "bringup.toml:3"
  bool operator==(const StackGoal& other) const { return name == other.name && model == other.model; }
};

// A model of a hub that is to be here, whatever uses it.
struct ModelGoal {
  std::string name;       // "org/name"
  std::string layout;     // "safetensors" or "original"; "" for both
  std::string directory;  // "" for its name below the prefix
  std::string where;      // of the goal's line, for complaints
  bool operator==(const ModelGoal& other) const {
    return name == other.name && layout == other.layout && directory == other.directory;
  }
};

// A mirror of one's own: what it is of ("conda", "cuda", "huggingface", "miniforge", "pypi", "pytorch"), and
// where.
struct MirrorUrl {
  std::string what;
  std::string url;
  bool operator==(const MirrorUrl&) const = default;
};

struct Goal {
  std::string driver = "auto";           // "auto", "none" or a branch: "580"
  std::string toolkit = "auto";          // "auto", "none" or a version: "13.0"
  std::string toolkit_file;              // a repository as one package, to take it from; "" for none
  std::string python_manager = "auto";   // "auto", "miniconda", "miniforge", "uv", "venv"
  std::string channels = "conda-forge";  // of a conda: "conda-forge" or "defaults", which are Anaconda's
  std::string python_version;            // "3.11"; "" when not asked for, and then 3.11 is preferred
  std::string python_prefix;  // where managers and environments go; "" for the default in the user's home
  std::vector<EnvGoal> envs{EnvGoal{}};
  std::vector<StackGoal> stacks;
  std::vector<ModelGoal> models;
  std::string kernel = "hold";  // "hold" or "free"
  std::string reboot = "ask";   // "ask", "auto", "never"
  std::string remove = "never";
  bool ld_library_path = false;  // [shell] ld_library_path
  std::string mirrors = "none";  // "none", "auto" or a profile: "tuna"; "" when mirror_urls says it
  std::vector<MirrorUrl> mirror_urls;
  bool user_only = false;  // --user-only, and no key of the file: what root would have to do is left
  bool operator==(const Goal&) const = default;
};

// Reads a goal file; `name` stands in the errors: "bringup.toml:4: unknown key 'tolkit' (did you mean
// 'toolkit'?)". Which stacks there are is not known here.
Result<Goal> parse_goal(std::string_view text, std::string_view name);

// The goal in words for a digest: equal goals give equal texts.
std::string canonical(const Goal& goal);

// "4x RTX 4090", "2xH200", "8xH200", "V100 SXM2 32GB + RTX 4090", "10de:2b85": the GPUs of a shape as PCI
// functions of a machine that is not here.
Result<std::vector<facts::PciFunction>> parse_shape(std::string_view shape, const catalog::Catalog& catalog);

// A file that describes hardware which is not here (the design's form for --for FILE): a whole machine.
Result<facts::Machine> parse_hardware(std::string_view text, std::string_view name,
                                      const catalog::Catalog& catalog);

}  // namespace bringup::goal
