// SPDX-License-Identifier: Apache-2.0
#include <bringup/goal/goal.hpp>

#include <fmt/format.h>

namespace bringup::goal {

// Each text with its length in front, so that no two goals can give the same line.
std::string canonical(const Goal& goal) {
  std::string out;
  const auto add = [&out](std::string_view key, std::string_view value) {
    out += fmt::format("{} {}:{}\n", key, value.size(), value);
  };
  add("driver", goal.driver);
  add("toolkit", goal.toolkit);
  if (!goal.toolkit_file.empty()) add("toolkit.local", goal.toolkit_file);
  add("python.manager", goal.python_manager);
  if (goal.channels != Goal{}.channels) add("python.channels", goal.channels);
  add("python.version", goal.python_version);
  add("python.prefix", goal.python_prefix);
  for (const EnvGoal& env : goal.envs) {
    add("env", env.name);
    for (const std::string& package : env.packages) add("env.package", package);
    if (env.own) add("env.own", "true");
    if (env.extension) add("env.extension", env.extension->module);
  }
  for (const StackGoal& stack : goal.stacks) {
    add("stack", stack.name);
    add("stack.model", stack.model);
  }
  for (const ModelGoal& model : goal.models) {
    add("model", model.name);
    add("model.layout", model.layout);
    add("model.directory", model.directory);
  }
  add("mirrors.profile", goal.mirrors);
  for (const MirrorUrl& mirror : goal.mirror_urls) add("mirrors." + mirror.what, mirror.url);
  add("policy.kernel", goal.kernel);
  add("policy.reboot", goal.reboot);
  add("policy.remove", goal.remove);
  add("shell.ld_library_path", goal.ld_library_path ? "true" : "false");
  if (goal.user_only) add("user_only", "true");
  return out;
}

}  // namespace bringup::goal
