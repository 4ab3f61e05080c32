// SPDX-License-Identifier: Apache-2.0
// Small ELF files that are read like the large ones that they stand for in recordings and tests.
#include <bringup/base/text.hpp>
#include <bringup/probe/internal.hpp>
#include <bringup/probe/redact.hpp>

#include <fmt/format.h>

#include <filesystem>

namespace bringup::probe {
namespace {

void append_number(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    out += static_cast<char>((value >> (8U * static_cast<unsigned>(i))) & 0xFFU);
}

std::string number(std::uint64_t value, int bytes) {
  std::string out;
  append_number(out, value, bytes);
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

std::string module_file(std::string_view version, std::string_view license, std::string_view signer) {
  using namespace std::string_literals;
  const std::string info =
      fmt::format("version={}", version) + '\0' + fmt::format("license={}", license) + '\0';
  const std::string names = "\0.modinfo\0.shstrtab\0"s;
  std::string file =
      "\x7f"
      "ELF\x02\x01\x01"s +
      std::string(9, '\0');
  append_number(file, 1, 2);   // relocatable
  append_number(file, 62, 2);  // x86-64
  append_number(file, 1, 4);
  append_number(file, 0, 8);
  append_number(file, 0, 8);
  append_number(file, 64 + info.size() + names.size(), 8);  // section table
  append_number(file, 0, 4);
  for (const std::uint64_t number : {64U, 0U, 0U, 64U, 3U, 2U}) append_number(file, number, 2);
  file += info + names;
  const auto section = [&file](std::uint64_t name, std::uint64_t type, std::uint64_t offset,
                               std::uint64_t size) {
    append_number(file, name, 4);
    append_number(file, type, 4);
    append_number(file, 0, 8);
    append_number(file, 0, 8);
    append_number(file, offset, 8);
    append_number(file, size, 8);
    append_number(file, 0, 8);
    append_number(file, 1, 8);
    append_number(file, 0, 8);
  };
  section(0, 0, 0, 0);
  section(1, 1, 64, info.size());
  section(10, 3, 64 + info.size(), names.size());
  if (signer.empty()) return file;
  // Of the PKCS#7 message only the signer's common name, then the kernel's struct module_signature with the
  // message's length, big-endian.
  const std::string name(signer.substr(0, 127));
  const std::string message = "\x06\x03\x55\x04\x03\x0c"s + static_cast<char>(name.size()) + name;
  return file + message + "\0\0\2\0\0\0\0\0\0\0\0"s + static_cast<char>(message.size()) +
         "~Module signature appended~\n";
}

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
