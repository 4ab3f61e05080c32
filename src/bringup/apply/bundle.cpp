// SPDX-License-Identifier: Apache-2.0
// A bundle's manifest, its check, and a plan that has it as its only source.
#include <bringup/apply/bundle.hpp>
#include <bringup/apply/hands.hpp>
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

constexpr std::string_view kSchema = "bringup.bundle/1";
constexpr std::size_t kPiece = std::size_t{1} << 20U;

bool stays_inside(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.size() > 512) return false;
  const auto parts = base::split(path, '/');
  const bool plain = std::ranges::all_of(path, [](char c) { return c > ' ' && c < 0x7f; });
  return plain && std::ranges::none_of(parts, [](std::string_view part) {
           return part.empty() || part == "." || part == "..";
         });
}

// Every text of the manifest that ends in a file of apt's or in an argument.
bool is_plain(std::string_view text) {
  return text.size() <= 200 &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '['; });
}

class Reader {
 public:
  Reader(const Json& json, std::string_view name) : json_(json), name_(name) {}
  Error wrong(std::string_view what) const {
    return {Errc::malformed,
            fmt::format("{}: {}; copy the bundle again, or make it anew", name_, base::harmless(what))};
  }
  Result<std::string> text(const char* key) const {
    const auto at = json_.find(key);
    if (at == json_.end() || !at->is_string() || !is_plain(at->get<std::string>()))
      return wrong(fmt::format("{} is missing or no plain text", key));
    return at->get<std::string>();
  }
  Result<std::vector<std::string>> texts(const char* key) const {
    const auto at = json_.find(key);
    std::vector<std::string> out;
    if (at == json_.end() || !at->is_array()) return wrong(fmt::format("{} is missing", key));
    for (const Json& one : *at) {
      if (!one.is_string() || !is_plain(one.get<std::string>()))
        return wrong(fmt::format("{}: no text", key));
      out.push_back(one.get<std::string>());
    }
    return out;
  }
  Result<BundleFile> file(const Json& one) const {
    if (!one.is_object() || !one.contains("path") || !one["path"].is_string() || !one.contains("size") ||
        !one["size"].is_number_unsigned() || !one.contains("sha256") || !one["sha256"].is_string())
      return wrong("a file without path, size or sha256");
    BundleFile out{.path = one["path"].get<std::string>(),
                   .size = one["size"].get<std::uint64_t>(),
                   .sha256 = one["sha256"].get<std::string>()};
    if (!stays_inside(out.path)) return wrong(fmt::format("{}: leads out of the bundle", out.path));
    if (!base::is_sha256(out.sha256)) return wrong(fmt::format("{}: no sha256", out.path));
    if (one.contains("git_sha") && one["git_sha"].is_string())
      out.git_sha = one["git_sha"].get<std::string>();
    if (!out.git_sha.empty() && !base::is_sha1(out.git_sha))
      return wrong(fmt::format("{}: no git_sha", out.path));
    return out;
  }
  // A bundle of an earlier version has none.
  Result<std::vector<BundleModel>> models() const {
    std::vector<BundleModel> out;
    const auto at = json_.find("models");
    if (at == json_.end()) return out;
    if (!at->is_array()) return wrong("models: no list");
    for (const Json& one : *at) {
      const Reader reader(one, name_);
      out.push_back({.name = TRY(reader.text("name")), .commit = TRY(reader.text("commit"))});
      if (!stays_inside(out.back().name)) return wrong(fmt::format("{}: no model", out.back().name));
    }
    return out;
  }

 private:
  const Json& json_;
  std::string_view name_;
};

