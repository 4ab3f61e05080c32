// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/probe/internal.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::probe {
namespace {

// What GPU programs and their installers are made of; a name that ends in "-" stands for all that begin so.
constexpr std::array<std::string_view, 34> kPackages{
    "torch",        "torch-",      "torchvision",     "torchaudio",   "torchao",    "torchtune",  "torchdata",
    "torchcodec",   "triton",      "triton-",         "numpy",        "pyarrow",    "nvidia-",    "cuda-",
    "cupy-",        "jax",         "jaxlib",          "exllamav2",    "exllamav3",  "flash-attn", "xformers",
    "bitsandbytes", "vllm",        "deepspeed",       "transformers", "tokenizers", "accelerate", "trl",
    "peft",         "safetensors", "huggingface-hub", "datasets",     "uv",         "pip"};

using Names = std::vector<std::string>;

constexpr int kOldestMinor = 4;
constexpr int kNewestMinor = 29;

bool of_interest(std::string_view name, const Names& wanted) {
  return std::ranges::find(wanted, name) != wanted.end() ||
         std::ranges::any_of(kPackages, [name](std::string_view one) {
           return one.ends_with('-') ? name.starts_with(one) : name == one;
         });
}

std::string normalised(std::string_view name) {
  std::string out = base::lower(name);
  for (char& c : out) c = c == '_' || c == '.' ? '-' : c;
  return out;
}

// torch, torchvision and torchaudio tell the full version with the CUDA variant in their version.py; the
// dist-info leaves it out.
void refine(const host::View& view, const std::string& site, facts::PythonEnv& env) {
  for (facts::PythonPackage& package : env.packages) {
    if (package.name != "torch" && package.name != "torchvision" && package.name != "torchaudio") continue;
    const auto text = view.read(site + "/" + package.name + "/version.py");
    const auto version = text ? parse_torch_version(*text) : std::nullopt;
    if (version) package.version = *version;
    if (package.name != "torch") continue;
    env.torch = package.version;
    env.variant = variant_of(package.version);
    if (!env.variant && text) env.variant = parse_torch_cuda(*text);
  }
}

// "Requests[socks]>=2" -> "requests"
Names names_of(const std::vector<std::string>& requirements) {
  Names out;
  for (const std::string& one : requirements)
    out.push_back(normalised(one.substr(0, one.find_first_of("=<>!~[; "))));
  return out;
}

// What bringup noted beside a CUDA extension that it compiled: "torch 2.11.0", "architectures 9.0 8.6".
void read_built(const host::View& view, facts::PythonEnv& env) {
  constexpr std::string_view kNote = ".built-by-bringup";
  const auto names = view.list(env.site_packages);
  if (!names) return;
  for (const std::string& name : *names) {
    if (!name.ends_with(kNote)) continue;
    facts::BuiltExtension built{.module = name.substr(0, name.size() - kNote.size())};
    const auto text = view.read(env.site_packages + "/" + name);
    if (!text || !view.exists(fmt::format("{}/{}.so", env.site_packages, built.module))) continue;
    for (const std::string_view line : base::lines(*text)) {
      const auto words = base::words(line);
      if (words.size() == 2 && words[0] == "torch") built.torch = std::string(words[1]);
      if (words.size() > 1 && words[0] == "architectures")
        built.architectures.assign(words.begin() + 1, words.end());
    }
    env.built.push_back(std::move(built));
  }
}

// <prefix>/lib/python3.11/site-packages, the newest when there are several.
std::string site_of(const host::View& view, const std::string& prefix) {
  const auto names = view.list(prefix + "/lib");
  std::string best;
  if (!names) return best;
  for (const std::string& name : *names) {
    if (!name.starts_with("python3.") || !view.exists(prefix + "/lib/" + name + "/site-packages")) continue;
    if (best.empty() || std::is_lt(base::compare_releases(best, name))) best = name;
  }
  return best.empty() ? "" : prefix + "/lib/" + best + "/site-packages";
}

std::string value_in(std::string_view text, std::string_view key) {
  for (const std::string_view line : base::lines(text)) {
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos && base::trim(line.substr(0, equals)) == key)
      return std::string(base::trim(line.substr(equals + 1)));
  }
  return "";
}

