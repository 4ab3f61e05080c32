// SPDX-License-Identifier: Apache-2.0
// Which CUDA libraries an environment's torch asks the loader for, where it says that they are, and what lies
// in the other directories that the loader searches: ELF's dynamic section, read in small parts of a file of
// gigabytes.
#include <bringup/base/text.hpp>
#include <bringup/host/kernel_module.hpp>
#include <bringup/probe/internal.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace bringup::probe {
namespace {

constexpr std::size_t kHeader = 64;
constexpr std::size_t kProgramHeader = 56;
constexpr std::size_t kMostHeaders = 64;
constexpr std::size_t kMostDynamic = 1U << 14U;
constexpr std::size_t kMostText = 8192;  // of one name, or of all directories
constexpr std::uint64_t kLoad = 1;
constexpr std::uint64_t kDynamic = 2;
constexpr std::uint64_t kNeeded = 1;
constexpr std::uint64_t kStrings = 5;
constexpr std::uint64_t kRpath = 15;
constexpr std::uint64_t kRunpath = 29;

struct Part {
  std::uint64_t type = 0;
  std::uint64_t offset = 0;
  std::uint64_t address = 0;
  std::uint64_t size = 0;
};

std::vector<Part> parts_of(std::string_view table) {
  std::vector<Part> out;
  for (std::size_t at = 0; at + kProgramHeader <= table.size(); at += kProgramHeader)
    out.push_back({.type = host::little_endian(table, at, 4),
                   .offset = host::little_endian(table, at + 8, 8),
                   .address = host::little_endian(table, at + 16, 8),
                   .size = host::little_endian(table, at + 32, 8)});
  return out;
}

std::optional<std::uint64_t> offset_of(const std::vector<Part>& parts, std::uint64_t address) {
  for (const Part& part : parts) {
    if (part.type == kLoad && address >= part.address && address - part.address < part.size)
      return part.offset + (address - part.address);
  }
  return std::nullopt;
}

struct Entry {
  std::uint64_t tag = 0;
  std::uint64_t value = 0;
};

Result<std::string> read_part_table(const host::View& view, const std::string& path) {
  const std::string head = TRY(view.read_part(path, 0, kHeader));
  constexpr std::string_view kMagic =
      "\x7f"
      "ELF\x02\x01";
  if (head.size() < kHeader || !head.starts_with(kMagic))
    return Error(Errc::unsupported, path + ": not a 64-bit ELF file");
  const std::size_t count = host::little_endian(head, 0x38, 2);
  if (host::little_endian(head, 0x36, 2) != kProgramHeader || count == 0 || count > kMostHeaders)
    return Error(Errc::malformed, path + ": no usable program headers");
  return view.read_part(path, host::little_endian(head, 0x20, 8), count * kProgramHeader);
}

// "libcublas.so.13", and not the driver's own libcuda.so.1.
bool is_cuda_library(std::string_view name) {
  static constexpr std::array<std::string_view, 11> kStarts{
      "libcufile", "libnvshmem",  "libcublas",   "libcudart",  "libcudnn", "libcufft",
      "libcurand", "libcusolver", "libcusparse", "libnccl.so", "libnvrtc"};
  const std::size_t at = name.find(".so.");
  return at != std::string_view::npos && base::to_integer(name.substr(at + 4)) &&
         std::ranges::any_of(kStarts, [name](std::string_view start) { return name.starts_with(start); });
}

// "$ORIGIN/../../nvidia/cublas/lib:$ORIGIN" of a library in `directory`.
std::vector<std::string> directories_in(std::string_view paths, const std::string& directory) {
  std::vector<std::string> out;
  for (const std::string_view part : base::split(paths, ':')) {
    std::string path(part);
    for (const std::string_view origin : {"${ORIGIN}", "$ORIGIN"}) {
      if (path.starts_with(origin)) path = directory + path.substr(origin.size());
    }
    path = std::filesystem::path(path).lexically_normal().string();
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (path.starts_with('/') && std::ranges::find(out, path) == out.end()) out.push_back(std::move(path));
  }
  return out;
}

// Directories that a line about LD_LIBRARY_PATH names as they are; one with a variable in it leads nobody
// knows where.
std::vector<std::string> directories_of(const facts::ShellSetting& setting) {
  std::vector<std::string> out;
  if (setting.variable != "LD_LIBRARY_PATH") return out;
  std::string text = setting.text;
  std::ranges::replace_if(
      text, [](char c) { return c == ':' || c == '=' || c == '"' || c == '\'' || c == ';'; }, ' ');
  for (std::string_view word : base::words(text)) {
    while (word.size() > 1 && word.ends_with('/')) word.remove_suffix(1);
    if (word.starts_with('/') && word.find('$') == std::string_view::npos) out.emplace_back(word);
  }
  return out;
}

void add_directory(const host::View& view, const std::string& path,
                   std::vector<facts::LibraryDirectory>& found) {
  if (std::ranges::find(found, path, &facts::LibraryDirectory::path) != found.end()) return;
  const auto names = view.list(path);
  if (!names) return;
  facts::LibraryDirectory directory{.path = path, .libraries = {}};
  for (const std::string& name : *names) {
    if (is_cuda_library(name) && view.exists(path + "/" + name)) directory.libraries.push_back(name);
  }
  if (directory.libraries.empty()) return;
  std::ranges::sort(directory.libraries);
  found.push_back(std::move(directory));
}

}  // namespace

