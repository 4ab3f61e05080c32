// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/conda.hpp>
#include <bringup/apply/python_env.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/hub.hpp>
#include <bringup/host/rights.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

std::string home_of(const Hands& hands) {
  return hands.user.home + "/.conda";
}
std::string list_of(const Hands& hands) {
  return home_of(hands) + "/environments.txt";
}

Result<std::string> read_for_user(const std::string& path, const Hands& hands) {
  const host::FileRights rights(hands.owner());
  TRY(rights.taken());
  return hands.view.read(path);
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

}  // namespace bringup::apply