std::string version_from_site(std::string_view site) {
  const std::size_t at = site.find("/python3.");
  return at == std::string_view::npos ? ""
                                      : std::string(site.substr(at + 7, site.find('/', at + 1) - at - 7));
}

// A venv has pyvenv.cfg, a conda environment conda-meta/.
std::optional<facts::PythonEnv> read_env(const host::View& view, const std::string& prefix,
                                         const Names& wanted) {
  const auto config = view.read(prefix + "/pyvenv.cfg");
  const bool conda = !config && view.exists(prefix + "/conda-meta");
  if (!config && !conda) return std::nullopt;
  facts::PythonEnv env{.path = prefix, .python = prefix + "/bin/python"};
  env.site_packages = site_of(view, prefix);
  if (env.site_packages.empty()) return std::nullopt;
  env.kind = conda ? "conda" : value_in(*config, "uv").empty() ? "venv" : "uv";
  env.version = config ? value_in(*config, "version") : "";
  if (env.version.empty() && config) env.version = value_in(*config, "version_info");
  if (env.version.empty()) env.version = version_from_site(env.site_packages);
  read_packages_of(view, wanted, env);
  read_built(view, env);
  return env;
}

class Finder {
 public:
  Finder(const host::View& view, const std::vector<std::string>& packages, facts::Machine& machine)
      : view_(view), wanted_(names_of(packages)), machine_(machine) {}

  void env(const std::string& prefix) {
    if (std::ranges::any_of(machine_.envs, [&prefix](const auto& one) { return one.path == prefix; })) return;
    if (auto found = read_env(view_, prefix, wanted_)) machine_.envs.push_back(std::move(*found));
  }
  void envs_in(const std::string& directory) {
    const auto names = view_.list(directory);
    if (!names) return;
    for (const std::string& name : *names) env(directory + "/" + name);
  }
  // One level below: ~/project/.venv, /opt/torch/.venv
  void projects_in(const std::string& directory) {
    const auto names = view_.list(directory);
    if (!names) return;
    for (const std::string& name : *names) {
      if (name.starts_with(".") || name == "proc" || name == "sys") continue;
      for (const char* inner : {"", "/.venv", "/venv", "/env"}) {
        if (view_.exists(directory + "/" + name + inner + "/pyvenv.cfg")) env(directory + "/" + name + inner);
      }
    }
  }
  void conda(const std::string& prefix) {
    if (!view_.exists(prefix + "/conda-meta") || is_half_made(prefix)) return;
    const std::string last = prefix.substr(prefix.find_last_of('/') + 1);
    const std::string kind = base::contains(last, "miniforge") || base::contains(last, "mambaforge")
                                 ? "miniforge"
                             : base::contains(last, "miniconda") ? "miniconda"
                                                                 : "conda";
    std::string version;
    if (const auto names = view_.list(prefix + "/conda-meta")) {
      for (const std::string& name : *names) {
        const auto found = name.starts_with("conda-") ? base::Version::parse(std::string_view(name).substr(6))
                                                      : std::nullopt;
        if (found && view_.exists(prefix + "/conda-meta/" + name))
          version = fmt::format("{}", fmt::join(found->parts, "."));
      }
    }
    machine_.managers.push_back({.kind = kind, .path = prefix + "/bin/conda", .version = version});
    env(prefix);
    envs_in(prefix + "/envs");
  }
  void manager(const std::string& kind, const std::string& path) {
    if (view_.exists(path)) machine_.managers.push_back({.kind = kind, .path = path, .version = ""});
  }
  // A uv that lies in an environment, as the one that we install does, has its version beside it.
  void uv(const std::string& path) {
    manager("uv", path);
    if (machine_.managers.empty() || machine_.managers.back().path != path || !path.ends_with("/bin/uv"))
      return;
    const auto env = read_env(view_, path.substr(0, path.size() - 7), wanted_);
    if (!env) return;
    const auto package = std::ranges::find(env->packages, "uv", &facts::PythonPackage::name);
    if (package != env->packages.end()) machine_.managers.back().version = package->version;
  }

