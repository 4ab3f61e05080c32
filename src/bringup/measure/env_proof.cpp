// SPDX-License-Identifier: Apache-2.0
// Runs prove_env.py inside an environment, and keeps what it told before it ended, however it ended.
#include <bringup/base/embedded.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/command.hpp>
#include <bringup/measure/child.hpp>
#include <bringup/measure/env_told.hpp>
#include <bringup/measure/measure.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace bringup::measure {
namespace {

constexpr std::array kUserVariables{"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER",  "NVIDIA_VISIBLE_DEVICES",
                                    "LD_LIBRARY_PATH",      "CUDA_HOME",          "NCCL_NVLS_ENABLE",
                                    "NCCL_P2P_DISABLE",     "NCCL_P2P_LEVEL",     "NCCL_SHM_DISABLE",
                                    "NCCL_IB_DISABLE",      "NCCL_CUMEM_ENABLE",  "NCCL_CUMEM_HOST_ENABLE",
                                    "NCCL_SOCKET_IFNAME",   "GLOO_SOCKET_IFNAME", "NCCL_CONF_FILE"};

std::string_view depth_name(EnvDepth depth) {
  switch (depth) {
    case EnvDepth::quick:
      return "quick";
    case EnvDepth::standard:
      return "standard";
    case EnvDepth::full:
      return "full";
  }
  return "quick";
}

std::string script() {
  const auto scripts = embedded_measure_scripts();
  std::string text;
  for (const std::string_view name : {"prove_env_parts.py", "prove_env.py"})
    text += std::ranges::find(scripts, name, &base::EmbeddedFile::name)->text;
  return text;
}

// ": the last line of stderr", or "".
std::string last_words(std::string_view err) {
  constexpr std::size_t kMost = 400;
  const auto lines = base::lines(base::trim(err));
  if (lines.empty() || lines.back().empty()) return "";
  return fmt::format(": {}", base::harmless(lines.back().substr(0, kMost)));
}

std::string ended(const host::Outcome& outcome) {
  if (const auto* killed = std::get_if<host::Killed>(&outcome.how)) {
    return "was killed by " + signal_words(killed->signal);
  }
  return outcome.success() ? "ended without an answer" : host::describe(outcome);
}

// What it is for a part that it began and did not end, or for all when nothing was told; `doing` is what it
// had begun.
Error end_of(const host::Outcome& outcome, const std::string& python, std::string_view doing) {
  const Errc code = std::holds_alternative<host::TimedOut>(outcome.how) ? Errc::timeout
                    : outcome.success()                                 ? Errc::malformed
                                                                        : Errc::failed;
  return {code, fmt::format("{} {}{}{}{}", python, ended(outcome), doing.empty() ? "" : " while ", doing,
                            last_words(outcome.err))};
}

host::Command command_for(const facts::PythonEnv& env, const std::vector<std::string>& modules,
                          const facts::User& user, Milliseconds deadline, EnvDepth depth) {
  host::Command command{.argv = {env.python, "-I", "-B", "-c", script(), std::string(depth_name(depth)),
                                 fmt::format("{:.3f}", static_cast<double>(deadline.count()) / 1000.0)},
                        .deadline = deadline};
  command.argv.insert(command.argv.end(), modules.begin(), modules.end());
  command.environment = user_environment();
  if (user.root && user.uid != 0) {
    command.as = host::RunAs{.uid = user.uid, .gid = user.gid, .name = user.name, .home = user.home};
  }
  return command;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> user_environment() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const char* name : kUserVariables) {
    if (const char* value = std::getenv(name)) out.emplace_back(name, value);
  }
  return out;
}

facts::Reading<facts::EnvProof> prove_env(const facts::PythonEnv& env,
                                          const std::vector<std::string>& modules, const facts::User& user,
                                          Milliseconds deadline, EnvDepth depth) {
  const host::Outcome outcome = TRY(host::run(command_for(env, modules, user, deadline, depth)));
  EnvTold told = read_told(outcome.out, end_of(outcome, env.python, ""));
  if (!told.any) return end_of(outcome, env.python, told.doing);
  told.proof.path = env.path;
  if (!told.whole) told.proof.cut_short = end_of(outcome, env.python, told.doing);
  return std::move(told.proof);
}

}  // namespace bringup::measure
