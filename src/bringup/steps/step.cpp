// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/digest.hpp>
#include <bringup/base/overloaded.hpp>
#include <bringup/base/text.hpp>
#include <bringup/steps/step.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace bringup::steps {
namespace {

using base::overloaded;
using nlohmann::ordered_json;

constexpr std::string_view kSchema = "bringup.plan-file/1";
constexpr std::array<std::string_view, std::variant_size_v<Kind>> kNames{
    "write-file",      "edit-block",       "fetch-file",   "install-packages",
    "hold-packages",   "load-module",      "install-uv",   "create-env",
    "install-wheels",  "fetch-model-file", "enrol-key",    "install-from-repository-file",
    "build-extension", "enable-service",   "install-conda"};

// The fields of each kind with their keys, once: for writing and for reading. true: added later, and absent
// in older plans and journals.
template <typename K, typename F>
void fields(K& kind, F&& visit) {
  using T = std::remove_const_t<K>;
  if constexpr (std::is_same_v<T, WriteFile>)
    visit("path", kind.path), visit("text", kind.text), visit("mode", kind.mode);
  if constexpr (std::is_same_v<T, EditBlock>)
    visit("path", kind.path), visit("name", kind.name), visit("text", kind.text);
  if constexpr (std::is_same_v<T, FetchFile>)
    visit("url", kind.url), visit("path", kind.path), visit("sha256", kind.sha256),
        visit("fingerprint", kind.fingerprint), visit("mode", kind.mode);
  if constexpr (std::is_same_v<T, InstallPackages>)
    visit("manager", kind.manager), visit("packages", kind.packages), visit("dnf_module", kind.dnf_module),
        visit("builds_for", kind.builds_for), visit("sources", kind.sources, true);
  if constexpr (std::is_same_v<T, HoldPackages>)
    visit("manager", kind.manager), visit("packages", kind.packages), visit("plugin", kind.plugin, true);
  if constexpr (std::is_same_v<T, LoadModule>) visit("module", kind.module);
  if constexpr (std::is_same_v<T, EnableService>) visit("service", kind.service), visit("now", kind.now);
  if constexpr (std::is_same_v<T, InstallFromRepositoryFile>)
    visit("path", kind.path), visit("sha256", kind.sha256), visit("packages", kind.packages);
  if constexpr (std::is_same_v<T, EnrolKey>) visit("certificates", kind.certificates);
  if constexpr (std::is_same_v<T, InstallUv>)
    visit("path", kind.path), visit("python", kind.python), visit("version", kind.version),
        visit("index_url", kind.index_url, true);
  if constexpr (std::is_same_v<T, CreateEnv>)
    visit("path", kind.path), visit("tool", kind.tool), visit("manager", kind.manager),
        visit("python", kind.python), visit("channel", kind.channel, true);
  if constexpr (std::is_same_v<T, InstallConda>)
    visit("path", kind.path), visit("url", kind.url), visit("sha256", kind.sha256), visit("size", kind.size),
        visit("config", kind.config);
  if constexpr (std::is_same_v<T, InstallWheels>)
    visit("env", kind.env), visit("tool", kind.tool), visit("manager", kind.manager),
        visit("packages", kind.packages), visit("index_url", kind.index_url), visit("variant", kind.variant),
        visit("find_links", kind.find_links, true), visit("asks", kind.asks, true),
        visit("others", kind.others, true);
  if constexpr (std::is_same_v<T, FetchModelFile>)
    visit("endpoint", kind.endpoint), visit("repo", kind.repo), visit("commit", kind.commit),
        visit("file", kind.file), visit("directory", kind.directory), visit("size", kind.size),
        visit("sha256", kind.sha256), visit("git_sha", kind.git_sha);
  if constexpr (std::is_same_v<T, BuildExtension>)
    visit("env", kind.env), visit("module", kind.module), visit("imports", kind.imports),
        visit("torch", kind.torch), visit("cuda_home", kind.cuda_home), visit("compiler", kind.compiler),
        visit("architectures", kind.architectures), visit("jobs", kind.jobs);
}

std::string dump(const ordered_json& json) {
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json step_json(const Step& step) {
  ordered_json json = {{"id", step.id},           {"kind", kind_name(step.kind)}, {"why", step.why},
                       {"changes", step.changes}, {"needs", step.needs},          {"as_user", step.as_user}};
  std::visit(
      [&json](const auto& kind) {
        fields(kind, [&json](const char* key, const auto& value, bool = false) { json["do"][key] = value; });
      },
      step.kind);
  return json;
}

// Reads typed values out of an object and keeps the first complaint.
class Reader {
 public:
  explicit Reader(const ordered_json& json, std::string of) : json_(json), of_(std::move(of)) {}
  void get(const char* key, std::string& into) {
    if (const auto* value = find(key, &ordered_json::is_string)) into = value->get<std::string>();
  }
  void get(const char* key, bool& into) {
    if (const auto* value = find(key, &ordered_json::is_boolean)) into = value->get<bool>();
  }
  void get(const char* key, int& into) {
    if (const auto* value = find(key, &ordered_json::is_number_integer)) into = value->get<int>();
  }
  void get(const char* key, std::uint32_t& into) {
    const auto* value = find(key, &ordered_json::is_number_integer);
    if (value == nullptr) return;
    const auto number = value->get<std::int64_t>();
    if (number < 0 || number > 07777)
      fail(key, "is no file mode");
    else
      into = static_cast<std::uint32_t>(number);
  }
  void get(const char* key, std::uint64_t& into) {
    const auto* value = find(key, &ordered_json::is_number_unsigned);
    if (value != nullptr) into = value->get<std::uint64_t>();
  }
  void get(const char* key, std::vector<std::string>& into) {
    const auto* value = find(key, &ordered_json::is_array);
    if (value == nullptr) return;
    for (const ordered_json& one : *value) {
      if (!one.is_string()) return fail(key, "holds something that is not a text");
      into.push_back(one.get<std::string>());
    }
  }
  bool has(const char* key) const { return json_.is_object() && json_.contains(key); }
  const std::optional<Error>& error() const { return error_; }

 private:
  const ordered_json* find(const char* key, bool (ordered_json::*is)() const noexcept) {
    const auto at = json_.is_object() ? json_.find(key) : json_.end();
    if (!json_.is_object() || at == json_.end())
      fail(key, "is missing");
    else if (!((*at).*is)())
      fail(key, "is not of the expected type");
    else
      return &*at;
    return nullptr;
  }
  void fail(const char* key, const char* how) {
    if (!error_) error_ = Error(Errc::malformed, fmt::format("{}: {} {}", of_, key, how));
  }
  const ordered_json& json_;
  std::string of_;
  std::optional<Error> error_;
};

template <std::size_t I = 0>
Result<Kind> kind_of(std::string_view name, const ordered_json& json, const std::string& of) {
  if constexpr (I == std::variant_size_v<Kind>) {
    return Error(Errc::malformed, fmt::format("{}: unknown kind '{}'", of, base::harmless(name)));
  } else {
    if (name != kNames[I]) return kind_of<I + 1>(name, json, of);
    std::variant_alternative_t<I, Kind> kind;
    Reader reader(json, of);
    fields(kind, [&reader](const char* key, auto& value, bool added = false) {
      if (!added || reader.has(key)) reader.get(key, value);
    });
    if (reader.error()) return *reader.error();
    return Kind(std::move(kind));
  }
}

// What comes from the network must be known beforehand.
bool checkable(const Kind& kind) {
  const auto* fetch = std::get_if<FetchFile>(&kind);
  const auto* model = std::get_if<FetchModelFile>(&kind);
  const auto* repository = std::get_if<InstallFromRepositoryFile>(&kind);
  const auto* conda = std::get_if<InstallConda>(&kind);
  if (conda != nullptr) return base::is_sha256(conda->sha256);
  if (repository != nullptr) return base::is_sha256(repository->sha256);
  return (fetch == nullptr || !fetch->sha256.empty() || !fetch->fingerprint.empty()) &&
         (model == nullptr || !model->sha256.empty() || !model->git_sha.empty());
}

Result<Step> step_of(const ordered_json& json) {
  Step step;
  std::string kind;
  Reader reader(json, "step");
  reader.get("id", step.id);
  reader.get("kind", kind);
  reader.get("why", step.why);
  reader.get("changes", step.changes);
  reader.get("needs", step.needs);
  reader.get("as_user", step.as_user);
  if (reader.error()) return *reader.error();
  if (!json.contains("do") || !json["do"].is_object())
    return Error(Errc::malformed, fmt::format("step '{}': do is missing", base::harmless(step.id)));
  step.kind = TRY(kind_of(kind, json["do"], fmt::format("step '{}'", base::harmless(step.id))));
  if (!checkable(step.kind))
    return Error(Errc::malformed, fmt::format("step '{}': no hash or fingerprint: nothing could be checked",
                                              base::harmless(step.id)));
  return step;
}

Result<> check_order(const std::vector<Step>& steps) {
  std::vector<std::string> before;
  for (const Step& step : steps) {
    if (std::ranges::find(before, step.id) != before.end())
      return Error(Errc::malformed, fmt::format("two steps are called '{}'", base::harmless(step.id)));
    for (const std::string& need : step.needs) {
      if (std::ranges::find(before, need) == before.end())
        return Error(Errc::malformed, fmt::format("step '{}' needs '{}', which does not come before it",
                                                  base::harmless(step.id), base::harmless(need)));
    }
    before.push_back(step.id);
  }
  return ok;
}

// "torch==2.14.1 idna==3.20" of lines that may have hashes.
std::string without_hashes(const std::vector<std::string>& packages) {
  std::string out;
  for (const std::string& one : packages)
    out += (out.empty() ? "" : " ") + one.substr(0, one.find(" --hash="));
  return out;
}

}  // namespace

std::string_view kind_name(const Kind& kind) {
  return kNames.at(kind.index());
}

std::string target(const Kind& kind) {
  return std::visit(
      overloaded{[](const WriteFile& one) { return one.path; }, [](const EditBlock& one) { return one.path; },
                 [](const FetchFile& one) { return one.path; },
                 [](const InstallPackages& one) { return base::join(one.packages, " "); },
                 [](const HoldPackages& one) { return base::join(one.packages, " "); },
                 [](const InstallFromRepositoryFile& one) { return base::join(one.packages, " "); },
                 [](const LoadModule& one) { return one.module; },
                 [](const EnableService& one) { return one.service; },
                 [](const EnrolKey& one) { return base::join(one.certificates, " or "); },
                 [](const InstallUv& one) { return one.path; }, [](const CreateEnv& one) { return one.path; },
                 [](const InstallConda& one) { return one.path; },
                 [](const InstallWheels& one) { return without_hashes(one.packages); },
                 [](const FetchModelFile& one) { return one.directory + "/" + one.file; },
                 [](const BuildExtension& one) { return fmt::format("{} in {}", one.module, one.env); }},
      kind);
}

std::string to_json(const Step& step) {
  return dump(step_json(step));
}

std::string to_json(const Plan& plan) {
  ordered_json json = {
      {"schema", kSchema},
      {"machine", plan.machine},
      {"goal", plan.goal},
      {"made_at", plan.made_at},
      {"user",
       {{"name", plan.user.name}, {"home", plan.user.home}, {"uid", plan.user.uid}, {"gid", plan.user.gid}}},
      {"steps", ordered_json::array()}};
  if (!plan.goal_file.empty()) json["goal_file"] = plan.goal_file;
  for (const Step& step : plan.steps) json["steps"].push_back(step_json(step));
  return dump(json);
}

Result<Step> parse_step(std::string_view text) {
  return step_of(ordered_json::parse(text, nullptr, false));
}

Result<Plan> parse_plan(std::string_view text) {
  const auto json = ordered_json::parse(text, nullptr, false);
  if (!json.is_object()) return Error(Errc::malformed, "no plan file: not a JSON object");
  Plan plan;
  std::string schema;
  Reader reader(json, "plan");
  reader.get("schema", schema);
  reader.get("machine", plan.machine);
  reader.get("goal", plan.goal);
  reader.get("made_at", plan.made_at);
  if (reader.has("goal_file")) reader.get("goal_file", plan.goal_file);
  if (reader.error()) return *reader.error();
  if (schema != kSchema)
    return Error(Errc::malformed,
                 fmt::format("no plan file: schema '{}', expected '{}'", base::harmless(schema), kSchema));
  if (!json.contains("user") || !json.contains("steps") || !json["steps"].is_array())
    return Error(Errc::malformed, "plan: user or steps are missing");
  Reader user(json["user"], "user");
  user.get("name", plan.user.name);
  user.get("home", plan.user.home);
  user.get("uid", plan.user.uid);
  user.get("gid", plan.user.gid);
  if (user.error()) return *user.error();
  for (const ordered_json& step : json["steps"]) plan.steps.push_back(TRY(step_of(step)));
  TRY(check_order(plan.steps));
  return plan;
}

}  // namespace bringup::steps
