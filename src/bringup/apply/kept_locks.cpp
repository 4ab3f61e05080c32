// SPDX-License-Identifier: Apache-2.0
// Locks that stand beside a goal: which of them are ours, so that undo takes them back.
#include <bringup/apply/apply.hpp>
#include <bringup/apply/hands.hpp>
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

std::string notes_path(const Settings& settings) {
  return settings.state_directory + "/locks";
}

bool fills(const steps::Plan& plan, std::string_view env) {
  return std::ranges::any_of(plan.steps, [env](const steps::Step& step) {
    const auto* wheels = std::get_if<steps::InstallWheels>(&step.kind);
    return wheels != nullptr && wheels->env == env;
  });
}

}  // namespace

Result<> keep_lock(host::Control& control, const Settings& settings, const std::string& env,
                   const std::string& path, std::string_view text, std::optional<host::Owner> as) {
  // The note first: a lock without one would stay for ever. One that a dying run had begun ends its own line.
  const auto notes = control.view().read(notes_path(settings));
  if (!notes && notes.error().code() != Errc::absent) return notes.error();
  const bool torn = notes && !notes->empty() && notes->back() != '\n';
  TRY(control.append(notes_path(settings),
                     fmt::format("{}{}\t{}\t{}\n", torn ? "\n" : "", base::sha256_hex(text), env, path)));
  return control.write(path, text, 0644, as);
}

Result<> take_locks_back(host::Control& control, const Settings& settings, const steps::Plan& plan) {
  const auto notes = control.view().read(notes_path(settings));
  if (!notes && notes.error().code() == Errc::absent) return ok;
  const std::string all = TRY(notes);
  std::string left;
  for (const std::string_view line : base::lines(all)) {
    const auto parts = base::split(line, '\t');
    if (parts.size() != 3 || !fills(plan, parts[1])) {
      left += std::string(line) + "\n";
      continue;
    }
    const std::string path(parts[2]);
    const auto status = control.view().status(path);
    const auto text = control.view().read(path);
    // One that was changed since is somebody's own.
    if (!status || !text || base::sha256_hex(*text) != parts[0]) continue;
    TRY(control.remove_file(path, host::Owner{.uid = status->uid, .gid = status->gid}));
  }
  if (left.empty()) return control.remove_file(notes_path(settings), std::nullopt);
  return control.write(notes_path(settings), left, 0600, std::nullopt);
}

}  // namespace bringup::apply
