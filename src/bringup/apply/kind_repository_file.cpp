// SPDX-License-Identifier: Apache-2.0
// Packages out of a repository that came as one package: it is unpacked, used and removed again, and never
// installed.
#include <bringup/apply/packages.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

constexpr const char* kUnpacked = "/var/cache/bringup-repository";
constexpr const char* kSource = "/etc/apt/sources.list.d/bringup-repository.sources";

steps::InstallPackages packages_of(const steps::InstallFromRepositoryFile& step) {
  return {.manager = "apt", .packages = step.packages, .dnf_module = "", .builds_for = {}};
}

Result<> check_bytes(const steps::InstallFromRepositoryFile& step, const Hands& hands) {
  const std::vector<std::string> argv{"sha256sum", "--", step.path};
  const host::Outcome answer = TRY(hands.view.ask({.argv = argv, .deadline = std::chrono::minutes(30)}));
  if (!answer.success()) return trouble_of(argv, answer);
  // A name with a backslash makes sha256sum begin the line with one.
  const std::string_view line = std::string_view(answer.out).substr(answer.out.starts_with('\\') ? 1 : 0);
  if (line.substr(0, 64) == step.sha256) return ok;
  return Error(Errc::refused,
               fmt::format("{} is not the file that the plan was made for: its SHA-256 is {}, expected {}",
                           step.path, base::harmless(line.substr(0, 64)), step.sha256));
}

// "Installed-Size: 4194304", in KiB.
Result<Room> room_of(const steps::InstallFromRepositoryFile& step, const Hands& hands) {
  const std::vector<std::string> argv{"dpkg-deb", "-f", step.path, "Installed-Size"};
  const host::Outcome answer = TRY(hands.view.ask({.argv = argv, .deadline = kQuestionDeadline}));
  if (!answer.success()) return trouble_of(argv, answer);
  return Room{.archives = 0, .unpacked = parse_apt_sizes("Installed-Size: " + answer.out).unpacked};
}

// "/var/cache/.../var/cuda-repo-debian12-13-0-local": the directory with the lists.
Result<std::string> repository_in(const std::string& root, const host::View& view) {
  const std::string var = root + "/var";
  const auto names = view.list(var);
  for (const std::string& name : names ? *names : std::vector<std::string>{}) {
    if (view.exists(fmt::format("{}/{}/Packages", var, name)) ||
        view.exists(fmt::format("{}/{}/Packages.gz", var, name)))
      return fmt::format("{}/{}", var, name);
  }
  return Error(Errc::refused,
               "no repository is in that package: expected a directory below /var with the file Packages");
}

Result<std::string> keyring_in(const std::string& repository, const host::View& view) {
  const std::vector<std::string> names = TRY(view.list(repository));
  const auto key =
      std::ranges::find_if(names, [](const std::string& name) { return name.ends_with("-keyring.gpg"); });
  if (key != names.end()) return fmt::format("{}/{}", repository, *key);
  return Error(Errc::refused,
               "the repository in that package brings no keyring: its packages could not be checked");
}

Result<> unpack(const steps::InstallFromRepositoryFile& step, const Hands& hands) {
  TRY(hands.control->remove_tree(kUnpacked, std::nullopt));
  TRY(check_room_at("/var", TRY(room_of(step, hands)), hands.view));
  TRY(run_well(hands,
               {.argv = {"dpkg-deb", "-x", step.path, kUnpacked}, .deadline = std::chrono::minutes(60)}));
  const std::string repository = TRY(repository_in(kUnpacked, hands.view));
  const std::string keyring = TRY(keyring_in(repository, hands.view));
  // No suite and no component: the lists lie where the packages do.
  return hands.control->write(
      kSource, fmt::format("Types: deb\nURIs: file:{}\nSuites: ./\nSigned-By: {}\n", repository, keyring),
      0644, std::nullopt);
}

// The source first: a source without its directory breaks every later update.
Result<> clear_away(const Hands& hands) {
  TRY(hands.control->remove_file(kSource, std::nullopt));
  TRY(hands.control->remove_tree(kUnpacked, std::nullopt));
  if (hands.index_is_fresh != nullptr) *hands.index_is_fresh = false;
  return ok;
}

}  // namespace

Result<bool> holds(const steps::InstallFromRepositoryFile& step, const Hands& hands) {
  if (hands.view.exists(kSource) || hands.view.exists(kUnpacked)) return false;
  return holds(packages_of(step), hands);
}
Result<Json> remember(const steps::InstallFromRepositoryFile& step, const Hands& hands) {
  return remember(packages_of(step), hands);
}
Result<> perform(const steps::InstallFromRepositoryFile& step, const Hands& hands) {
  if (TRY(holds(packages_of(step), hands))) {
    TRY(settle(packages_of(step), hands));
  } else {
    TRY(check_bytes(step, hands));
    auto installed = unpack(step, hands);
    if (installed && hands.index_is_fresh != nullptr) *hands.index_is_fresh = false;
    if (installed) installed = perform(packages_of(step), hands);
    if (!installed) {
      // Gigabytes that nobody asked for are not left behind; what was in the way is what is told.
      (void)clear_away(hands);
      return installed;
    }
  }
  return clear_away(hands);
}
Result<> undo(const steps::InstallFromRepositoryFile& step, const Json& before, const Hands& hands) {
  TRY(clear_away(hands));
  return undo(packages_of(step), before, hands);
}

}  // namespace bringup::apply
