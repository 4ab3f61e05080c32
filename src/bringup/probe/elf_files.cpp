// SPDX-License-Identifier: Apache-2.0
// A small ELF file that is read like the large one that it stands for in recordings and tests.
#include <bringup/base/text.hpp>
#include <bringup/host/kernel_module.hpp>
#include <bringup/probe/internal.hpp>
#include <bringup/probe/redact.hpp>

#include <fmt/format.h>

#include <filesystem>

namespace bringup::probe {
namespace {

std::string number(std::uint64_t value, int bytes) {
  std::string out;
  host::append_number(out, value, bytes);
  return out;
}

// As seen from the file itself, so that it holds wherever a recording puts it; "" for a place that is
// somebody's own.
std::string from_origin(const std::string& path, const std::string& directory) {
  constexpr int kToPrefix = 5;  // <prefix>/lib/python3.11/site-packages/torch/lib
  const std::string relative = std::filesystem::path(path).lexically_relative(directory).string();
  int up = 0;
  for (std::size_t at = 0; relative.compare(at, 2, "..") == 0; at += 3) ++up;
  if (!relative.empty() && up <= kToPrefix) return "$ORIGIN/" + relative;
  return path.starts_with("/usr/") || path.starts_with("/opt/") ? path : "";
}

}  // namespace

std::string links_file(const facts::TorchLinks& links) {
  constexpr std::uint64_t kAddress = 0x10000;
  constexpr std::uint64_t kHeader = 64;
  constexpr std::uint64_t kProgramHeader = 56;
  std::string strings(1, '\0');
  std::string dynamic;
  const auto entry = [&](std::uint64_t tag, const std::string& text) {
    dynamic += number(tag, 8) + number(strings.size(), 8);
    strings += text + '\0';
  };
  for (const std::string& name : links.needs) entry(1, name);
  std::vector<std::string> search;
  for (const std::string& path : links.search) {
    std::string from = from_origin(path, links.file.substr(0, links.file.find_last_of('/')));
    if (!from.empty()) search.push_back(std::move(from));
  }
  entry(links.first ? 15 : 29, base::join(search, ":"));
  dynamic += number(5, 8) + number(kAddress, 8) + std::string(16, '\0');
  const std::uint64_t names = kHeader + 2 * kProgramHeader;
  const auto part = [](std::uint64_t type, std::uint64_t offset, std::uint64_t address, std::uint64_t size) {
    return number(type, 4) + number(4, 4) + number(offset, 8) + number(address, 8) + number(address, 8) +
           number(size, 8) + number(size, 8) + number(8, 8);
  };
  std::string head =
      "\x7f"
      "ELF\x02\x01\x01" +
      std::string(9, '\0');
  head += number(3, 2) + number(62, 2) + number(1, 4) + number(0, 8) + number(kHeader, 8) + number(0, 8) +
          number(0, 4) + number(kHeader, 2) + number(kProgramHeader, 2) + number(2, 2) + std::string(6, '\0');
  return head + part(1, names, kAddress, strings.size()) +
         part(2, names + strings.size(), kAddress + strings.size(), dynamic.size()) + strings + dynamic;
}

}  // namespace bringup::probe