Result<> check_file(const std::string& directory, const BundleFile& file, const host::View& view,
                    const BundleMeter& meter, std::uint64_t& bytes) {
  const std::string path = directory + "/" + file.path;
  const auto refuse = [&path](std::string_view what) {
    return Error(Errc::refused,
                 fmt::format("{}: {}; nothing was changed: copy the bundle again, or go on with 'bringup "
                             "bundle create' where it was made",
                             path, what));
  };
  const auto status = view.status(path);
  if (!status && status.error().code() == Errc::absent) return refuse("is missing in the bundle");
  if (!status) return status.error();
  if (status->kind != host::FileStatus::Kind::file) return refuse("is no regular file");
  if (status->size != file.size)
    return refuse(fmt::format("has {} bytes and should have {}", status->size, file.size));
  base::Digest digest(base::Digest::Kind::sha256);
  for (std::uint64_t at = 0; at < file.size;) {
    if (host::interrupted()) return Error(Errc::cancelled, "stopped while the bundle was checked");
    const std::string piece = TRY(view.read_part(path, at, kPiece));
    if (piece.empty()) break;
    digest.add(piece);
    at += piece.size();
    bytes += piece.size();
    if (meter) meter(bytes);
  }
  if (digest.hex() != file.sha256) return refuse("is not the file that the bundle was made with");
  return ok;
}

// What a bundle stands in for.
bool tells_sources(std::string_view id) {
  return id == "archive-component" || id == "archive-mirror" || id == "vendor-source";
}

// The key comes out of the bundle, and is held against the fingerprint that this program knows.
std::string take_key(steps::Plan& plan, const std::string& directory) {
  for (steps::Step& step : plan.steps) {
    auto* key = step.id == "vendor-key" ? std::get_if<steps::FetchFile>(&step.kind) : nullptr;
    if (key == nullptr) continue;
    key->url = directory + "/" + std::string(kVendorKey);
    return key->path;
  }
  return "";
}

std::string sources_of(const Bundle& bundle, const std::string& directory, const std::string& key) {
  std::string text =
      "# Written by bringup: the bundle that packages come from; apt holds it against the key.\n";
  for (const std::string& suite : bundle.archive)
    text += fmt::format("deb [signed-by={} check-valid-until=no] file:{}/apt {}\n", bundle.keyring, directory,
                        suite);
  if (!key.empty())
    text += fmt::format("deb [signed-by={} check-valid-until=no] file:{}/vendor /\n", key, directory);
  return text;
}

// Where the wheels of an environment lie: as the lock's torch says, or the index that they were chosen from.
// What comes from a second index lies beside them.
std::string wheels_for(const steps::Plan& plan, const std::string& env) {
  constexpr std::string_view kTorch = "torch==";
  for (const steps::Step& step : plan.steps) {
    const auto* wheels = std::get_if<steps::InstallWheels>(&step.kind);
    if (wheels == nullptr || wheels->env != env) continue;
    for (const std::string& line : wheels->packages) {
      const std::string_view version = std::string_view(line).substr(0, line.find(' '));
      if (version.starts_with(kTorch) && base::contains(version, "+")) return wheels_below(version);
    }
    return wheels_below(is_of_a_variant(*wheels) ? "+" + wheels->variant : "");
  }
  return wheels_below("");
}

void ask_only(steps::Step& step, const Bundle& bundle, const steps::Plan& chosen,
              const std::string& directory, const std::string& sources) {
  if (auto* packages = std::get_if<steps::InstallPackages>(&step.kind)) packages->sources = sources;
  if (auto* uv = std::get_if<steps::InstallUv>(&step.kind)) {
    uv->index_url = directory + "/wheels";
    uv->version = bundle.uv;
  }
  if (auto* wheels = std::get_if<steps::InstallWheels>(&step.kind)) {
    wheels->index_url = fmt::format("{}/{}", directory, wheels_for(chosen, wheels->env));
    wheels->find_links.clear();
    wheels->asks.clear();
    wheels->others.clear();
    step.changes = "packages out of the bundle";
  }
}

}  // namespace

