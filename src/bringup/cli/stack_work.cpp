// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/python_env.hpp>
#include <bringup/base/text.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/cli/stack_work.hpp>
#include <bringup/measure/measure.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <unistd.h>

namespace bringup::cli {
namespace {

namespace fs = std::filesystem;

constexpr double kGib = 1024.0 * 1024.0 * 1024.0;

// What compiles at the first import would do so again and again, unseen.
Result<bool> has_extension(const host::View& view, const std::string& env, const catalog::Stack& stack) {
  const std::vector<std::string> names = TRY(view.list(TRY(apply::site_packages(env, view))));
  return std::ranges::any_of(names, [&stack](const std::string& name) {
    return name.starts_with(stack.extension + ".") && name.ends_with(".so");
  });
}

// The last line that the helper's libraries wrote, for an end without a reason.
std::string last_words(std::string_view err) {
  const auto lines = base::lines(base::trim(err));
  return lines.empty() || lines.back().empty() ? "" : ": " + base::harmless(base::fit(lines.back(), 300));
}

}  // namespace

Result<std::string> missing_of(const host::View& view, const std::string& env, const catalog::Stack& stack) {
  const apply::Packages there = TRY(apply::packages_in(env, view));
  for (const std::string& package : stack.packages) {
    const apply::Requirement wanted = apply::parse_requirement(package);
    if (!there.contains(wanted.name)) return wanted.name + " is missing";
  }
  if (!stack.extension.empty() && !TRY(has_extension(view, env, stack)))
    return std::string("its extension is not compiled");
  return std::string();
}

namespace {

// An install that was cut off is not run.
Result<> check_whole(const host::View& view, const std::string& env, const catalog::Stack& stack) {
  const std::string missing = TRY(missing_of(view, env, stack));
  if (missing.empty()) return ok;
  return Error(Errc::absent,
               fmt::format("the stack {} is not whole, {}: 'bringup stack install {}' goes on with it",
                           stack.name, missing, stack.name));
}

}  // namespace

std::string peak_text(const stacks::Peak& peak) {
  std::string text = fmt::format("GPU {}: {:.2f} GiB at the most", peak.gpu,
                                 static_cast<double>(peak.reserved_bytes) / kGib);
  if (peak.allocated_bytes > 0)
    text += fmt::format(", {:.2f} GiB of it in tensors", static_cast<double>(peak.allocated_bytes) / kGib);
  return text;
}

nlohmann::ordered_json peak_json(const stacks::Peak& peak) {
  nlohmann::ordered_json json = {
      {"gpu", peak.gpu}, {"bytes", peak.reserved_bytes}, {"allocated_bytes", nullptr}};
  if (peak.allocated_bytes > 0) json["allocated_bytes"] = peak.allocated_bytes;
  return json;
}

Result<Work> Work::make(const facts::User& user) {
  std::string path = (fs::temp_directory_path() / "bringup-smoke-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr)
    return Error(Errc::io, path + ": cannot be made; is there room, and may you write there?");
  Work work(path);
  if (user.root && user.uid != 0 &&
      ::chown(path.c_str(), static_cast<uid_t>(user.uid), static_cast<gid_t>(user.gid)) != 0)
    return Error(Errc::io, path + ": cannot be given to " + user.name);
  return work;
}

Work::~Work() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<std::string> python_of(const Options& options, const Doors& doors, const facts::User& user,
                              const catalog::Stack& stack) {
  if (!options.python.empty()) {
    if (doors.view.exists(absolute(options.python))) return absolute(options.python);
    return Error(Errc::usage, fmt::format("--python {}: there is no such program", options.python));
  }
  const std::string env = stack_path(TRY(read_goal(options, doors.view)), user, stack);
  if (doors.view.exists(env + "/bin/python")) {
    TRY(check_whole(doors.view, env, stack));
    return env + "/bin/python";
  }
  return Error(Errc::absent, fmt::format("the stack {} is not installed: 'bringup stack install {}' does it",
                                         stack.name, stack.name));
}

Result<stacks::RunTold> run_helper(const std::string& python, const facts::User& user,
                                   const catalog::Stack& stack, const std::string& ask, bool smoke,
                                   const std::function<void(std::string_view)>& on_line) {
  std::string rest;
  host::Command command{
      .argv = {python, "-I", "-B", "-c", stacks::helper_of(stack), ask},
      .deadline = smoke ? std::chrono::milliseconds(kSmokeLongest) : std::chrono::milliseconds(kRunLongest),
      .environment = measure::user_environment()};
  if (user.root && user.uid != 0)
    command.as = host::RunAs{.uid = user.uid, .gid = user.gid, .name = user.name, .home = user.home};
  command.on_output = on_line;
  const auto outcome = host::run(command);
  if (!outcome) return outcome.error();
  stacks::RunTold told;
  for (const std::string_view line : base::lines(outcome->out)) stacks::take_line(line, told);
  if (told.error.empty() && (!outcome->success() || !told.ended))
    told.error = fmt::format("{} {}{}", python,
                             outcome->success() ? "ended without saying so" : host::describe(*outcome),
                             last_words(outcome->err));
  return told;
}

}  // namespace bringup::cli