 private:
  // An installer that bringup runs lies beside what it makes until it has ended well.
  bool is_half_made(const std::string& prefix) const {
    const std::size_t slash = prefix.find_last_of('/');
    const auto names = view_.list(prefix.substr(0, slash));
    return names && std::ranges::any_of(*names, [&](const std::string& name) {
             return name.starts_with("." + prefix.substr(slash + 1) + "-") && name.ends_with(".sh");
           });
  }

  const host::View& view_;
  Names wanted_;
  facts::Machine& machine_;
};

// "3.11.2" of the package python3.11, when the system's manager put it there; else what its name says.
std::string interpreter_version(const facts::Machine& machine, const std::string& name) {
  if (machine.packages.list) {
    const auto package = std::ranges::find(*machine.packages.list, name, &facts::Package::name);
    const auto version =
        package == machine.packages.list->end() ? std::nullopt : base::Version::parse(package->version);
    if (version && version->parts.size() >= 3) return fmt::format("{}", fmt::join(version->parts, "."));
  }
  return name.substr(6);
}

void read_interpreters_in(const host::View& view, const std::string& root, facts::Machine& machine) {
  // Asked for by name: /usr/bin has thousands of others.
  for (int minor = kOldestMinor; minor <= kNewestMinor; ++minor) {
    const std::string name = fmt::format("python3.{}", minor);
    const std::string path = root + "/bin/" + name;
    if (!view.exists(path)) continue;
    const auto has = [&view, &root, &name](const char* module) {
      return view.exists(root + "/lib/" + name + "/" + module) ||
             view.exists(root + "/lib64/" + name + "/" + module);
    };
    const bool packaged = root == "/usr";
    machine.pythons.push_back({.path = path,
                               .version = packaged ? interpreter_version(machine, name) : name.substr(6),
                               .venv = has("venv") && has("ensurepip"),
                               .headers = view.exists(fmt::format("{}/include/{}/Python.h", root, name))});
  }
}

void read_interpreters(const host::View& view, const std::string& home, facts::Machine& machine) {
  read_interpreters_in(view, "/usr", machine);
  read_interpreters_in(view, "/usr/local", machine);
  if (const auto versions = view.list(home + "/.pyenv/versions")) {
    for (const std::string& version : *versions) {
      const std::string path = home + "/.pyenv/versions/" + version + "/bin/python3";
      if (base::Version::parse(version) && view.exists(path))
        machine.pythons.push_back({.path = path, .version = version, .venv = true});
    }
  }
}

// The system's own Python, when PyTorch was put into it.
void read_system_python(const host::View& view, const std::vector<std::string>& packages,
                        facts::Machine& machine) {
  for (const facts::PythonInterpreter& python : machine.pythons) {
    if (!python.path.starts_with("/usr/")) continue;
    const std::string name = python.path.substr(python.path.find_last_of('/') + 1);
    const std::string prefix = python.path.starts_with("/usr/local") ? "/usr/local" : "/usr";
    for (const std::string& site :
         {"/usr/local/lib/" + name + "/dist-packages", prefix + "/lib/" + name + "/site-packages",
          prefix + "/lib64/" + name + "/site-packages", std::string("/usr/lib/python3/dist-packages"),
          machine.user.home + "/.local/lib/" + name + "/site-packages"}) {
      if (!view.exists(site + "/torch")) continue;
      facts::PythonEnv env{.path = prefix,
                           .python = python.path,
                           .version = python.version,
                           .kind = "system",
                           .site_packages = site};
      read_packages_of(view, names_of(packages), env);
      if (env.torch) machine.envs.push_back(std::move(env));
    }
  }
}

}  // namespace

void read_packages_of(const host::View& view, const std::vector<std::string>& wanted, facts::PythonEnv& env) {
  const auto names = view.list(env.site_packages);
  if (!names) return;
  for (const std::string& name : *names) {
    if (!name.ends_with(".dist-info")) continue;
    facts::PythonPackage package = parse_dist_info(name);
    if (of_interest(package.name, wanted) && view.exists(env.site_packages + "/" + name))
      env.packages.push_back(std::move(package));
  }
  refine(view, env.site_packages, env);
}

