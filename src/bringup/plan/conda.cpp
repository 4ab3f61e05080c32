// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/plan/conda.hpp>
#include <bringup/plan/sources.hpp>
#include <bringup/resolve/conda.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::plan {
namespace {

constexpr std::string_view kProgram = "/bin/conda";
constexpr std::string_view kDefaults = "defaults";

const facts::Source* source_of(const facts::Machine& machine, std::string_view name) {
  const auto at = std::ranges::find(machine.sources, name, &facts::Source::name);
  return at == machine.sources.end() ? nullptr : &*at;
}

// "https://mirror/anaconda/cloud", or "" where the channel comes from its own place.
std::string mirrored_cloud(const facts::Machine& machine) {
  constexpr std::string_view kChannel = "/conda-forge/";
  const facts::Source* source = source_of(machine, "conda-forge");
  if (source == nullptr || source->mirror.empty()) return "";
  return source->url.substr(0, source->url.rfind(kChannel));
}

// The channel as conda is told it: by its name where that leads to the right place; "" where it is to go by
// what it is told otherwise, as one that is used because it is here.
std::string channel_of(const facts::Machine& machine, const goal::Goal& goal) {
  const bool own_way = goal.channels == kDefaults || !resolve::is_conda(goal.python_manager);
  if (own_way) return "";
  const std::string cloud = mirrored_cloud(machine);
  return cloud.empty() ? "conda-forge" : cloud + "/conda-forge";
}

// "defaults" leads to conda-forge as well, so that whoever writes it does not reach channels with terms of
// their own by accident.
std::string config_of(const facts::Machine& machine, const goal::Goal& goal,
                      const catalog::Catalog& catalog) {
  const std::string cloud = mirrored_cloud(machine);
  std::string text = "# Written by bringup.\nchannels:\n";
  if (goal.channels == kDefaults) {
    text += "  - defaults\n";
  } else {
    const catalog::Source* channel = catalog.source("conda-forge");
    std::string url = !cloud.empty()       ? cloud + "/conda-forge"
                      : channel == nullptr ? "conda-forge"
                                           : channel->url;
    if (url.ends_with('/')) url.pop_back();
    text += fmt::format("  - conda-forge\ndefault_channels:\n  - {}\n", url);
    if (!cloud.empty()) text += fmt::format("custom_channels:\n  conda-forge: {}\n", cloud);
  }
  text += "auto_activate_base: false\n";
  if (goal.python_manager == "miniconda") text += "anaconda_anon_usage: false\n";
  return text;
}

steps::InstallConda installer(const facts::Machine& machine, const goal::Goal& goal,
                              const catalog::Catalog& catalog, const resolve::PythonChoice& python) {
  const catalog::Installer* row = catalog.installer(python.manager, machine.arch);
  const catalog::Source* host = catalog.source(python.manager);
  const facts::Source* taken = source_of(machine, python.manager);
  steps::InstallConda step{
      .path = python.conda, .url = "", .sha256 = "", .config = config_of(machine, goal, catalog)};
  if (row == nullptr || host == nullptr) return step;
  step.url = taken != nullptr && !taken->mirror.empty() ? taken->url : host->url + row->file;
  step.sha256 = row->sha256;
  step.size = static_cast<std::uint64_t>(row->size);
  return step;
}

// The uv that is here, else one in an environment of the conda's own Python; "" where PyPI is silent.
std::string add_uv(Builder& builder, const facts::Machine& machine, const std::string& root,
                   const std::string& prefix) {
  const auto here = std::ranges::find(machine.managers, "uv", &facts::PythonManager::kind);
  if (here != machine.managers.end()) return here->path;
  const facts::Source* pypi = source_of(machine, "pypi");
  if (pypi == nullptr || !pypi->answered_seconds) return "";
  builder.add({.id = "uv",
               .kind = steps::InstallUv{.path = prefix + "/uv",
                                        .python = root + "/bin/python",
                                        .version = "",
                                        .index_url = pypi_url(machine)},
               .why = "uv installs wheels several times faster than pip, and writes down what it took",
               .changes = "a small environment of its own for uv",
               .as_user = true},
              {"conda"});
  return prefix + "/uv/bin/uv";
}

steps::Step shell_block(const facts::Machine& machine, const std::string& root, std::string_view shell,
                        std::string_view file) {
  std::string text;
  for (const std::string_view name : {"conda", "mamba"}) {
    const std::string script = for_shell(fmt::format("{}/etc/profile.d/{}.sh", root, name));
    text += fmt::format("if [ -f {0} ]; then\n  . {0}\nfi\n", script);
  }
  return {.id = fmt::format("conda-{}", shell),
          .kind = steps::EditBlock{.path = fmt::format("{}/{}", machine.user.home, file),
                                   .name = "conda",
                                   .text = std::move(text)},
          .why = fmt::format("new {} windows know 'conda activate'", shell),
          .changes = "one marked block, instead of what 'conda init' rewrites; no environment is activated",
          .as_user = true};
}

}  // namespace

Tool add_conda(Builder& builder, const facts::Machine& machine, const goal::Goal& goal,
               const catalog::Catalog& catalog, const resolve::PythonChoice& python,
               const std::string& prefix) {
  const bool here = python.conda.empty();
  std::string root = python.conda;
  if (here) root = python.manager_path.substr(0, python.manager_path.size() - kProgram.size());
  if (!here) {
    builder.add({.id = "conda",
                 .kind = installer(machine, goal, catalog, python),
                 .why = fmt::format("the goal asks for {}, and none is here", python.manager),
                 .changes = goal.channels == kDefaults
                                ? "a new directory; packages come from Anaconda's own channels, whose terms "
                                  "you accept yourself"
                                : "a new directory; packages come from conda-forge alone",
                 .as_user = true},
                {"python-packages"});
  }
  Tool tool{.name = "conda", .manager = root + std::string(kProgram), .channel = channel_of(machine, goal)};
  if (here) tool.manager = python.manager_path;
  tool.uv = add_uv(builder, machine, root, prefix);
  return tool;
}

void add_conda_shells(Builder& builder, const facts::Machine& machine, const resolve::PythonChoice& python) {
  if (!builder.has("conda")) return;
  const auto has_shell = [&machine](std::string_view name) {
    return std::ranges::find(machine.shells.installed, name) != machine.shells.installed.end();
  };
  if (has_shell("bash")) builder.add(shell_block(machine, python.conda, "bash", ".bashrc"), {"conda"});
  if (has_shell("zsh")) builder.add(shell_block(machine, python.conda, "zsh", ".zshrc"), {"conda"});
}

}  // namespace bringup::plan
