// SPDX-License-Identifier: Apache-2.0
#pragma once
// Plain values of facts as JSON.

#include <bringup/facts/machine.hpp>
#include <bringup/report/document.hpp>

namespace bringup::report {

inline std::string_view flavour_text(facts::Flavour flavour) {
  return flavour == facts::Flavour::open ? "open" : "proprietary";
}

inline std::string_view kind_text(facts::PciKind kind) {
  switch (kind) {
    case facts::PciKind::gpu:
      return "gpu";
    case facts::PciKind::audio:
      return "audio";
    case facts::PciKind::nvswitch:
      return "nvswitch";
    case facts::PciKind::usb:
      return "usb";
    case facts::PciKind::other:
      return "other";
  }
  return "other";
}

inline ordered_json value_of(const facts::PcieLink& link) {
  return {{"generation", link.generation},
          {"max_generation", link.max_generation},
          {"width", link.width},
          {"max_width", link.max_width}};
}
inline ordered_json value_of(const facts::BootEntry& entry) {
  return {{"id", text_or_null(entry.id)},
          {"title", text_or_null(entry.title)},
          {"number", entry.number},
          {"release", text_or_null(entry.release)}};
}
inline ordered_json value_of(const facts::ConfigLine& line) {
  return {{"file", line.file}, {"line", line.line}, {"text", line.text}};
}
inline ordered_json value_of(const facts::DkmsBuild& build) {
  return {{"name", build.name}, {"version", build.version}, {"kernel", text_or_null(build.kernel)}};
}
inline ordered_json value_of(const facts::SigningKey& key) {
  return {{"path", key.path}, {"trust", key.trust}};
}
inline ordered_json value_of(const facts::Unattended& unattended) {
  return {{"on", unattended.on}, {"origins", unattended.origins}, {"never", unattended.never}};
}
inline ordered_json value_of(const facts::PythonPackage& package) {
  return {{"name", package.name}, {"version", package.version}};
}
inline ordered_json value_of(const facts::PythonInterpreter& python) {
  return {{"path", python.path}, {"version", text_or_null(python.version)}, {"venv", python.venv}};
}
inline ordered_json value_of(const facts::PythonManager& manager) {
  return {{"kind", manager.kind}, {"path", manager.path}, {"version", text_or_null(manager.version)}};
}
inline ordered_json value_of(const facts::Disk& disk) {
  return {{"path", disk.path}, {"free_bytes", disk.free_bytes}, {"total_bytes", disk.total_bytes}};
}
inline ordered_json value_of(const facts::XidLine& xid) {
  return {{"pci", xid.pci}, {"number", xid.number}, {"times", xid.times}, {"text", xid.text}};
}
inline ordered_json value_of(const std::string& text) {
  return text;
}
template <typename T>
ordered_json value_of(const std::vector<T>& list) {
  ordered_json json = ordered_json::array();
  for (const T& one : list) json.push_back(value_of(one));
  return json;
}
template <typename T>
ordered_json value_of(const T& value) {
  return value;
}
template <typename T>
ordered_json value_of(const std::optional<T>& value) {
  return value ? value_of(*value) : ordered_json(nullptr);
}

}  // namespace bringup::report
