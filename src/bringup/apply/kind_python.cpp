// SPDX-License-Identifier: Apache-2.0
// The kinds of step that make a directory of Python's: uv in a venv of its own, an environment.
#include <bringup/apply/conda.hpp>
#include <bringup/apply/python_env.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

namespace bringup::apply {
namespace {

Result<> run_long(std::vector<std::string> argv, const Hands& hands) {
  TRY(run_well(hands,
               {.argv = std::move(argv), .deadline = kWheelsDeadline, .gives_way = hands.beside_a_build}));
  return ok;
}

Result<> create_by_conda(const steps::CreateEnv& step, const Hands& hands) {
  std::vector<std::string> argv{step.manager, "create", "--yes", "--quiet", "--prefix", step.path};
  if (!step.channel.empty()) argv.insert(argv.end(), {"--override-channels", "--channel", step.channel});
  argv.insert(argv.end(), {"python=" + step.python, "pip"});
  TRY(run_well(hands, {.argv = std::move(argv),
                       .deadline = kWheelsDeadline,
                       .dies_with_us = true,
                       .gives_way = hands.beside_a_build}));
  return ok;
}

}  // namespace

Result<Json> directory_before(const std::string& path, const Hands& hands) {
  Json before = {{"existed", false}, {"made", missing_parents(path, hands.view)}};
  const auto status = hands.view.status(path);
  if (!status && status.error().code() == Errc::absent) return before;
  if (!status) return status.error();
  if (status->kind != host::FileStatus::Kind::directory)
    return Error(Errc::refused, path +
                                    ": a file stands where an environment is to be made; move it away or "
                                    "name another place");
  if (!TRY(hands.view.list(path)).empty())
    return Error(Errc::refused, path +
                                    ": there is something else already; move it away or name another "
                                    "place for the environment");
  before["existed"] = true;
  before["mode"] = status->mode;
  return before;
}

Result<> clear_directory(const std::string& path, const Hands& hands) {
  if (hands.again) {
    TRY(wait_for_others(path, hands));
    TRY(hands.control->remove_tree(path, hands.owner()));
  }
  return make_parents(path, hands);
}

Result<> take_directory_away(const std::string& path, const Json& before, const Hands& hands) {
  if (!before.contains("existed"))
    return Error(Errc::refused, path + ": what was there before is not known; it stays");
  TRY(wait_for_others(path, hands));
  TRY(hands.control->remove_tree(path, hands.owner()));
  if (before.value("existed", false))
    return hands.control->make_directory(path, before.value("mode", 0755U), hands.owner());
  return remove_parents(before.value("made", Json::array()), hands);
}

// Looking cannot tell a venv that is whole from one whose making was killed, so an attempt that did not end
// is made anew.
Result<bool> holds(const steps::InstallUv& step, const Hands& hands) {
  if (hands.again || !is_program(step.path + "/bin/uv", hands.view)) return false;
  const Packages packages = TRY(packages_in(step.path, hands.view));
  const auto uv = packages.find("uv");
  return uv != packages.end() && (step.version.empty() || is_version(step.version, uv->second));
}
Result<Json> remember(const steps::InstallUv& step, const Hands& hands) {
  return directory_before(step.path, hands);
}
Result<> perform(const steps::InstallUv& step, const Hands& hands) {
  TRY(clear_directory(step.path, hands));
  TRY(run_long({step.python, "-I", "-m", "venv", step.path}, hands));
  std::vector<std::string> argv{step.path + "/bin/python",     "-I",        "-m", "pip", "install",
                                "--disable-pip-version-check", "--no-input"};
  if (step.index_url.starts_with('/'))
    argv.insert(argv.end(), {"--no-index", "--find-links", step.index_url});
  else if (!step.index_url.empty())
    argv.insert(argv.end(), {"--index-url", step.index_url});
  argv.push_back(step.version.empty() ? "uv" : "uv==" + step.version);
  return run_long(std::move(argv), hands);
}
Result<> undo(const steps::InstallUv& step, const Json& before, const Hands& hands) {
  return take_directory_away(step.path, before, hands);
}

Result<bool> holds(const steps::CreateEnv& step, const Hands& hands) {
  if (hands.again || !is_program(step.path + "/bin/python", hands.view)) return false;
  const auto site = site_packages(step.path, hands.view);
  if (!site && site.error().code() != Errc::absent) return site.error();
  const char* mark = step.tool == "conda" ? "/conda-meta/history" : "/pyvenv.cfg";
  return site && hands.view.exists(step.path + mark);
}
Result<Json> remember(const steps::CreateEnv& step, const Hands& hands) {
  Json before = TRY(directory_before(step.path, hands));
  if (step.tool == "conda") before["conda"] = conda_list_before(hands);
  return before;
}
Result<> perform(const steps::CreateEnv& step, const Hands& hands) {
  TRY(clear_directory(step.path, hands));
  if (step.tool == "uv")
    return run_long({step.manager, "venv", "--no-project", "--python", step.python, step.path}, hands);
  if (step.tool == "venv") return run_long({step.python, "-I", "-m", "venv", step.path}, hands);
  if (step.tool == "conda") return create_by_conda(step, hands);
  return Error(Errc::unsupported,
               fmt::format("environments by '{}': expected uv, venv or conda", base::harmless(step.tool)));
}
Result<> undo(const steps::CreateEnv& step, const Json& before, const Hands& hands) {
  if (step.tool == "conda") TRY(leave_conda_list(step.path, before.value("conda", Json::object()), hands));
  return take_directory_away(step.path, before, hands);
}

}  // namespace bringup::apply
