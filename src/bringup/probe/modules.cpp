// SPDX-License-Identifier: Apache-2.0
// NVIDIA's kernel module as a file: where it lies, and what its .modinfo and its signature say.
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/probe/internal.hpp>

#include <algorithm>
#include <array>

namespace bringup::probe {
namespace {

// Below /lib/modules/<release>, where packages, DKMS and installers put the module. The last two are NVIDIA's
// precompiled packages and akmods.
constexpr std::array<std::string_view, 8> kDirectories{"updates/dkms",
                                                       "updates",
                                                       "extra",
                                                       "weak-updates",
                                                       "kernel/drivers/video",
                                                       "kernel/drivers/char/drm",
                                                       "extra/drivers/video/nvidia",
                                                       "extra/nvidia"};

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

Result<std::string> read_section(const host::View& view, const std::string& path, const Section& section) {
  return view.read_part(path, section.offset,
                        static_cast<std::size_t>(std::min<std::uint64_t>(section.size, kLargestTable)));
}

// The file that a path leads to in the end, so that its size can be asked.
std::string followed(const host::View& view, std::string path) {
  for (int hop = 0; hop < 8; ++hop) {
    const auto target = view.link(path);
    if (!target) break;
    path = target->starts_with('/') ? *target : path.substr(0, path.find_last_of('/') + 1) + *target;
  }
  return path;
}

// The signature is the tail of the file: the PKCS#7 message, 12 bytes about it, the mark. "" when there is
// none or it cannot be read.
std::string read_signer(const host::View& view, const std::string& path) {
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

void add_from(const host::View& view, const std::string& release, const std::string& directory,
              std::vector<facts::ModuleOnDisk>& found) {
  const auto names = view.list(directory);
  if (!names) return;
  for (const std::string& name : *names) {
    if (!is_main_module(name)) continue;
    const std::string path = directory + "/" + name;
    const std::string place = followed(view, path);
    const auto info = read_module(view, place);
    found.push_back({.kernel = release,
                     .path = path,
                     .version = info ? info->version : "",
                     .flavour = info ? info->flavour : std::nullopt,
                     .signer = info ? info->signer : ""});
  }
}

}  // namespace

std::uint64_t little_endian(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size && at + i < bytes.size(); ++i)
    value |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

bool is_main_module(std::string_view name) {
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
    // The open modules are under "Dual MIT/GPL", the others under "NVIDIA".
    if (entry.starts_with("license="))
      info.flavour = base::contains(entry, "MIT") ? facts::Flavour::open : facts::Flavour::proprietary;
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
Result<ModuleInfo> read_module(const host::View& view, const std::string& path) {
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

std::vector<facts::ModuleOnDisk> read_modules(const host::View& view, const std::string& release) {
  const std::string root = "/lib/modules/" + release;
  std::vector<std::string> directories;
  for (const std::string_view one : kDirectories) directories.push_back(root + "/" + std::string(one));
  // Ubuntu's prebuilt modules lie in kernel/nvidia-580, kmod packages in folders of their own below extra and
  // weak-updates.
  for (const std::string_view parent : {"kernel", "extra", "weak-updates"}) {
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
  std::vector<facts::ModuleOnDisk> found;
  for (const std::string& directory : directories) add_from(view, release, directory, found);
  return found;
}

}  // namespace bringup::probe
