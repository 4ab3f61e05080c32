// SPDX-License-Identifier: Apache-2.0
// What an attempt that was killed left running in a directory.
#include <bringup/apply/python_env.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/hub.hpp>

#include <fmt/format.h>

#include <optional>

namespace bringup::apply {
namespace {

constexpr auto kLook = std::chrono::milliseconds(200);
constexpr int kLooks = 600;

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

bool is_in(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

Result<> wait_for_others(const std::string& path, const Hands& hands) {
  std::string last;
  for (int look = 0; look < kLooks; ++look) {
    const auto who = TRY(at_work_in(path, hands.view));
    if (!who) return ok;
    last = *who;
    if (look == 0 && hands.say)
      hands.say(fmt::format("waiting for process {}, which still works in {}", last, path));
    if (!host::pause(kLook)) return Error(Errc::cancelled, "stopped while waiting for another process");
  }
  return Error(
      Errc::busy,
      fmt::format("process {} still works in {}: wait for its end or end it, then say the same again", last,
                  path));
}

}  // namespace bringup::apply
