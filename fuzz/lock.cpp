// SPDX-License-Identifier: Apache-2.0
// Any bytes as a lock of ours and as what uv resolves: what is taken comes back the same, and no part of it
// ends its line.
#include <bringup/steps/lock.hpp>

#include "fuzz.hpp"

namespace {

void look_at(const bringup::steps::Lock& lock) {
  using namespace bringup;
  const auto again = steps::parse_lock(steps::to_toml(lock), "again");
  fuzz::require(again && *again == lock);
  for (const std::string& line : steps::requirements(lock)) {
    fuzz::require(line.find_first_of("\n\r\\;#") == std::string::npos);
    fuzz::require(line.find(" --hash=sha256:") != std::string::npos && line.front() != '-');
  }
  for (const steps::LockedPackage& package : lock.packages) {
    for (const steps::LockedFile& file : package.files)
      fuzz::require(steps::file_name(file).find('/') == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bringup;
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto lock = steps::parse_lock(text, "l.toml")) look_at(*lock);
  const steps::Lock made{
      .python = "3.11", .platform = "x86_64", .variant = "", .asked = {"numpy"}, .packages = {}};
  if (const auto lock = steps::parse_pylock(text, "uv", made)) look_at(*lock);
  return 0;
}
