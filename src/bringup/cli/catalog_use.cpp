// SPDX-License-Identifier: Apache-2.0
// A signed catalog in place of the compiled-in one.
#include <bringup/catalog/signed.hpp>
#include <bringup/cli/catalog.hpp>
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/host/signature.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <unistd.h>

namespace bringup::cli {
namespace {

constexpr std::string_view kKeys = "/etc/bringup/catalog-keys.toml";

std::string kept_at(const Options& options) {
  return state_directory_of(options, current_user()) + "/catalog";
}

std::string today() {
  return host::iso_time(host::real_clock().now()).substr(0, 10);
}

// Keys that were compiled in, that the administrator put on this machine, and that were given now.
Result<std::vector<catalog::TrustedKey>> trusted(const Options& options, const host::View& view) {
  std::vector<catalog::TrustedKey> out =
      TRY(catalog::parse_trusted_keys(catalog::compiled_in().at("signers.toml"), "signers.toml"));
  std::vector<std::string> files;
  if (view.exists(kKeys)) files.emplace_back(kKeys);
  if (!options.key.empty())
    files.push_back(std::filesystem::absolute(options.key).lexically_normal().string());
  for (const std::string& file : files) {
    for (catalog::TrustedKey& key :
         TRY(catalog::parse_trusted_keys(TRY(view.read(file).within("--key")), file)))
      out.push_back(std::move(key));
  }
  return out;
}

// As root, a file that somebody else can write is not a catalog but a way in.
bool safe(const host::FileStatus& status) {
  const auto self = static_cast<int>(::geteuid());
  return status.kind == host::FileStatus::Kind::file && (status.mode & 022U) == 0 &&
         (status.uid == 0 || status.uid == self);
}

}  // namespace

void take_catalog(const Options& options, const host::View& view) {
  const std::string path = kept_at(options);
  const auto status = view.status(path);
  if (!status) return;
  const auto refuse = [&](const std::string& why) {
    say(options, fmt::format("{}: {}; the compiled-in catalog serves", path, why));
  };
  if (!safe(*status)) return refuse("others can write it, so it is not read");
  const auto bytes = view.read(path);
  if (!bytes) return refuse(bytes.error().message());
  auto bundle = catalog::parse_bundle(*bytes);
  if (!bundle) return refuse(bundle.error().message());
  if (bundle->expires < today()) return refuse(fmt::format("it expired on {}", bundle->expires));
  catalog::replace_built_in(std::move(bundle->files),
                            fmt::format("{}, version {}, made {}", path, bundle->version, bundle->made));
  static_cast<void>(catalog::built_in());
  if (catalog::origin() == "compiled in") refuse("this version of bringup wants other tables");
}

Result<int> use_catalog(const Options& options, const Doors& doors, const std::string& file) {
  const std::string bytes =
      TRY(doors.view.read(std::filesystem::absolute(file).lexically_normal().string()).within(file));
  const catalog::Bundle bundle = TRY(catalog::parse_bundle(bytes).within(file));
  const std::string path = kept_at(options);
  const auto before = doors.view.read(path);
  if (!before && before.error().code() != Errc::absent) return before.error();
  const auto kept =
      before ? catalog::parse_bundle(*before) : Result<catalog::Bundle>(Error(Errc::absent, ""));
  TRY(catalog::check_bundle(bundle, TRY(trusted(options, doors.view)), host::ed25519_ok,
                            kept ? kept->version : 0, today())
          .within(file));
  TRY(catalog::load(bundle.files).within(file));
  TRY(write_whole(path, bytes));
  say(options,
      fmt::format("catalog version {} of {} is in use until {}; without {} the compiled-in one serves again",
                  bundle.version, bundle.made, bundle.expires, path));
  return exit_ok;
}

}  // namespace bringup::cli
