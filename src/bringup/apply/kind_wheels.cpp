// SPDX-License-Identifier: Apache-2.0
// The kind of step that puts packages into an environment.
#include <bringup/apply/apply.hpp>
#include <bringup/apply/python_env.hpp>
#include <bringup/apply/resolved_ahead.hpp>
#include <bringup/base/text.hpp>
#include <bringup/steps/lock.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace bringup::apply {
namespace {

#if defined(__aarch64__)
constexpr std::string_view kPlatform = "aarch64";
#else
constexpr std::string_view kPlatform = "x86_64";
#endif

// torch's variant now; "" when torch is not there or does not tell.
Result<std::string> torch_variant(const std::string& env, const host::View& view) {
  const auto site = site_packages(env, view);
  const auto text = site ? view.read(*site + "/torch/version.py") : site;
  if (!text && text.error().code() == Errc::absent) return std::string();
  return variant_in(TRY(text));
}

std::vector<std::string> tool_of(const steps::InstallWheels& step, std::string_view verb) {
  const std::string python = step.env + "/bin/python";
  if (step.tool == "uv") return {step.manager, "pip", std::string(verb), "--python", python};
  return {python, "-I", "-m", "pip", std::string(verb), "--disable-pip-version-check", "--no-input"};
}

Result<> check_tool(const steps::InstallWheels& step) {
  if (step.tool == "uv" || step.tool == "pip") return ok;
  return Error(Errc::unsupported,
               fmt::format("packages by '{}': expected uv or pip", base::harmless(step.tool)));
}

// One variant for all of them: what is there of another is replaced, though its version fits.
void add_reinstall(const steps::InstallWheels& step, std::vector<std::string>& argv) {
  if (step.tool == "pip") {
    argv.emplace_back("--force-reinstall");
    return;
  }
  for (const std::string& package : step.packages) {
    argv.emplace_back("--reinstall-package");
    argv.push_back(parse_requirement(package).name);
  }
}

Result<> run_tool(const steps::InstallWheels& step, std::vector<std::string> argv,
                  const std::vector<std::string>& packages, const Hands& hands) {
  if (argv.size() > 2 && argv[step.tool == "uv" ? 2 : 4] == "install") add_sources(step, argv);
  argv.insert(argv.end(), packages.begin(), packages.end());
  TRY(run_well(hands,
               {.argv = std::move(argv), .deadline = kWheelsDeadline, .gives_way = hands.beside_a_build}));
  return ok;
}

// What uv keeps in its cache may be all that is needed: then no index is asked, which resolving has just
// asked. False: something is missing there, and nothing was installed.
Result<bool> installed_from_cache(const steps::InstallWheels& step, std::vector<std::string> argv,
                                  const std::string& lines, const Hands& hands) {
  if (step.index_url.starts_with('/')) return false;
  argv.emplace_back("--offline");
  const host::Outcome outcome = TRY(hands.control->run({.argv = std::move(argv),
                                                        .deadline = kWheelsDeadline,
                                                        .as = hands.run_as(),
                                                        .gives_way = hands.beside_a_build,
                                                        .input = lines,
                                                        .on_output = {}}));
  return outcome.success();
}

Result<> install_by_pip(const steps::InstallWheels& step, std::vector<std::string> argv,
                        const std::string& lines, const Hands& hands) {
  // pip may not open a pipe of root's, so it gets a file
  argv.push_back(step.env + "/bringup-requirements.txt");
  const std::string file = argv.back();
  TRY(hands.control->write(file, lines, 0644, hands.owner()));
  const auto installed = run_well(
      hands, {.argv = std::move(argv), .deadline = kWheelsDeadline, .gives_way = hands.beside_a_build});
  TRY(hands.control->remove_file(file, hands.owner()));
  return installed ? ok : Result<>(installed.error());
}

// uv's own is two minutes with an index that takes the connection and says nothing: too long where another
// one is to be asked after it.
std::vector<std::pair<std::string, std::string>> patience(const steps::InstallWheels& step) {
  if (step.others.empty() || std::getenv("UV_HTTP_TIMEOUT") != nullptr) return {};  // the user's own counts
  return {{"UV_HTTP_TIMEOUT", "15"}, {"UV_HTTP_RETRIES", "1"}};
}

Result<> install_from(const steps::InstallWheels& step, std::vector<std::string> argv,
                      const std::string& lines, const Hands& hands) {
  add_sources(step, argv);
  argv.insert(argv.end(), {"--no-deps", "--require-hashes", "-r"});
  if (step.tool != "uv") return install_by_pip(step, std::move(argv), lines, hands);
  argv.emplace_back("-");
  if (TRY(installed_from_cache(step, argv, lines, hands))) return ok;
  TRY(run_well(hands, {.argv = std::move(argv),
                       .deadline = kWheelsDeadline,
                       .environment = patience(step),
                       .gives_way = hands.beside_a_build,
                       .input = lines}));
  return ok;
}

// Why an index is left for the next one; "" when another one would not help.
std::string_view why_not(const Error& error) {
  if (error.code() == Errc::unreachable) return "does not answer any more";
  if (error.code() != Errc::failed) return "";
  const std::string said = base::lower(error.message());
  if (base::contains(said, "hash mismatch") || base::contains(said, "do not match the hashes"))
    return "gave a file that does not have its hash, of which nothing is kept";
  return "does not give all of it";
}

std::string host_of(std::string_view url) {
  const std::string plain = without_secrets(url);
  const std::size_t at = plain.find("://");
  const std::size_t from = at == std::string::npos ? 0 : at + 3;
  return plain.substr(from, plain.find('/', from) - from);
}

// Just these lines, each file held against its hash. An index that gives another file, or none, is left for
// the next one, and that is said.
Result<> install_lines(const steps::InstallWheels& step, const std::vector<std::string>& argv,
                       const std::string& lines, const Hands& hands) {
  steps::InstallWheels from = step;
  for (std::size_t next = 0;; ++next) {
    auto installed = install_from(from, argv, lines, hands);
    if (installed || next == step.others.size()) return installed;
    const std::string_view why = why_not(installed.error());
    if (why.empty()) return installed;
    const std::string& other = step.others[next];
    if (hands.say)
      hands.say(
          fmt::format("{}{} {}; {} is asked instead", kAloud, host_of(from.index_url), why, host_of(other)));
    from.index_url = other;
    from.find_links.clear();
    from.others.erase(from.others.begin());
  }
}

// Nothing but what comes with an environment that conda or venv makes.
bool is_bare(const Json& packages) {
  constexpr std::array<std::string_view, 4> kTools{"packaging", "pip", "setuptools", "wheel"};
  if (!packages.is_object()) return false;
  for (const auto& [name, version] : packages.items()) {
    if (std::ranges::find(kTools, std::string_view(name)) == kTools.end()) return false;
  }
  return true;
}

// An environment that this step fills is written down: what uv resolves is what is installed, by its hashes.
bool is_to_be_locked(const steps::InstallWheels& step, const Hands& hands) {
  return step.tool == "uv" && hands.before != nullptr && hands.before->contains("packages") &&
         is_bare((*hands.before)["packages"]);
}

std::string lock_of(const steps::InstallWheels& step) {
  return step.env + "/pylock.toml";
}

Result<std::string> resolve(const steps::InstallWheels& step, const Hands& hands) {
  if (hands.resolved != nullptr) {
    if (auto early = hands.resolved->answer(step)) return std::move(*early);
  }
  return TRY(run_well(hands, resolving(step, step.env + "/bin/python"))).out;
}

Result<> install_and_lock(const steps::InstallWheels& step, const std::vector<std::string>& argv,
                          const Hands& hands) {
  const std::string site = TRY(site_packages(step.env, hands.view));
  const std::size_t at = site.find("/python3.") + std::string_view("/python").size();
  const std::string resolved = TRY(resolve(step, hands));
  const steps::Lock lock = TRY(steps::parse_pylock(without_secrets(resolved), "what uv resolved",
                                                   {.python = site.substr(at, site.find('/', at) - at),
                                                    .platform = std::string(kPlatform),
                                                    .variant = step.variant,
                                                    .asked = step.packages}));
  TRY(install_lines(step, argv, base::join(steps::requirements(lock), "\n") + "\n", hands));
  return hands.control->write(lock_of(step), steps::to_toml(lock), 0644, hands.owner());
}

// What a killed installer left of a package would count as installed.
Result<> drop_half_installed(const steps::InstallWheels& step, const Hands& hands) {
  for (const std::string& directory : TRY(half_installed_in(step.env, hands.view)))
    TRY(hands.control->remove_tree(directory, hands.owner()));
  return ok;
}

}  // namespace

