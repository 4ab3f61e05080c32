// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/embedded.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/command.hpp>
#include <bringup/measure/measure.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace bringup::measure {
namespace {

using nlohmann::json;
constexpr std::string_view kMarker = "bringup-proof: ";

// What the user's own programs would see of GPUs, and nothing else of the environment.
constexpr std::array kGpuVariables{"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES", "LD_LIBRARY_PATH",
                                   "CUDA_HOME", "NCCL_NVLS_ENABLE", "NCCL_P2P_DISABLE"};

std::string script() {
  const auto scripts = embedded_measure_scripts();
  return std::string(std::ranges::find(scripts, "prove_env.py", &base::EmbeddedFile::name)->text);
}

std::string text_or(const json& object, const char* key, const char* other) {
  return object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : other;
}

facts::ImportProof import_of(const json& one) {
  facts::ImportProof proof{.module = text_or(one, "module", "?")};
  if (one.contains("error") && one["error"].is_string()) proof.version = Error(Errc::failed, one["error"].get<std::string>());
  else proof.version = text_or(one, "version", "");
  if (one.contains("cuda") && one["cuda"].is_string()) proof.cuda = one["cuda"].get<std::string>();
  return proof;
}

facts::DeviceProof device_of(const json& one) {
  facts::DeviceProof proof{.index = one.value("index", -1)};
  if (one.contains("seconds") && one["seconds"].is_number()) proof.seconds = one["seconds"].get<double>();
  else proof.seconds = Error(Errc::failed, text_or(one, "error", "no time and no error"));
  return proof;
}

Result<json> answer_in(std::string_view out) {
  const std::size_t at = out.rfind(kMarker);
  if (at == std::string_view::npos) return Error(Errc::malformed, "Python ended without an answer");
  out.remove_prefix(at + kMarker.size());
  json answer = json::parse(out.substr(0, out.find('\n')), nullptr, false);
  if (!answer.is_object() || !answer.contains("imports") || !answer["imports"].is_array() || !answer.contains("devices") || !answer["devices"].is_array())
    return Error(Errc::malformed, "Python's answer is not what was asked");
  return answer;
}

std::string last_line(std::string_view text) {
  const auto lines = base::lines(text);
  return lines.empty() ? "" : std::string(lines.back());
}

}  // namespace

facts::Reading<facts::EnvProof> prove_env(const facts::PythonEnv& env, const std::vector<std::string>& modules, const facts::User& user,
                                          Milliseconds deadline) {
  host::Command command{.argv = {env.python, "-I", "-B", "-c", script()}, .deadline = deadline};
  command.argv.insert(command.argv.end(), modules.begin(), modules.end());
  for (const char* name : kGpuVariables) {
    if (const char* value = std::getenv(name)) command.environment.emplace_back(name, value);
  }
  if (user.root && user.uid != 0) command.as = host::RunAs{.uid = user.uid, .gid = user.gid, .name = user.name, .home = user.home};
  const host::Outcome outcome = TRY(host::run(command));
  if (!outcome.success())
    return Error(std::holds_alternative<host::TimedOut>(outcome.how) ? Errc::timeout : Errc::failed,
                 fmt::format("{} {}: {}", env.python, host::describe(outcome), last_line(outcome.err)));
  const json answer = TRY(answer_in(outcome.out));
  facts::EnvProof proof{.path = env.path, .imports = {}};
  for (const json& one : answer["imports"]) proof.imports.push_back(import_of(one));
  for (const json& one : answer["devices"]) proof.devices.push_back(device_of(one));
  if (answer.contains("device_count") && answer["device_count"].is_number_integer()) proof.device_count = answer["device_count"].get<int>();
  else proof.device_count = Error(Errc::failed, text_or(answer, "count_error", "torch could not be imported"));
  return proof;
}

}  // namespace bringup::measure
