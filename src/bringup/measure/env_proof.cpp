// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/embedded.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/command.hpp>
#include <bringup/measure/answer.hpp>
#include <bringup/measure/child.hpp>
#include <bringup/measure/measure.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace bringup::measure {
namespace {

using nlohmann::json;
// What prove_env.py writes in front of its answer, and in front of what it is about to do.
constexpr std::string_view kAnswer = "bringup-proof: ";
constexpr std::string_view kDoing = "bringup-doing: ";

// What decides how the user's own programs see the GPUs; nothing else of the environment is added.
constexpr std::array kGpuVariables{"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES",
                                   "LD_LIBRARY_PATH",      "CUDA_HOME",         "NCCL_NVLS_ENABLE",
                                   "NCCL_P2P_DISABLE"};

std::string script() {
  const auto scripts = embedded_measure_scripts();
  return std::string(std::ranges::find(scripts, "prove_env.py", &base::EmbeddedFile::name)->text);
}

facts::ImportProof import_of(const json& one) {
  facts::ImportProof proof{.module = text_in(one, "module")};
  if (const std::string why = text_in(one, "error"); !why.empty())
    proof.version = Error(Errc::failed, why);
  else
    proof.version = text_in(one, "version");
  if (const std::string cuda = text_in(one, "cuda"); !cuda.empty()) proof.cuda = cuda;
  return proof;
}

// A time that is no time is no proof.
facts::DeviceProof device_of(const json& one) {
  facts::DeviceProof proof;
  if (!one.is_object() || !one.contains("index") || !one["index"].is_number_integer()) {
    proof.seconds = Error(Errc::malformed, "Python told of a device without its number");
    return proof;
  }
  proof.index = one["index"].get<int>();
  const std::string why = text_in(one, "error");
  const auto seconds = one.find("seconds");
  if (!why.empty())
    proof.seconds = Error(Errc::failed, why);
  else if (seconds == one.end() || !seconds->is_number() || !(seconds->get<double>() > 0))
    proof.seconds = Error(Errc::malformed, "Python gave neither a time nor an error");
  else
    proof.seconds = seconds->get<double>();
  return proof;
}

std::string_view last_after(std::string_view out, std::string_view marker) {
  const std::size_t at = out.rfind(std::string("\n").append(marker));
  if (at == std::string_view::npos) return {};
  out.remove_prefix(at + 1 + marker.size());
  return out.substr(0, out.find('\n'));
}

// " while importing torchaudio", or "".
std::string while_doing(std::string_view out) {
  const std::string_view doing = last_after(out, kDoing);
  return doing.empty() ? "" : fmt::format(" while {}", doing);
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
  return host::describe(outcome);
}

Result<json> answer_in(const host::Outcome& outcome, const std::string& python) {
  if (!outcome.success()) {
    const bool late = std::holds_alternative<host::TimedOut>(outcome.how);
    return Error(
        late ? Errc::timeout : Errc::failed,
        fmt::format("{} {}{}{}", python, ended(outcome), while_doing(outcome.out), last_words(outcome.err)));
  }
  json answer = json::parse(last_after(outcome.out, kAnswer), nullptr, false);
  if (!answer.is_object() || !answer.contains("imports") || !answer["imports"].is_array() ||
      !answer.contains("devices") || !answer["devices"].is_array()) {
    return Error(Errc::malformed, fmt::format("{} ended without an answer{}{}", python,
                                              while_doing(outcome.out), last_words(outcome.err)));
  }
  return answer;
}

facts::Reading<int> device_count(const json& answer) {
  const auto count = answer.find("device_count");
  if (count != answer.end() && count->is_number_integer()) return count->get<int>();
  const std::string why = text_in(answer, "count_error");
  return Error(Errc::failed, why.empty() ? "torch could not be imported" : why);
}

}  // namespace

facts::Reading<facts::EnvProof> prove_env(const facts::PythonEnv& env,
                                          const std::vector<std::string>& modules, const facts::User& user,
                                          Milliseconds deadline) {
  host::Command command{.argv = {env.python, "-I", "-B", "-c", script()}, .deadline = deadline};
  command.argv.insert(command.argv.end(), modules.begin(), modules.end());
  for (const char* name : kGpuVariables) {
    if (const char* value = std::getenv(name)) command.environment.emplace_back(name, value);
  }
  if (user.root && user.uid != 0) {
    command.as = host::RunAs{.uid = user.uid, .gid = user.gid, .name = user.name, .home = user.home};
  }
  const host::Outcome outcome = TRY(host::run(command));
  const json answer = TRY(answer_in(outcome, env.python));
  facts::EnvProof proof{.path = env.path, .imports = {}};
  for (const json& one : answer["imports"]) proof.imports.push_back(import_of(one));
  proof.device_count = device_count(answer);
  for (const json& one : answer["devices"]) proof.devices.push_back(device_of(one));
  // Counted, and then stopped before it had tried them all.
  if (const std::string why = text_in(answer, "count_error"); !why.empty() && proof.device_count) {
    proof.devices.push_back({.index = -1, .seconds = Error(Errc::failed, why)});
  }
  return proof;
}

}  // namespace bringup::measure
