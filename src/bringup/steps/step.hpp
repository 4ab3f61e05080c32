// SPDX-License-Identifier: Apache-2.0
#pragma once
// What can be done to a machine, as data: each kind of step, and the plan that orders them. How each is done
// is the room apply's business.

#include <bringup/base/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bringup::steps {

// A whole file with this text. An existing file is replaced and comes back with undo.
struct WriteFile {
  std::string path;
  std::string text;
  std::uint32_t mode = 0644;
  bool operator==(const WriteFile&) const = default;
};

// A block of lines between "# >>> bringup NAME >>>" and "# <<< bringup NAME <<<" in a file that belongs to
// somebody else.
struct EditBlock {
  std::string path;
  std::string name;
  std::string text;
  bool operator==(const EditBlock&) const = default;
};

// A file from the network, or from a path. At least one of sha256 and fingerprint is given, and it is kept
// only when that matches.
struct FetchFile {
  std::string url;
  std::string path;
  std::string sha256;       // of the bytes, hexadecimal; "" when a fingerprint is given
  std::string fingerprint;  // OpenPGP v4 fingerprint that the key must have, 40 upper-case hexadecimal
                            // digits; "" when sha256 is given
  std::uint32_t mode = 0644;
  bool operator==(const FetchFile&) const = default;
};

// Packages through the system's own manager. What else would come with them is simulated first: nothing may
// be removed, downgraded or be a kernel, or the step is refused.
struct InstallPackages {
  std::string manager;                // "apt" or "dnf"
  std::vector<std::string> packages;  // "name", "name=version" or "name=version-*"
  std::string dnf_module;             // "nvidia-driver:595-open" to enable before; "" for none
  std::vector<std::string>
      builds_for;            // kernel releases for which DKMS must have built NVIDIA's module afterwards
  std::string sources = {};  // the one file of sources that apt asks; "" for the system's own
  bool operator==(const InstallPackages&) const = default;
};

// Packages out of a repository that comes as one package (NVIDIA's cuda-repo-...-local.deb). It takes room
// while it is used, and none afterwards.
struct InstallFromRepositoryFile {
  std::string path;
  std::string sha256;                 // of the file, hexadecimal
  std::vector<std::string> packages;  // as in InstallPackages
  bool operator==(const InstallFromRepositoryFile&) const = default;
};

// Keeps the system's manager from replacing these packages by itself.
struct HoldPackages {
  std::string manager;
  std::vector<std::string> packages;  // names; for dnf patterns of name and version as well: "*nvidia*580*"
  std::string plugin =
      {};  // the package that dnf needs for it, installed where it is missing; "" for the usual
  bool operator==(const HoldPackages&) const = default;
};

// Loads a kernel module now.
struct LoadModule {
  std::string module;  // "nvidia"
  bool operator==(const LoadModule&) const = default;
};

// A service of systemd's that starts at every boot from now on; `now`: and runs when the step is done.
struct EnableService {
  std::string service;  // "nvidia-fabricmanager"
  bool now = false;
  bool operator==(const EnableService&) const = default;
};

// Asks shim, which Secure Boot starts first, to trust the key that modules built here are signed with.
// Somebody at the console confirms it at the next boot with a code, which is told until then.
struct EnrolKey {
  std::vector<std::string> certificates;  // DER; the first that is there is the one
  bool operator==(const EnrolKey&) const = default;
};

// uv from PyPI in a small venv of its own.
struct InstallUv {
  std::string path;            // the venv; the program is path/bin/uv
  std::string python;          // the interpreter that makes the venv
  std::string version;         // "0.13.8"; "" for the newest
  std::string index_url = {};  // "" for PyPI or what the user's own configuration names
  bool operator==(const InstallUv&) const = default;
};

// Miniconda or Miniforge by its own installer, which is kept only when its bytes have the hash, into a
// directory that was not there before.
struct InstallConda {
  std::string path;        // the prefix
  std::string url;         // of the installer
  std::string sha256;      // of its bytes, hexadecimal
  std::uint64_t size = 0;  // in bytes; 0: not known
  std::string config;      // what is written to path/.condarc
  bool operator==(const InstallConda&) const = default;
};