std::optional<std::string> parse_torch_version(std::string_view version_py) {
  for (const std::string_view line : base::lines(version_py)) {
    if (!line.starts_with("__version__")) continue;
    const std::size_t open = line.find_first_of("'\"");
    if (open == std::string_view::npos) return std::nullopt;
    const std::size_t close = line.find(line[open], open + 1);
    const std::string_view version =
        line.substr(open + 1, close == std::string_view::npos ? close : close - open - 1);
    if (!base::Version::parse(version)) return std::nullopt;
    return std::string(version);
  }
  return std::nullopt;
}

// Distributions and conda build without the local part, but version.py says below: cuda: Optional[str] =
// '12.8', or None.
std::optional<std::string> parse_torch_cuda(std::string_view version_py) {
  for (const std::string_view line : base::lines(version_py)) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = base::trim(line.substr(0, std::min(equals, line.find(':'))));
    if (name != "cuda") continue;
    std::string_view value = base::trim(line.substr(equals + 1));
    if (value == "None") return "cpu";
    if (value.size() < 2 || (value.front() != '\'' && value.front() != '"')) return std::nullopt;
    value = value.substr(1, value.find(value.front(), 1) - 1);
    const auto version = base::Version::parse(value);
    if (!version || version->parts.size() < 2) return std::nullopt;
    return fmt::format("cu{}{}", version->major(), version->minor());
  }
  return std::nullopt;
}

std::optional<std::string> variant_of(std::string_view version) {
  const std::size_t plus = version.find('+');
  if (plus == std::string_view::npos) return std::nullopt;
  const std::string_view local = version.substr(plus + 1);
  if (local == "cpu" || (local.starts_with("cu") && base::to_integer(local.substr(2))))
    return std::string(local);
  return std::nullopt;
}

facts::PythonPackage parse_dist_info(std::string_view name) {
  if (name.ends_with(".dist-info")) name.remove_suffix(10);
  const std::size_t dash = name.rfind('-');  // no version has one, and old tools left them in names
  return {.name = normalised(name.substr(0, dash)),
          .version = dash == std::string_view::npos ? "" : std::string(name.substr(dash + 1))};
}

void read_python(const host::View& view, const Options& options, facts::Machine& machine) {
  const std::string& home = options.user.home;
  read_interpreters(view, home, machine);
  Finder finder(view, options.packages, machine);
  for (const char* path : {"/usr/local/bin/uv", "/usr/bin/uv"}) finder.uv(path);
  for (const char* path : {"/.local/bin/uv", "/.cargo/bin/uv", "/.local/share/bringup/uv/bin/uv"})
    finder.uv(home + path);
  finder.manager("pyenv", home + "/.pyenv/bin/pyenv");
  for (const char* path : {"/.local/bin/micromamba", "/bin/micromamba"})
    finder.manager("micromamba", home + path);
  for (const char* prefix : {"/opt/conda", "/opt/miniconda3", "/opt/miniforge3", "/opt/anaconda3"})
    finder.conda(prefix);
  for (const char* prefix : {"/miniconda3", "/anaconda3", "/miniforge3", "/mambaforge",
                             "/.local/share/bringup/miniconda3", "/.local/share/bringup/miniforge3"})
    finder.conda(home + prefix);
  if (!options.prefix.empty()) {
    finder.uv(options.prefix + "/uv/bin/uv");
    for (const char* name : {"/miniconda3", "/miniforge3"}) finder.conda(options.prefix + name);
    finder.envs_in(options.prefix + "/envs");
    finder.envs_in(options.prefix + "/toolkits");
  }
  finder.envs_in(home + "/.conda/envs");
  finder.envs_in(home + "/.local/share/bringup/envs");
  finder.envs_in(home + "/.local/share/bringup/toolkits");
  finder.envs_in(home + "/.virtualenvs");
  for (const std::string& entry : options.environment) {
    if (entry.starts_with("VIRTUAL_ENV=")) finder.env(entry.substr(12));
    if (entry.starts_with("CONDA_PREFIX=")) finder.env(entry.substr(13));
  }
  for (const char* prefix : {"/.venv", "/venv"}) finder.env(home + prefix);
  finder.projects_in(home);
  finder.projects_in("/opt");
  read_system_python(view, options.packages, machine);
  machine.user_sites = read_user_sites(view, home, names_of(options.packages));
}

}  // namespace bringup::probe
