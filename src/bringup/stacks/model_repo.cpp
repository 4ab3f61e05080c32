// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/stacks/model_repo.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace bringup::stacks {
namespace {

using Json = nlohmann::ordered_json;

// Weights in formats that neither exllamav2 nor torchtune reads; where there are safetensors they are the
// same again.
constexpr std::array<std::string_view, 14> kOther{".bin",     ".pt",   ".pth",     ".ckpt",
                                                  ".gguf",    ".ggml", ".onnx",    ".onnx_data",
                                                  ".h5",      ".ot",   ".msgpack", ".tflite",

                                                  ".mlmodel", ".npz"};
constexpr std::string_view kOriginal = "original/";

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_name(std::string_view text) {
  constexpr std::size_t kMost = 96;
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= kMost && std::ranges::all_of(text, plain) && text.front() != '.' &&
         text.front() != '-' && text.back() != '.' && !base::contains(text, "..");
}

std::string text_in(const Json& json, const char* key) {
  const auto at = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && at != json.end() && at->is_string() ? at->get<std::string>() : "";
}

// false, "auto" and "manual" are what the hub says.
bool is_set(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && (at->is_string() || (at->is_boolean() && at->get<bool>()));
}

// .cache is where the state of a download is kept.
bool may_be_made(std::string_view path) {
  constexpr std::size_t kMost = 500;
  const auto bad = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f' || c == '\\'; };
  if (path.size() > kMost || std::ranges::any_of(path, bad) || path.starts_with(".cache/")) return false;
  const auto parts = base::split(path, '/');
  return std::ranges::none_of(
      parts, [](std::string_view part) { return part.empty() || part == "." || part == ".."; });
}

Result<RepoFile> file_of(const Json& json) {
  RepoFile file{.path = text_in(json, "rfilename")};
  const std::string shown = base::harmless(file.path);
  if (!may_be_made(file.path))
    return Error(Errc::malformed,
                 fmt::format("the hub names a file '{}', which must not be made here", shown));
  const auto lfs = json.find("lfs");
  const bool large = lfs != json.end() && lfs->is_object();
  const Json& about = large ? *lfs : json;
  const auto size = about.find("size");
  constexpr std::uint64_t kMost = std::uint64_t{1} << 50U;
  if (size == about.end() || !size->is_number_unsigned() || size->get<std::uint64_t>() > kMost)
    return Error(Errc::malformed, fmt::format("the hub does not say how large {} is", shown));
  file.size = size->get<std::uint64_t>();
  if (large)
    file.sha256 = text_in(*lfs, "sha256");
  else
    file.git_sha = text_in(json, "blobId");
  if (!is_hex(file.sha256, 64) && !is_hex(file.git_sha, 40))
    return Error(Errc::malformed,
                 fmt::format("the hub gives no hash for {}: nothing could be checked", shown));
  return file;
}

std::string licence_of(const Json& json) {
  const auto card = json.find("cardData");
  if (card == json.end() || !card->is_object()) return "";
  const std::string name = text_in(*card, "license_name");
  return name.empty() ? text_in(*card, "license") : name;
}

bool is_weights(const RepoFile& file) {
  return file.path.ends_with(".safetensors") && !file.path.starts_with(kOriginal);
}

bool in_another_format(std::string_view path) {
  return path.starts_with("onnx/") || path.starts_with("openvino/") || path.starts_with("coreml/") ||
         std::ranges::any_of(kOther, [path](std::string_view end) { return path.ends_with(end); });
}

// Mistral's repositories carry the model a second time as consolidated*.
bool is_second(std::string_view path) {
  return path.starts_with("consolidated") && path.ends_with(".safetensors");
}

}  // namespace

Result<RepoName> parse_repo_name(std::string_view text) {
  RepoName name;
  const std::size_t at = text.find('@');
  const std::string_view repo = text.substr(0, at);
  const auto parts = base::split(repo, '/');
  if (parts.size() <= 2 && std::ranges::all_of(parts, is_name)) name.repo = std::string(repo);
  if (at != std::string_view::npos) name.revision = std::string(text.substr(at + 1));
  const auto bad = [](char c) { return c <= ' ' || c == '\x7f'; };
  if (name.repo.empty() || name.revision.empty() || std::ranges::any_of(name.revision, bad))
    return Error(Errc::usage, fmt::format("'{}': expected a repository like meta-llama/Meta-Llama-3-8B, with "
                                          "@revision behind it or not",
                                          base::harmless(text)));
  return name;
}

Result<Repo> parse_repo(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  Repo repo;
  const auto siblings = json.is_object() ? json.find("siblings") : json.end();
  if (json.is_object()) repo.commit = text_in(json, "sha");
  if (!json.is_object() || siblings == json.end() || !siblings->is_array() || !is_hex(repo.commit, 40))
    return Error(Errc::malformed, "expected what a hub says about a model: its sha and its siblings");
  repo.id = text_in(json, "id");
  repo.licence = licence_of(json);
  repo.gated = is_set(json, "gated");
  repo.secret = is_set(json, "private");
  for (const Json& one : *siblings) repo.files.push_back(TRY(file_of(one)));
  std::ranges::sort(repo.files, {}, &RepoFile::path);
  if (std::ranges::adjacent_find(repo.files, {}, &RepoFile::path) != repo.files.end())
    return Error(Errc::malformed, "the hub names a file twice");
  return repo;
}

std::vector<RepoFile> wanted_files(const Repo& repo, Layout layout) {
  const bool safe = std::ranges::any_of(repo.files, is_weights);
  const bool first = std::ranges::any_of(
      repo.files, [](const RepoFile& file) { return is_weights(file) && !is_second(file.path); });
  std::vector<RepoFile> files;
  for (const RepoFile& file : repo.files) {
    const bool original = file.path.starts_with(kOriginal);
    if (original && layout != Layout::safetensors) files.push_back(file);
    if (original || layout == Layout::original || file.path == ".gitattributes") continue;
    const bool again = (safe && in_another_format(file.path)) || (first && is_second(file.path));
    if (!again) files.push_back(file);
  }
  return files;
}

std::uint64_t bytes_of(const std::vector<RepoFile>& files) {
  std::uint64_t bytes = 0;
  for (const RepoFile& file : files) bytes += file.size;
  return bytes;
}

}  // namespace bringup::stacks
