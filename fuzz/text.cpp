// SPDX-License-Identifier: Apache-2.0
// Text of the kernel and of other programs through the parser that the first byte names ('A' is the first).
#include <bringup/facts/native_json.hpp>
#include <bringup/facts/nvml_json.hpp>
#include <bringup/host/kernel_module.hpp>
#include <bringup/host/recording.hpp>
#include <bringup/probe/internal.hpp>
#include <bringup/probe/redact.hpp>

#include "fuzz.hpp"
#include <algorithm>
#include <array>

namespace {

using namespace bringup;
using fuzz::require;

// The first line names something, the rest is the text.
struct Named {
  std::string name;
  std::string_view text;
};
Named named(std::string_view text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  return {.name = std::string(text.substr(0, end)), .text = text.substr(std::min(end + 1, text.size()))};
}

template <typename T>
void told(const Result<T>& result) {
  require(result || !result.error().message().empty());
}

void os(std::string_view text) {
  const facts::Os parsed = probe::parse_os_release(text);
  require(std::ranges::find(parsed.like, "") == parsed.like.end());
  static_cast<void>(probe::parse_meminfo_total(text));
  static_cast<void>(probe::find_glibc_version(text));
  static_cast<void>(probe::parse_limit(text, "Max open files"));
}
void pci(std::string_view text) {
  const auto [address, target] = named(text);
  const int generation = probe::pci_generation(target);
  require(generation >= 0 && generation <= 9);
  static_cast<void>(probe::parse_aer_total(target));
  told(probe::parse_pci_place(target, address));
  // Of a bridge's configuration space, from its list of extended capabilities on.
  const std::string config = std::string(256, '\0') + std::string(target);
  const auto redirects = probe::parse_acs(config);
  told(redirects);
  const auto kept = probe::parse_acs(probe::acs_essence(config));
  require(redirects ? kept && *kept == *redirects : !kept);
}
void driver(std::string_view text) {
  told(probe::parse_driver_version(text));
  for (const std::string& name : probe::parse_module_names(text)) require(!name.empty());
}
void modinfo(std::string_view text) {
  static_cast<void>(host::parse_modinfo(text));
  static_cast<void>(host::find_common_name(text));
}
void dpkg(std::string_view text) {
  for (const facts::Package& package : probe::parse_dpkg_status(text)) require(!package.name.empty());
  require(probe::parse_dpkg_status(probe::essence("/var/lib/dpkg/status", std::string(text))) ==
          probe::parse_dpkg_status(text));
}
void rpm(std::string_view text) {
  for (const facts::Package& package : probe::parse_rpm_list(text)) require(!package.name.empty());
}
void apt(std::string_view text) {
  static_cast<void>(probe::parse_apt_list(text));
  static_cast<void>(probe::parse_apt_deb822(text));
}
// A recording shows the same menu as the machine did.
void grub(std::string_view text) {
  const auto entries = probe::parse_grub_menu(text);
  for (const facts::BootEntry& entry : entries) require(!entry.number.empty());
  const std::string essence = probe::grub_menu_essence(text);
  require(probe::parse_grub_menu(essence) == entries);
  require(probe::parse_grub_default(essence) == probe::parse_grub_default(text));
}
void settings(std::string_view text) {
  const auto [key, rest] = named(text);
  static_cast<void>(probe::parse_setting(rest, key));
  static_cast<void>(probe::ini_value(rest, key));
  static_cast<void>(probe::parse_loader_entry(rest, key));
}
void apt_configuration(std::string_view text) {
  const auto [name, rest] = named(text);
  static_cast<void>(probe::parse_apt_list_of(rest, name));
  static_cast<void>(probe::apt_upgrades_essence(rest));
}
void modules(std::string_view text) {
  static_cast<void>(probe::parse_modprobe(text, "a"));
  for (const std::string& name : probe::parse_modules_load(text)) require(!name.empty());
  static_cast<void>(probe::parse_library_paths(text, "a"));
}
// What a recording keeps of the log tells the same errors.
void kernel_log(std::string_view text) {
  const auto xids = probe::parse_xids(text);
  for (const facts::XidLine& xid : xids) require(xid.times > 0 && xid.number > 0 && xid.pci.ends_with(".0"));
  require(probe::parse_xids(probe::kernel_log_essence(text)) == xids);
}
void python(std::string_view text) {
  if (const auto version = probe::parse_torch_version(text)) static_cast<void>(probe::variant_of(*version));
  static_cast<void>(probe::parse_torch_cuda(text));
  static_cast<void>(probe::parse_dist_info(text));
}
void shells(std::string_view text) {
  for (const facts::ShellSetting& one : probe::parse_settings(text, "/home/user/.bashrc"))
    require(one.line > 0 && !one.variable.empty());
}
void repository_file(std::string_view text) {
  const auto [path, rest] = named(text);
  told(probe::parse_repository_file(rest, path));
}
void notes(std::string_view text) {
  const auto parsed = probe::parse_notes(text);
  told(parsed);
  if (parsed) told(probe::parse_notes(probe::notes_to_toml(*parsed)));
}
// What decodes is decoded the same again.
void answer(std::string_view text) {
  const auto decoded = host::decode_answer(text);
  told(decoded);
  if (!decoded) return;
  const auto again = host::decode_answer(host::encode_answer(*decoded));
  require(again && *again == *decoded);
}
void nvml(std::string_view text) {
  const auto parsed = facts::nvml_from_json(text);
  told(parsed);
  if (parsed) require(static_cast<bool>(facts::nvml_from_json(facts::nvml_to_json(parsed))));
}
void native(std::string_view text) {
  told(facts::native_from_json(text));
  told(facts::part_from_json<facts::NativeGpu>(text));
}
// A second look at what was redacted finds nothing more to take out, and dies of nothing.
void redact(std::string_view text) {
  const auto [host, rest] = named(text);
  probe::Redactor redactor("me", "/home/me", host, "0123456789abcdef0123456789abcdef");
  static_cast<void>(redactor.wide(rest));
  const std::string once = redactor.text(rest);
  require(once.find("0123456789abcdef0123456789abcdef") == std::string::npos);
}
void essence(std::string_view text) {
  const auto [path, rest] = named(text);
  static_cast<void>(probe::essence(path, std::string(rest)));
}

constexpr std::array kParsers{os,      pci,        driver, modinfo,  dpkg,
                              rpm,     apt,        grub,   settings, apt_configuration,
                              modules, kernel_log, python, shells,   repository_file,
                              notes,   answer,     nvml,   native,   redact,
                              essence};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  kParsers.at((data[0] + kParsers.size() - 'A' % kParsers.size()) %
              kParsers.size())(fuzz::text_of(data + 1, size - 1));
  return 0;
}
