// SPDX-License-Identifier: Apache-2.0
#pragma once
// A catalog in one signed file, which may replace the compiled-in one: doc/catalog.md has the format. A file
// is refused when it is cut, changed, expired, older than one that was seen before, or signed by nobody who
// is trusted.

#include <bringup/catalog/catalog.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::catalog {

struct Bundle {
  std::int64_t version = 0;  // rises with every release; never falls
  std::string made;          // "2026-11-25"
  std::string expires;       // the last day on which it is taken
  std::string key;           // the id of the key that signed it
  std::string signature;     // 64 bytes
  std::string manifest;      // what is signed: everything before the signature's line
  Files files;
};

// A key that may sign catalogs: its id and its 32 bytes.
struct TrustedKey {
  std::string id;
  std::string bytes;
};

// Whether the signature is the key's over the message; Errc::unsupported when nothing here can tell.
using Verify = std::function<Result<bool>(const std::string& key, std::string_view message,
                                          const std::string& signature)>;

// Reads the file and holds every table against its SHA-256.
Result<Bundle> parse_bundle(std::string_view bytes);
// [[key]] id = "...", ed25519 = 64 hexadecimal digits.
Result<std::vector<TrustedKey>> parse_trusted_keys(std::string_view text, std::string_view name);

// Refuses, in this order: an unknown key, a wrong signature, a version below `seen`, an expired file.
Result<> check_bundle(const Bundle& bundle, const std::vector<TrustedKey>& trusted, const Verify& verify,
                      std::int64_t seen, std::string_view today);

// What is signed, of these tables. The file is this, the line "signature KEY BASE64", and the tables.
std::string manifest_of(const Files& files, std::int64_t version, std::string_view made,
                        std::string_view expires);
std::string bundle_of(const Files& files, std::string_view manifest, std::string_view key,
                      std::string_view signature_base64);

// Makes built_in() give these tables instead of the compiled-in ones, which stay when these do not load (a
// later program may want more of a table): origin() says which it became. Before the first call of
// built_in(); later it aborts, because what was decided by then stands on other rows.
void replace_built_in(Files files, std::string origin);
// Where built_in() comes from: "compiled in", or the origin of what replaced it.
const std::string& origin();
// The files that replaced the compiled-in ones, or those.
const Files& files_in_use();
// One of them, without a copy of all that were compiled in; "" when it is not there.
std::string_view text_in_use(std::string_view name);
std::string_view compiled_in_text(std::string_view name);

}  // namespace bringup::catalog
