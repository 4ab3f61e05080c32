// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/probe/internal.hpp>

#include <algorithm>
#include <array>

namespace bringup::probe {
namespace {

constexpr std::array<std::string_view, 6> kVariables{"LD_LIBRARY_PATH",      "CUDA_HOME",  "CUDA_PATH",
                                                     "CUDA_VISIBLE_DEVICES", "PYTHONPATH", "PATH"};

bool names_cuda(std::string_view line) {
  return base::contains(base::lower(line), "cuda") || base::contains(base::lower(line), "nvidia");
}

// The variable that a line of a start file sets: "export PATH=...", "PATH=...", "set -gx PATH ...", "  *)
// PATH=...".
std::string_view variable_set(std::string_view line) {
  for (const std::string_view variable : kVariables) {
    for (std::size_t at = line.find(variable); at != std::string_view::npos;
         at = line.find(variable, at + 1)) {
      const char before = at == 0 ? ' ' : line[at - 1];
      const std::size_t end = at + variable.size();
      const char after = end < line.size() ? line[end] : '\n';
      const bool starts = before == ' ' || before == '\t' || before == ';' || before == ')';
      if (starts && (after == '=' || (after == ' ' && base::trim(line).starts_with("set ")))) return variable;
    }
  }
  return {};
}

}  // namespace

std::vector<facts::ShellSetting> parse_settings(std::string_view text, const std::string& file) {
  std::vector<facts::ShellSetting> settings;
  int number = 0;
  for (const std::string_view line : base::lines(text)) {
    ++number;
    if (base::trim(line).starts_with("#")) continue;
    const std::string_view variable = variable_set(line);
    // Everybody's start files set PATH; only those that concern CUDA concern us.
    if (variable.empty() || (variable == "PATH" && !names_cuda(line))) continue;
    settings.push_back({.file = file,
                        .line = number,
                        .variable = std::string(variable),
                        .text = std::string(base::trim(line))});
  }
  return settings;
}

facts::Shells read_shells(const host::View& view, const Options& options) {
  facts::Shells shells;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    if (view.exists(std::string("/bin/") + shell) || view.exists(std::string("/usr/bin/") + shell))
      shells.installed.emplace_back(shell);
  }
  std::vector<std::string> files{"/etc/environment", "/etc/profile",    "/etc/bash.bashrc",
                                 "/etc/bashrc",      "/etc/zsh/zshenv", "/etc/zsh/zshrc"};
  if (const auto names = view.list("/etc/profile.d")) {
    for (const std::string& name : *names) files.push_back("/etc/profile.d/" + name);
  }
  for (const char* name : {".bashrc", ".bash_profile", ".bash_login", ".profile", ".zshenv", ".zshrc",
                           ".zprofile", ".config/fish/config.fish"})
    files.push_back(options.user.home + "/" + name);
  for (const char* name : {".profile", ".bash_login", ".bash_profile"}) {
    if (view.exists(options.user.home + "/" + name)) shells.login_file = name;
  }
  for (const std::string& file : files) {
    const auto text = view.read(file);
    if (!text) continue;
    const auto settings = parse_settings(*text, file);
    shells.settings.insert(shells.settings.end(), settings.begin(), settings.end());
  }
  for (const std::string& entry : options.environment) {
    const std::string name = entry.substr(0, entry.find('='));
    if (std::ranges::find(kVariables, name) != kVariables.end() && name != "PATH")
      shells.environment.push_back({.file = "environment", .line = 0, .variable = name, .text = entry});
  }
  return shells;
}

}  // namespace bringup::probe