// An empty Python environment.
struct CreateEnv {
  std::string path;
  std::string tool;          // "uv", "venv" or "conda"
  std::string manager;       // path of uv or conda; "" for venv
  std::string python;        // interpreter path (uv, venv) or version (conda)
  std::string channel = {};  // the one channel that conda takes packages from; "" for those that it has
  bool operator==(const CreateEnv&) const = default;
};

// Packages from one index into an environment, each with its exact version.
struct InstallWheels {
  std::string env;
  std::string tool;                   // "uv" or "pip"
  std::string manager;                // path of uv; "" for the environment's own pip
  std::vector<std::string> packages;  // "torch==2.14.1", or with " --hash=sha256:.." as the lines of a lock
  std::string index_url;              // "" for PyPI or the user's own; "/dir": its wheels, and no index
  std::string find_links = {};        // a flat page of wheels beside the index; "" for none
  std::string asks = {};  // the index whose word on versions and hashes counts; "" for index_url itself
  std::vector<std::string> others =
      {};               // further indexes, for files that index_url does not give, or gives with other bytes
  std::string variant;  // the CUDA variant that torch must have afterwards: "cu130", "cpu"; "" when torch is
                        // not among them
  bool operator==(const InstallWheels&) const = default;
};

// One file of a model from a hub, kept under its name only when its bytes have the hash.
struct FetchModelFile {
  std::string endpoint;   // "https://huggingface.co"; "/dir": its org/name/file, and no hub
  std::string repo;       // "org/name"
  std::string commit;     // 40 hexadecimal digits
  std::string file;       // below the repository and below `directory`
  std::string directory;  // of the model
  std::uint64_t size = 0;
  std::string sha256;   // of the bytes; "" when git_sha is given
  std::string git_sha;  // SHA-1 of git's blob; "" when sha256 is given
  bool operator==(const FetchModelFile&) const = default;
};

// A CUDA extension that a package of an environment compiles when it is imported: compiled once, for these
// GPUs, and kept where the import finds it.
struct BuildExtension {
  std::string env;
  std::string module;     // what is compiled: "exllamav2_ext"
  std::string imports;    // the import that compiles it where it is not there: "exllamav2.ext"
  std::string torch;      // the release that it is compiled against: "2.11.0"
  std::string cuda_home;  // the toolkit: "/usr/local/cuda-13.0"
  std::string compiler;   // of C++: "/usr/bin/g++-12"
  std::vector<std::string> architectures;  // "9.0", of the GPUs here
  int jobs = 1;
  bool operator==(const BuildExtension&) const = default;
};

using Kind = std::variant<WriteFile, EditBlock, FetchFile, InstallPackages, HoldPackages, LoadModule,
                          InstallUv, CreateEnv, InstallWheels, FetchModelFile, EnrolKey,
                          InstallFromRepositoryFile, BuildExtension, EnableService, InstallConda>;

struct Step {
  std::string id;  // unique in its plan, stable between runs: "toolkit-packages"
  Kind kind;
  std::string why;                 // one sentence, for the person who is asked
  std::string changes;             // what will be different: "installs 4 packages"
  std::vector<std::string> needs;  // ids of steps that must be done before
  bool as_user = false;            // done as the plan's user, in the user's own files; otherwise as root
  bool operator==(const Step&) const = default;
};

// Whom the as_user steps are done as.
struct PlanUser {
  std::string name;
  std::string home;
  int uid = 0;
  int gid = 0;
  bool operator==(const PlanUser&) const = default;
};

struct Plan {
  std::string
      machine;  // digest of the facts that the plan was made from; apply refuses when it is another by then
  std::string goal;            // digest of the goal
  std::string goal_file = {};  // where the goal stands, for what is written beside it; "" for none
  std::string made_at;         // ISO 8601, UTC
  PlanUser user;
  std::vector<Step> steps;  // in an order in which they can be done
  bool operator==(const Plan&) const = default;
};

// "write-file", "install-packages", ...: the kind's name in JSON and in the journal.
std::string_view kind_name(const Kind& kind);
// What the step acts on: a path, the packages.
std::string target(const Kind& kind);

// The plan as a JSON text (schema "bringup.plan-file/1"), and back. parse refuses unknown kinds, missing
// keys, unknown needs, repeated ids and needs that point forward, each by name.
std::string to_json(const Plan& plan);
Result<Plan> parse_plan(std::string_view json);
std::string to_json(const Step& step);
Result<Step> parse_step(std::string_view json);

}  // namespace bringup::steps
