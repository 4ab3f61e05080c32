// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/host/kernel_module.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::host {
namespace {

// Below /lib/modules/<release>, where packages, DKMS and installers put the module. The last two are NVIDIA's
// precompiled packages and akmods.
constexpr std::array<std::string_view, 9> kDirectories{"updates/dkms",
                                                       "updates",
                                                       "extra",
                                                       "weak-updates",
                                                       "kernel/drivers/video",
                                                       "kernel/drivers/char/drm",
                                                       "extra/drivers/video/nvidia",
                                                       "extra/nvidia",
                                                       "misc"};

constexpr std::size_t kLargestTable = 1U << 20U;
constexpr std::size_t kLargestSignature = 1U << 16U;
constexpr std::string_view kSigned = "~Module signature appended~\n";
constexpr std::size_t kSignatureInfo =
    12;  // struct module_signature of the kernel (include/linux/module_signature.h)

// One row of the ELF64 section table.
struct Section {
  std::uint64_t name = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

Section section_at(std::string_view table, std::uint64_t index) {
  const auto row = static_cast<std::size_t>(index * 64);
  return {.name = little_endian(table, row, 4),
          .offset = little_endian(table, row + 0x18, 8),
          .size = little_endian(table, row + 0x20, 8)};
}

Result<std::string> read_section(const View& view, const std::string& path, const Section& section) {
  return view.read_part(path, section.offset,
                        static_cast<std::size_t>(std::min<std::uint64_t>(section.size, kLargestTable)));
}

// The file that a path leads to in the end, so that its size can be asked.
std::string followed(const View& view, std::string path) {
  for (int hop = 0; hop < 8; ++hop) {
    const auto target = view.link(path);
    if (!target) break;
    path = target->starts_with('/') ? *target : path.substr(0, path.find_last_of('/') + 1) + *target;
  }
  return path;
}

// The signature is the tail of the file: the PKCS#7 message, 12 bytes about it, the mark. "" when there is
// none or it cannot be read.
std::string read_signer(const View& view, const std::string& path) {
  const auto status = view.status(path);
  if (!status || status->size < kSigned.size() + kSignatureInfo) return "";
  const std::uint64_t end = status->size - kSigned.size() - kSignatureInfo;
  const auto tail = view.read_part(path, end, kSignatureInfo + kSigned.size());
  if (!tail || !tail->ends_with(kSigned)) return "";
  std::uint64_t length = 0;  // big-endian, the last four of the twelve bytes
  for (std::size_t i = 8; i < kSignatureInfo; ++i)
    length = length << 8U | static_cast<unsigned char>((*tail)[i]);
  if (length > end || length > kLargestSignature) return "signed";
  const auto message = view.read_part(path, end - length, static_cast<std::size_t>(length));
  const auto name = message ? find_common_name(*message) : std::nullopt;
  return name.value_or("signed");
}

}  // namespace

std::uint64_t little_endian(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size && at + i < bytes.size(); ++i)
    value |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

bool is_nvidia_module(std::string_view name) {
  const std::size_t dot = name.find(".ko");
  if (dot == std::string_view::npos) return false;
  const std::string_view ending = name.substr(dot + 3);
  if (!ending.empty() && ending != ".xz" && ending != ".zst" && ending != ".gz") return false;
  const std::string_view stem = name.substr(0, dot);
  if (stem == "nvidia") return true;
  static constexpr std::array<std::string_view, 6> kCompanions{"-uvm",     "-drm",       "-modeset",
                                                               "-peermem", "-vgpu-vfio", "-fs"};
  if (std::ranges::any_of(kCompanions, [stem](std::string_view one) { return stem.ends_with(one); }))
    return false;
  // Debian names the module after the branch: nvidia-current.ko, nvidia-current-open.ko, nvidia-tesla-470.ko,
  // nvidia-legacy-390xx.ko
  static constexpr std::array<std::string_view, 5> kFamilies{"nvidia-current", "nvidia-tesla",
                                                             "nvidia-legacy", "nvidia-srv", "nvidia-open"};
  if (std::ranges::any_of(kFamilies, [stem](std::string_view one) { return stem.starts_with(one); }))
    return true;
  return stem.starts_with("nvidia-") && base::Version::parse(stem.substr(7)).has_value();
}

ModuleInfo parse_modinfo(std::string_view section) {
  ModuleInfo info;
  for (const std::string_view entry : base::split(section, '\0')) {
    if (entry.starts_with("version=")) info.version = std::string(entry.substr(8));
    if (entry.starts_with("license=")) info.license = std::string(entry.substr(8));
    if (!entry.starts_with("vermagic=")) continue;  // "6.1.0-25-amd64 SMP preempt mod_unload modversions "
    const auto words = base::words(entry.substr(9));
    if (!words.empty()) info.built_for = std::string(words[0]);
    info.versioned = std::ranges::find(words, "modversions") != words.end();
  }
  return info;
}

// X.520 commonName is the object 2.5.4.3, in DER 06 03 55 04 03; after it stand the string's type, its length
// and its bytes.
std::optional<std::string> find_common_name(std::string_view der) {
  constexpr std::string_view kObject("\x06\x03\x55\x04\x03", 5);
  const std::size_t at = der.find(kObject);
  if (at == std::string_view::npos || at + 7 > der.size()) return std::nullopt;
  const auto type = static_cast<unsigned char>(der[at + 5]);
  const auto length = static_cast<std::size_t>(static_cast<unsigned char>(der[at + 6]));
  const bool is_text = type == 0x0C || type == 0x13 || type == 0x14 || type == 0x16;
  if (!is_text || length == 0 || length > 127 || at + 7 + length > der.size()) return std::nullopt;
  return std::string(der.substr(at + 7, length));
}

// .modinfo of an ELF64 little-endian relocatable file; compressed modules are told as unsupported.
Result<ModuleInfo> read_module(const View& view, const std::string& link) {
  const std::string path = followed(view, link);
  const std::string head = TRY(view.read_part(path, 0, 64));
  if (head.size() < 64 ||
      !head.starts_with("\x7f"
                        "ELF") ||
      head[4] != 2 || head[5] != 1)
    return Error(Errc::unsupported, path + ": not an uncompressed 64-bit ELF file");
  const std::uint64_t offset = little_endian(head, 0x28, 8);
  const std::uint64_t row = little_endian(head, 0x3A, 2);
  const std::uint64_t count = little_endian(head, 0x3C, 2);
  const std::uint64_t names_index = little_endian(head, 0x3E, 2);
  if (row != 64 || count == 0 || count * row > kLargestTable || names_index >= count)
    return Error(Errc::malformed, path + ": no usable section table");
  const std::string table = TRY(view.read_part(path, offset, static_cast<std::size_t>(row * count)));
  if (table.size() != row * count) return Error(Errc::malformed, path + ": section table cut off");
  const std::string names = TRY(read_section(view, path, section_at(table, names_index)));
  for (std::uint64_t i = 0; i < count; ++i) {
    const Section section = section_at(table, i);
    if (section.name >= names.size() || std::string_view(names.c_str() + section.name) != ".modinfo")
      continue;
    ModuleInfo info = parse_modinfo(TRY(read_section(view, path, section)));
    info.signer = read_signer(view, path);
    return info;
  }
  return Error(Errc::malformed, path + ": no section .modinfo");
}

std::vector<std::string> nvidia_modules(const View& view, const std::string& release) {
  const std::string root = "/lib/modules/" + release;
  std::vector<std::string> directories;
  for (const std::string_view one : kDirectories) directories.push_back(root + "/" + std::string(one));
  // Ubuntu's prebuilt modules lie in kernel/nvidia-580, kmod packages in folders of their own below extra,
  // updates and weak-updates.
  for (const std::string_view parent : {"kernel", "extra", "updates", "weak-updates"}) {
    const std::string above = root + "/" + std::string(parent);
    const auto names = view.list(above);
    if (!names) continue;
    for (const std::string& name : *names) {
      if (name.starts_with("nvidia") && name.find(".ko") == std::string::npos)
        directories.push_back(above + "/" + name);
    }
  }
  std::ranges::sort(directories);
  directories.erase(std::unique(directories.begin(), directories.end()), directories.end());
  std::vector<std::string> found;
  for (const std::string& directory : directories) {
    const auto names = view.list(directory);
    for (const std::string& name : names ? *names : std::vector<std::string>{}) {
      if (is_nvidia_module(name)) found.push_back(directory + "/" + name);
    }
  }
  return found;
}

void append_number(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    out += static_cast<char>((value >> (8U * static_cast<unsigned>(i))) & 0xFFU);
}

std::string module_file(const ModuleInfo& of) {
  using namespace std::string_literals;
  std::string info =
      fmt::format("version={}", of.version) + '\0' + fmt::format("license={}", of.license) + '\0';
  if (!of.built_for.empty())
    info +=
        fmt::format("vermagic={} SMP mod_unload {}", of.built_for, of.versioned ? "modversions " : "") + '\0';
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
  if (of.signer.empty()) return file;
  // Of the PKCS#7 message only the signer's common name, then the kernel's struct module_signature with the
  // message's length, big-endian.
  const std::string name(of.signer.substr(0, 127));
  const std::string message = "\x06\x03\x55\x04\x03\x0c"s + static_cast<char>(name.size()) + name;
  return file + message + "\0\0\2\0\0\0\0\0\0\0\0"s + static_cast<char>(message.size()) +
         "~Module signature appended~\n";
}

}  // namespace bringup::host
