// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>
#include <bringup/catalog/row.hpp>
#include <bringup/catalog/signed.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace bringup::catalog {
namespace {

constexpr std::string_view kHead = "bringup-catalog 1";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

Error bad(std::string_view what) {
  return {Errc::malformed, fmt::format("no whole catalog file: {}", what)};
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  unsigned have = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (const char c : text) {
    const std::size_t value = kBase64.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U) | static_cast<unsigned>(value);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out += static_cast<char>((bits >> have) & 0xFFU);
  }
  return out;
}

// One table as the manifest names it.
struct Entry {
  std::string name;
  std::size_t size = 0;
  std::string sha256;
};

// The lines of a manifest, read into the bundle; tables are taken from the payload by the entries.
Result<std::vector<Entry>> read_manifest(Bundle& bundle) {
  std::vector<Entry> entries;
  const auto lines = base::lines(bundle.manifest);
  if (lines.empty() || lines[0] != kHead) return bad(fmt::format("it does not begin with '{}'", kHead));
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto words = base::words(lines[i]);
    const auto number = words.size() > 1 ? base::to_integer(words[words.size() == 4 ? 2 : 1]) : std::nullopt;
    if (words.size() == 2 && words[0] == "version" && number && *number > 0)
      bundle.version = *number;
    else if (words.size() == 2 && words[0] == "made" && is_date(words[1]) && words[1].size() == 10)
      bundle.made = std::string(words[1]);
    else if (words.size() == 2 && words[0] == "expires" && is_date(words[1]) && words[1].size() == 10)
      bundle.expires = std::string(words[1]);
    else if (words.size() == 4 && words[0] == "table" && number && *number >= 0 && *number < (16 << 20) &&
             words[3].size() == 64)
      entries.push_back({std::string(words[1]), static_cast<std::size_t>(*number), std::string(words[3])});
    else
      return bad(fmt::format("line {} is not understood", i + 1));
  }
  if (bundle.version == 0 || bundle.made.empty() || bundle.expires.empty() || entries.empty())
    return bad("version, made, expires or its tables are missing");
  return entries;
}

std::optional<std::string> from_hex(std::string_view text) {
  std::string out;
  if (text.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto byte = base::to_hex(text.substr(i, 2));
    if (!byte || text.substr(i, 2).find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
      return std::nullopt;
    out += static_cast<char>(*byte);
  }
  return out;
}

}  // namespace

Result<Bundle> parse_bundle(std::string_view bytes) {
  if (!bytes.starts_with(kHead)) return bad(fmt::format("it does not begin with '{}'", kHead));
  constexpr std::string_view kMark = "\nsignature ";
  const std::size_t mark = bytes.find(kMark);
  const std::size_t end = mark == std::string_view::npos ? mark : bytes.find('\n', mark + 1);
  if (end == std::string_view::npos) return bad("it ends before its signature");
  Bundle bundle;
  bundle.manifest = std::string(bytes.substr(0, mark + 1));
  const auto words = base::words(bytes.substr(mark + 1, end - mark - 1));
  const auto signature = words.size() == 3 ? from_base64(words[2]) : std::nullopt;
  if (!signature || signature->size() != 64) return bad("its signature is not of Ed25519");
  bundle.key = std::string(words[1]);
  bundle.signature = *signature;
  std::string_view payload = bytes.substr(end + 1);
  for (const Entry& entry : TRY(read_manifest(bundle))) {
    if (payload.size() < entry.size)
      return bad(fmt::format("it ends within {}: {} bytes of {}", entry.name, payload.size(), entry.size));
    std::string text(payload.substr(0, entry.size));
    if (base::sha256_hex(text) != entry.sha256)
      return bad(fmt::format("{} is not what the manifest says (SHA-256)", entry.name));
    if (!bundle.files.emplace(entry.name, std::move(text)).second) return bad(entry.name + " stands twice");
    payload.remove_prefix(entry.size);
  }
  if (!payload.empty()) return bad(fmt::format("{} bytes stand behind its last table", payload.size()));
  return bundle;
}

Result<std::vector<TrustedKey>> parse_trusted_keys(std::string_view text, std::string_view name) {
  std::vector<TrustedKey> out;
  TRY(each(text, name, {"key"}, [&out](std::string_view, Row& row) -> Result<> {
    const std::string id = TRY(row.text("id"));
    const auto bytes = from_hex(TRY(row.text("ed25519")));
    if (id.empty() || id.find(' ') != std::string::npos) return row.bad("id is empty or has a blank");
    if (!bytes || bytes->size() != 32) return row.bad("ed25519 is not 64 hexadecimal digits");
    out.push_back({id, *bytes});
    return ok;
  }));
  return out;
}

Result<> check_bundle(const Bundle& bundle, const std::vector<TrustedKey>& trusted, const Verify& verify,
                      std::int64_t seen, std::string_view today) {
  const auto key = std::ranges::find(trusted, bundle.key, &TrustedKey::id);
  if (key == trusted.end())
    return Error(
        Errc::refused,
        trusted.empty()
            ? "no key is trusted to sign catalogs: give the maintainers' with --key FILE, or put it into "
              "/etc/bringup/catalog-keys.toml"
            : fmt::format("the catalog is signed with the key '{}', which is not trusted", bundle.key));
  if (!TRY(verify(key->bytes, bundle.manifest, bundle.signature)))
    return Error(Errc::refused,
                 fmt::format("the signature is not that of the key '{}': the file was changed", bundle.key));
  if (bundle.version < seen)
    return Error(Errc::refused, fmt::format("version {} is older than version {}, which was in use here",
                                            bundle.version, seen));
  if (bundle.expires < today)
    return Error(Errc::refused, fmt::format("it expired on {}: get a newer one", bundle.expires));
  return ok;
}

std::string manifest_of(const Files& files, std::int64_t version, std::string_view made,
                        std::string_view expires) {
  std::string out = fmt::format("{}\nversion {}\nmade {}\nexpires {}\n", kHead, version, made, expires);
  for (const auto& [name, text] : files)
    out += fmt::format("table {} {} {}\n", name, text.size(), base::sha256_hex(text));
  return out;
}

std::string bundle_of(const Files& files, std::string_view manifest, std::string_view key,
                      std::string_view signature_base64) {
  std::string out = fmt::format("{}signature {} {}\n", manifest, key, signature_base64);
  for (const auto& [name, text] : files) out += text;
  return out;
}

}  // namespace bringup::catalog