// The packages of the step can be whole while what they need is not: after an attempt that did not end the
// installer is asked again, which costs little when nothing is missing.
Result<bool> holds(const steps::InstallWheels& step, const Hands& hands) {
  if (hands.again) return false;
  const Packages packages = TRY(packages_in(step.env, hands.view));
  for (const std::string& text : step.packages) {
    const Requirement wanted = parse_requirement(text);
    const auto found = packages.find(wanted.name);
    if (found == packages.end()) return false;
    if (!wanted.version.empty() && !is_version(wanted.version, found->second)) return false;
  }
  return step.variant.empty() || TRY(torch_variant(step.env, hands.view)) == step.variant;
}
Result<Json> remember(const steps::InstallWheels& step, const Hands& hands) {
  Json before = {{"packages", Json::object()}};
  for (const auto& [name, version] : TRY(packages_in(step.env, hands.view)))
    before["packages"][name] = version;
  return before;
}
Result<> perform(const steps::InstallWheels& step, const Hands& hands) {
  TRY(check_tool(step));
  if (hands.again) TRY(wait_for_others(step.env, hands));
  if (hands.again) TRY(drop_half_installed(step, hands));
  std::vector<std::string> argv = tool_of(step, "install");
  const std::string variant = TRY(torch_variant(step.env, hands.view));
  if (!step.variant.empty() && !variant.empty() && variant != step.variant) add_reinstall(step, argv);
  if (is_locked(step)) return install_lines(step, argv, base::join(step.packages, "\n") + "\n", hands);
  if (is_to_be_locked(step, hands)) return install_and_lock(step, argv, hands);
  return run_tool(step, std::move(argv), step.packages, hands);
}
Result<> undo(const steps::InstallWheels& step, const Json& before, const Hands& hands) {
  if (!before.contains("packages") || !before["packages"].is_object())
    return Error(Errc::refused, step.env + ": what was installed before is not known; it stays");
  if (!hands.view.exists(step.env)) return ok;
  TRY(wait_for_others(step.env, hands));
  if (hands.again) TRY(drop_half_installed(step, hands));
  const Json& old = before["packages"];
  std::vector<std::string> brought;
  std::vector<std::string> changed;
  for (const auto& [name, version] : TRY(packages_in(step.env, hands.view))) {
    if (!old.contains(name)) brought.push_back(name);
  }
  const Packages now = TRY(packages_in(step.env, hands.view));
  for (const auto& [name, version] : old.items()) {
    const auto found = now.find(name);
    if (version.is_string() && (found == now.end() || found->second != version.get<std::string>()))
      changed.push_back(name + "==" + version.get<std::string>());
  }
  if (!brought.empty()) {
    std::vector<std::string> argv = tool_of(step, "uninstall");
    if (step.tool == "pip") argv.emplace_back("--yes");
    TRY(run_tool(step, std::move(argv), brought, hands));
  }
  if (is_bare(old)) TRY(hands.control->remove_file(lock_of(step), hands.owner()));
  return changed.empty() ? ok : run_tool(step, tool_of(step, "install"), changed, hands);
}

}  // namespace bringup::apply
