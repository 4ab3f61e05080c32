// SPDX-License-Identifier: Apache-2.0
// Any bytes in the files that bringup keeps or is given beside its journal: what a boot is to go on with, a
// bundle's manifest, OpenPGP keys, names of an environment's packages.
#include <bringup/apply/at_boot.hpp>
#include <bringup/apply/bundle.hpp>
#include <bringup/apply/fingerprint.hpp>
#include <bringup/apply/packages.hpp>
#include <bringup/apply/python_env.hpp>

#include "fuzz.hpp"

namespace {

using namespace bringup;

// A machine on which every file holds the same.
class OneText final : public host::View {
 public:
  explicit OneText(std::string_view text) : text_(text) {}
  Result<std::string> read(std::string_view /*path*/) const override { return text_; }
  Result<std::string> read_part(std::string_view /*path*/, std::uint64_t offset,
                                std::size_t most) const override {
    return offset < text_.size() ? text_.substr(offset, most) : std::string();
  }
  Result<std::vector<std::string>> list(std::string_view /*path*/) const override {
    return std::vector<std::string>{};
  }
  Result<host::FileStatus> status(std::string_view /*path*/) const override {
    return host::FileStatus{.kind = host::FileStatus::Kind::file, .size = text_.size()};
  }
  Result<std::string> link(std::string_view /*path*/) const override {
    return Error(Errc::absent, "no link");
  }
  Result<host::DiskSpace> space(std::string_view /*path*/) const override { return host::DiskSpace{}; }
  Result<host::Outcome> ask(const host::Command& /*question*/) const override {
    return host::Outcome{.how = host::Exited{0}, .out = text_, .err = ""};
  }
  bool recorded() const override { return true; }

 private:
  std::string text_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const OneText view(text);
  (void)apply::armed(view, {.state_directory = "/s"});
  if (const auto bundle = apply::parse_bundle(text, "manifest.json")) {
    const auto again = apply::parse_bundle(apply::to_json(*bundle), "again");
    fuzz::require(again && *again == *bundle);
    for (const apply::BundleFile& file : bundle->files)
      fuzz::require(!file.path.starts_with('/') && ("/" + file.path + "/").find("/../") == std::string::npos);
  }
  if (const auto keys = apply::key_fingerprints(text)) {
    for (const std::string& key : *keys) fuzz::require(key.size() == 40);
  }
  (void)apply::parse_rpm_database(text);
  (void)apply::parse_requirement(text);
  (void)apply::variant_in(text);
  return 0;
}
