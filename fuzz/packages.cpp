// SPDX-License-Identifier: Apache-2.0
// Any bytes as what package managers keep and say: dpkg's database, apt's and dnf's simulations, apt's marks
// and sizes, rpm's list, an index's Release and the addresses that apt prints. What would remove something is
// never fine.
#include <bringup/apply/bundle.hpp>
#include <bringup/apply/packages.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bringup;
  const std::string_view text = fuzz::text_of(data, size);
  for (const auto& [name, installed] : apply::parse_dpkg_database(text)) fuzz::require(!name.empty());
  (void)apply::parse_rpm_database(text);
  (void)apply::parse_auto_marks(text);
  (void)apply::parse_apt_sizes(text);
  for (const apply::Simulation& simulation :
       {apply::parse_apt_simulation(text), apply::parse_dnf_simulation(text)}) {
    const bool fine = static_cast<bool>(apply::check_installation(simulation));
    fuzz::require(!fine || (simulation.removes.empty() && simulation.downgrades.empty()));
    const bool goes = static_cast<bool>(apply::check_removal(simulation, {}));
    fuzz::require(!goes || (simulation.removes.empty() && simulation.installs.empty()));
  }
  if (const auto files = apply::parse_print_uris(
          text, {{.url = "https://deb.example.org/debian", .below = "apt/", .sources = ""}})) {
    for (const apply::BundleFile& file : *files)
      fuzz::require(file.sha256.size() == 64 && file.path.find("/../") == std::string::npos);
  }
  for (const apply::BundleFile& file : apply::parse_release(text, "amd64")) fuzz::require(!file.path.empty());
  return 0;
}
