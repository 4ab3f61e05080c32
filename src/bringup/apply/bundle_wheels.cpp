// SPDX-License-Identifier: Apache-2.0
// The wheels of a bundle: resolved for the machine that it is for, from the indexes that its plan names.
#include <bringup/apply/bundle.hpp>
#include <bringup/apply/python_env.hpp>
#include <bringup/apply/resolved_ahead.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/hub.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

constexpr int kMostHops = 6;

// The version alone would be PyPI's torch as well, where both indexes are asked.
std::vector<std::string> named_exactly(const steps::InstallWheels& step) {
  std::vector<std::string> packages = step.packages;
  for (std::string& one : packages) {
    if (is_of_a_variant(step) && one.starts_with("torch==") && !base::contains(one, "+"))
      one += "+" + step.variant;
  }
  return packages;
}

// What is wanted of two indexes is resolved as one, because it comes into one environment: the newest that
// fits of either, of the same version PyTorch's.
void ask_both(const steps::InstallWheels& torch, const steps::InstallWheels& others,
              std::vector<std::string>& argv) {
  if (!others.index_url.empty()) argv.insert(argv.end(), {"--index-url", others.index_url});
  argv.insert(argv.end(), {"--extra-index-url", torch.index_url, "--index-strategy", "unsafe-best-match"});
}

std::vector<std::string> question(const WheelTarget& target, std::vector<steps::InstallWheels> env,
                                  bool of_the_place) {
  std::string glibc = target.glibc;
  std::ranges::replace(glibc, '.', '_');
  std::vector<std::string> argv{target.uv,           "pip",
                                "compile",           "-",
                                "--format",          "pylock.toml",
                                "--quiet",           "--no-header",
                                "--only-binary",     ":all:",
                                "--python-version",  target.python,
                                "--python-platform", fmt::format("{}-manylinux_{}", target.arch, glibc)};
  for (steps::InstallWheels& step : env) {
    if (of_the_place && !step.asks.empty()) step.index_url = step.asks;
  }
  if (env.size() > 1 && env.front().find_links.empty())
    ask_both(env.front(), env.back(), argv);
  else
    add_sources(env.front(), argv);
  return argv;
}

Result<steps::Lock> resolved(const WheelTarget& target, const std::vector<steps::InstallWheels>& env,
                             bool of_the_place, host::Control& control) {
  steps::Lock made{.python = target.python, .platform = target.arch, .variant = env.front().variant};
  std::string input;
  for (const steps::InstallWheels& step : env) {
    made.asked.insert(made.asked.end(), step.packages.begin(), step.packages.end());
    input += base::join(named_exactly(step), "\n") + "\n";
  }
  const std::vector<std::string> argv = question(target, env, of_the_place);
  const host::Outcome outcome =
      TRY(control.run({.argv = argv, .deadline = std::chrono::minutes(30), .input = std::move(input)}));
  if (!outcome.success()) return trouble_of(argv, outcome);
  return steps::parse_pylock(outcome.out, "what uv resolved", std::move(made));
}

// An index that is a page of links says of no file how large it is.
Result<std::uint64_t> size_at(const std::string& url, host::Control& control) {
  const auto run = [&control](const host::Command& command) { return control.run(command); };
  host::HubAnswer answer{.at = url};
  for (int hop = 0; hop < kMostHops; ++hop) {
    const std::string from = answer.at;
    answer =
        TRY(host::ask_hub({.endpoint = from, .token = {}}, run, {.path = "", .range = "", .head = true}));
    if (answer.status / 100 != 3 || answer.at == from) break;
  }
  if (answer.status == 200 && answer.length > 0) return answer.length;
  return Error(Errc::unsupported,
               fmt::format("{}: how large it is cannot be learned: the server answered with HTTP status {} "
                           "and {} bytes",
                           without_secrets(url), answer.status, answer.length));
}

bool is_wheel(const steps::LockedFile& file) {
  const std::string name = steps::file_name(file);
  return !file.source && !file.url.empty() && !name.empty() && !base::contains(name, "/");
}

std::string at_the_mirror(const steps::Lock& mirror, std::string_view package, const std::string& name) {
  const steps::LockedPackage* there = steps::find_package(mirror, package);
  if (there == nullptr) return "";
  const auto same = std::ranges::find(there->files, name, &steps::file_name);
  return same == there->files.end() ? "" : same->url;
}

}  // namespace

// PyTorch's own index has a page for each variant.
bool is_of_a_variant(const steps::InstallWheels& step) {
  const std::string end = "/" + step.variant;
  return !step.variant.empty() && (step.index_url.ends_with(end) || step.find_links.ends_with(end + "/"));
}

std::string wheels_below(std::string_view torch) {
  const std::size_t plus = torch.find('+');
  return plus == std::string_view::npos ? "wheels" : fmt::format("wheels/{}", torch.substr(plus + 1));
}

std::string wheels_of(const steps::Lock& lock) {
  const steps::LockedPackage* torch = steps::find_package(lock, "torch");
  return wheels_below(torch == nullptr ? "" : std::string_view(torch->version));
}

bool has_pytorch(const Bundle& bundle) {
  return std::ranges::any_of(bundle.files, [](const BundleFile& file) {
    return file.path.starts_with("wheels/") && std::ranges::count(file.path, '/') > 1;
  });
}

Result<BundleLock> bundle_lock(const WheelTarget& target, const std::vector<steps::InstallWheels>& env,
                               host::Control& control) {
  BundleLock out{.lock = TRY(resolved(target, env, true, control)), .mirror = {}};
  const bool mirrored =
      std::ranges::any_of(env, [](const steps::InstallWheels& step) { return !step.asks.empty(); });
  if (!mirrored) return out;
  // Without an answer of the mirror's all comes from the place itself.
  if (auto mirror = resolved(target, env, false, control)) out.mirror = std::move(*mirror);
  return out;
}

Result<std::vector<BundleFile>> wheel_files(const BundleLock& from, host::Control& control) {
  std::vector<BundleFile> files;
  const std::string below = wheels_of(from.lock);
  for (const steps::LockedPackage& package : from.lock.packages) {
    const std::size_t before = files.size();
    for (const steps::LockedFile& file : package.files) {
      if (!is_wheel(file)) continue;
      const std::string name = steps::file_name(file);
      BundleFile one{.path = fmt::format("{}/{}", below, name),
                     .size = file.size == 0 ? TRY(size_at(file.url, control)) : file.size,
                     .sha256 = file.sha256,
                     .url = at_the_mirror(from.mirror, package.name, name)};
      (one.url.empty() ? one.url : one.other_url) = file.url;
      files.push_back(std::move(one));
    }
    if (files.size() == before)
      return Error(Errc::unsupported,
                   fmt::format("{} {} has no wheel: a bundle cannot carry what is compiled from source",
                               package.name, package.version));
  }
  return files;
}

}  // namespace bringup::apply
