// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/conda.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/hub.hpp>
#include <bringup/host/rights.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace bringup::apply {
namespace {

constexpr auto kLook = std::chrono::milliseconds(200);
constexpr int kLooks = 600;

std::string home_of(const Hands& hands) {
  return hands.user.home + "/.conda";
}
std::string list_of(const Hands& hands) {
  return home_of(hands) + "/environments.txt";
}

bool is_in(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

Result<std::string> read_for_user(const std::string& path, const Hands& hands) {
  const host::FileRights rights(hands.owner());
  TRY(rights.taken());
  return hands.view.read(path);
}

// The number of a process one of whose words is a path in there.
Result<std::optional<std::string>> at_work_in(const std::string& path, const host::View& view) {
  const auto names = view.list("/proc");
  if (!names && names.error().code() == Errc::absent) return std::optional<std::string>();
  for (const std::string& name : TRY(names)) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto words = view.read("/proc/" + name + "/cmdline");
    if (!words) continue;  // it is gone by now
    for (const std::string_view word : base::split(*words, '\0')) {
      if (is_in(word, path)) return std::optional(name);
    }
  }
  return std::optional<std::string>();
}

}  // namespace

Json conda_list_before(const Hands& hands) {
  return {{"home", hands.view.exists(home_of(hands))}, {"list", hands.view.exists(list_of(hands))}};
}

Result<> leave_conda_list(const std::string& path, const Json& before, const Hands& hands) {
  const auto text = read_for_user(list_of(hands), hands);
  if (!text && text.error().code() != Errc::absent) return text.error();
  std::string left;
  bool listed = false;
  for (const std::string_view line : base::lines(text ? std::string_view(*text) : std::string_view())) {
    if (is_in(line, path))
      listed = true;
    else
      left += std::string(line) + "\n";
  }
  if (listed && left.empty() && !before.value("list", true))
    TRY(hands.control->remove_file(list_of(hands), hands.owner()));
  else if (listed)
    TRY(hands.control->write(list_of(hands), left, 0644, hands.owner()));
  if (before.value("home", true)) return ok;
  // What Anaconda's conda knows a user by.
  const auto names = hands.view.list(home_of(hands));
  for (const std::string& name : names.value_or({})) {
    if (name.starts_with("aau_token"))
      TRY(hands.control->remove_file(home_of(hands) + "/" + name, hands.owner()));
  }
  return hands.control->remove_empty_directory(home_of(hands), hands.owner());
}

Result<> wait_for_others(const std::string& path, const Hands& hands) {
  for (int look = 0; look < kLooks; ++look) {
    const auto who = TRY(at_work_in(path, hands.view));
    if (!who) return ok;
    if (look == 0 && hands.say)
      hands.say(fmt::format("waiting for process {}, which still works in {}", *who, path));
    if (!host::pause(kLook)) return Error(Errc::cancelled, "stopped while waiting for another process");
  }
  return Error(Errc::busy, fmt::format("a process of an earlier attempt still works in {}: wait for its end "
                                       "or end it, then 'bringup resume'",
                                       path));
}

}  // namespace bringup::apply