std::string to_json(const Bundle& bundle) {
  Json files = Json::array();
  for (const BundleFile& file : bundle.files) {
    files.push_back({{"path", file.path}, {"size", file.size}, {"sha256", file.sha256}});
    if (!file.git_sha.empty()) files.back()["git_sha"] = file.git_sha;
  }
  Json models = Json::array();
  for (const BundleModel& model : bundle.models)
    models.push_back({{"name", model.name}, {"commit", model.commit}});
  const Json json = {{"schema", kSchema},        {"made_at", bundle.made_at}, {"version", bundle.version},
                     {"os", bundle.os},          {"arch", bundle.arch},       {"kernel", bundle.kernel},
                     {"gpus", bundle.gpus},      {"keyring", bundle.keyring}, {"archive", bundle.archive},
                     {"vendor", bundle.vendor},  {"uv", bundle.uv},           {"models", std::move(models)},
                     {"files", std::move(files)}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Bundle> parse_bundle(std::string_view json, std::string_view name) {
  const Json parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_object()) return Error(Errc::malformed, fmt::format("{}: is no bundle's manifest", name));
  const Reader reader(parsed, name);
  if (const auto schema = reader.text("schema"); !schema || *schema != kSchema)
    return reader.wrong(fmt::format("expected schema {}", kSchema));
  Bundle bundle{.made_at = TRY(reader.text("made_at")),
                .version = TRY(reader.text("version")),
                .os = TRY(reader.text("os")),
                .arch = TRY(reader.text("arch")),
                .kernel = TRY(reader.text("kernel")),
                .gpus = TRY(reader.texts("gpus")),
                .keyring = TRY(reader.text("keyring")),
                .archive = TRY(reader.texts("archive")),
                .vendor = parsed.contains("vendor") && parsed["vendor"] == true,
                .uv = TRY(reader.text("uv")),
                .models = TRY(reader.models())};
  if (!parsed.contains("files") || !parsed["files"].is_array()) return reader.wrong("files are missing");
  for (const Json& one : parsed["files"]) bundle.files.push_back(TRY(reader.file(one)));
  return bundle;
}

Result<> check_bundle(const std::string& directory, const Bundle& bundle, const host::View& view,
                      const BundleMeter& meter) {
  std::uint64_t bytes = 0;
  for (const BundleFile& file : bundle.files) TRY(check_file(directory, file, view, meter, bytes));
  return ok;
}

Result<steps::Plan> from_bundle(steps::Plan plan, const Bundle& bundle, const std::string& directory,
                                const std::string& state_directory) {
  const std::string sources = state_directory + "/bundle.list";
  const std::string key = bundle.vendor ? take_key(plan, directory) : "";
  std::erase_if(plan.steps, [](const steps::Step& step) { return tells_sources(step.id); });
  const steps::Plan chosen = plan;
  bool packages = false;
  for (steps::Step& step : plan.steps) {
    std::erase_if(step.needs, tells_sources);
    ask_only(step, bundle, chosen, directory, sources);
    if (!std::holds_alternative<steps::InstallPackages>(step.kind)) continue;
    step.needs.emplace_back("bundle-sources");
    packages = true;
  }
  if (packages && bundle.archive.empty())
    return Error(Errc::refused, "packages are needed here, and the bundle has none");
  if (!packages) return plan;
  const auto vendor = std::ranges::find(plan.steps, "vendor-key", &steps::Step::id);
  const auto first = vendor == plan.steps.end() ? plan.steps.begin() : std::next(vendor);
  plan.steps.insert(
      first, {.id = "bundle-sources",
              .kind = steps::WriteFile{.path = sources, .text = sources_of(bundle, directory, key)},
              .why = "packages come from the bundle alone; the system's own sources stay as they are",
              .changes = "one file beside the journal",
              .needs = key.empty() ? std::vector<std::string>{} : std::vector<std::string>{"vendor-key"}});
  return plan;
}

std::vector<steps::FetchModelFile> model_files(const Bundle& bundle, const BundleModel& model,
                                               const std::string& bundle_directory,
                                               const std::string& directory) {
  const std::string start = fmt::format("models/{}/", model.name);
  std::vector<steps::FetchModelFile> out;
  for (const BundleFile& file : bundle.files) {
    if (!file.path.starts_with(start)) continue;
    out.push_back({.endpoint = bundle_directory + "/models",
                   .repo = model.name,
                   .commit = model.commit,
                   .file = file.path.substr(start.size()),
                   .directory = directory,
                   .size = file.size,
                   .sha256 = file.git_sha.empty() ? file.sha256 : "",
                   .git_sha = file.git_sha});
  }
  return out;
}

}  // namespace bringup::apply
