// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/probe/probe.hpp>

#include <fmt/format.h>

namespace bringup::probe {
namespace {

Result<std::string> answer_of(const host::View& view, std::vector<std::string> argv,
                              std::chrono::minutes deadline) {
  const host::Outcome answer = TRY(view.ask(
      {.argv = argv, .deadline = deadline, .environment = {}, .as = {}, .input = {}, .on_output = {}}));
  if (answer.success()) return answer.out;
  return Error(Errc::failed, fmt::format("{} {}: {}", argv.front(), host::describe(answer),
                                         base::harmless(base::trim(answer.err))));
}

}  // namespace

Result<facts::RepositoryFile> parse_repository_file(std::string_view fields, const std::string& path) {
  facts::RepositoryFile file{.path = path, .sha256 = "", .system = "", .arch = "", .toolkit = ""};
  std::string package;
  for (const std::string_view line : base::lines(fields)) {
    const auto words = base::words(line);
    if (words.size() != 2) continue;
    if (words[0] == "Package:") package = std::string(words[1]);
    if (words[0] == "Architecture:") file.arch = std::string(words[1]);
  }
  // cuda-repo-<system>-<major>-<minor>-local
  const auto parts = base::split(package, '-');
  const bool right = parts.size() == 6 && parts[0] == "cuda" && parts[1] == "repo" && parts[5] == "local" &&
                     base::to_integer(parts[3]) && base::to_integer(parts[4]);
  if (!right)
    return Error(Errc::usage,
                 fmt::format("{}: expected a package such as cuda-repo-ubuntu2204-12-1-local, found '{}'",
                             path, base::harmless(package)));
  file.system = std::string(parts[2]);
  file.toolkit = fmt::format("{}.{}", parts[3], parts[4]);
  return file;
}

Result<facts::RepositoryFile> read_repository_file(const host::View& view, const std::string& path) {
  if (!view.exists(path))
    return Error(Errc::usage, fmt::format("{}: not there; the goal takes the toolkit from it", path));
  const std::string fields =
      TRY(answer_of(view, {"dpkg-deb", "-f", path, "Package", "Architecture"}, std::chrono::minutes(1))
              .within(path));
  facts::RepositoryFile file = TRY(parse_repository_file(fields, path));
  // Gigabytes: the system's own program is several times as fast as ours.
  const std::string sum =
      TRY(answer_of(view, {"sha256sum", "--", path}, std::chrono::minutes(30)).within(path));
  file.sha256 = sum.substr(sum.starts_with('\\') ? 1 : 0, 64);
  return file;
}

}  // namespace bringup::probe
