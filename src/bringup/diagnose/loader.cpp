// SPDX-License-Identifier: Apache-2.0
// Which of CUDA's libraries an environment's torch gets from a directory of LD_LIBRARY_PATH, by the order in
// which the loader looks (ld.so(8)): RPATH, LD_LIBRARY_PATH, RUNPATH. The driver's directory is no matter of
// torch's.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/looks_beside.hpp>

#include <algorithm>
#include <map>

namespace bringup::diagnose {
namespace {

using facts::LibraryDirectory;
using facts::Machine;

const LibraryDirectory* directory_of(const Machine& machine, std::string_view path) {
  const auto at = std::ranges::find(machine.library_directories, path, &LibraryDirectory::path);
  return at == machine.library_directories.end() ? nullptr : &*at;
}

bool holds(const Machine& machine, std::string_view path, const std::string& library) {
  const LibraryDirectory* directory = directory_of(machine, path);
  return directory != nullptr &&
         std::ranges::find(directory->libraries, library) != directory->libraries.end();
}

// In the order of the line: its directories are those of the machine that stand in it.
std::vector<std::string> directories_in(const Machine& machine, const facts::ShellSetting& setting) {
  std::string text = setting.text;
  std::ranges::replace_if(
      text, [](char c) { return c == ':' || c == '=' || c == '"' || c == '\'' || c == ';'; }, ' ');
  std::vector<std::string> out;
  for (std::string_view word : base::words(text)) {
    while (word.size() > 1 && word.ends_with('/')) word.remove_suffix(1);
    if (directory_of(machine, word) != nullptr) out.emplace_back(word);
  }
  return out;
}

bool own(const Machine& machine, const facts::TorchLinks& links, const std::string& library) {
  return std::ranges::any_of(links.search,
                             [&](const std::string& path) { return holds(machine, path, library); });
}

std::string in_words(std::string_view directory, const std::vector<std::string>& libraries) {
  return fmt::format("torch gets {} from {}", base::join(libraries, ", "), directory);
}

// cuDNN loads its parts itself, by their names, and names its own directory by RUNPATH alone (cuDNN 9.19 of
// PyPI): those of LD_LIBRARY_PATH come first, whatever torch says.
std::optional<std::string> cudnn_parts(const LibraryDirectory& directory, const std::string& library) {
  constexpr std::string_view kCudnn = "libcudnn.so.";
  if (!library.starts_with(kCudnn)) return std::nullopt;
  const std::string end = ".so." + library.substr(kCudnn.size());
  const bool any = std::ranges::any_of(directory.libraries, [&end](const std::string& one) {
    return one.starts_with("libcudnn_") && one.ends_with(end);
  });
  return any ? std::optional("libcudnn_*" + end) : std::nullopt;
}

// directory -> what torch gets from there
std::map<std::string, std::vector<std::string>> taken(const Machine& machine,
                                                      const facts::ShellSetting& setting,
                                                      const facts::TorchLinks& links) {
  std::map<std::string, std::vector<std::string>> out;
  const auto directories = directories_in(machine, setting);
  for (const std::string& library : links.needs) {
    const auto from = std::ranges::find_if(
        directories, [&](const std::string& path) { return holds(machine, path, library); });
    if (from != directories.end() && !(links.first && own(machine, links, library)))
      out[*from].push_back(library);
    for (const std::string& path : directories) {
      if (const auto parts = cudnn_parts(*directory_of(machine, path), library)) {
        out[path].push_back(*parts);
        break;
      }
    }
  }
  return out;
}

}  // namespace

std::vector<Evidence> taken_from(const Machine& machine, const facts::ShellSetting& setting) {
  std::vector<Evidence> out;
  if (directories_in(machine, setting).empty()) return out;
  for (const facts::PythonEnv& env : machine.envs) {
    if (!env.torch || !env.links) continue;
    const auto from = taken(machine, setting, *env.links);
    for (const auto& [directory, libraries] : from)
      out.push_back(seen(env.path, in_words(directory, libraries)));
    out.push_back(seen(env.links->file,
                       !env.links->first ? "RUNPATH: its own directories come after LD_LIBRARY_PATH"
                       : from.empty()
                           ? "RPATH: its own directories come first, and have all that it asks for"
                           : "RPATH: its own directories come first; what they lack, and cuDNN's parts, "
                             "come by LD_LIBRARY_PATH"));
  }
  return out;
}

}  // namespace bringup::diagnose