Result<facts::TorchLinks> read_links(const host::View& view, const std::string& path) {
  const auto parts = parts_of(TRY(read_part_table(view, path)));
  const auto dynamic = std::ranges::find(parts, kDynamic, &Part::type);
  if (dynamic == parts.end()) return Error(Errc::malformed, path + ": no dynamic section");
  const std::string table =
      TRY(view.read_part(path, dynamic->offset, std::min<std::uint64_t>(dynamic->size, kMostDynamic)));
  std::vector<Entry> entries;
  for (std::size_t at = 0; at + 16 <= table.size() && host::little_endian(table, at, 8) != 0; at += 16)
    entries.push_back(
        {.tag = host::little_endian(table, at, 8), .value = host::little_endian(table, at + 8, 8)});
  const auto strings = std::ranges::find(entries, kStrings, &Entry::tag);
  const auto begin = strings == entries.end() ? std::nullopt : offset_of(parts, strings->value);
  if (!begin) return Error(Errc::malformed, path + ": its names are in no part that is loaded");
  facts::TorchLinks links{.file = path, .needs = {}, .search = {}, .first = false};
  bool runpath = false;
  for (const Entry& entry : entries) {
    if (entry.tag != kNeeded && entry.tag != kRpath && entry.tag != kRunpath) continue;
    const std::string bytes = TRY(view.read_part(path, *begin + entry.value, kMostText));
    const std::string text = bytes.substr(0, bytes.find('\0'));
    if (entry.tag == kNeeded && is_cuda_library(text)) links.needs.push_back(text);
    if (entry.tag == kNeeded || (entry.tag == kRpath && runpath)) continue;  // of both RUNPATH counts
    runpath = entry.tag == kRunpath;
    links.search = directories_in(text, path.substr(0, path.find_last_of('/')));
    links.first = !runpath;
  }
  return links;
}

void read_library_directories(const host::View& view, facts::Machine& machine) {
  std::vector<facts::LibraryDirectory> others;
  for (const auto* settings : {&machine.shells.settings, &machine.shells.environment}) {
    for (const facts::ShellSetting& setting : *settings) {
      for (const std::string& path : directories_of(setting)) add_directory(view, path, others);
    }
  }
  machine.library_directories = others;
  if (others.empty()) return;  // nothing leads away from what torch names itself
  for (facts::PythonEnv& env : machine.envs) {
    if (!env.torch || env.variant == "cpu") continue;
    env.links = read_links(view, env.site_packages + "/torch/lib/libtorch_cuda.so");
    for (const std::string& path : env.links ? env.links->search : std::vector<std::string>{})
      add_directory(view, path, machine.library_directories);
  }
}

}  // namespace bringup::probe
