// SPDX-License-Identifier: Apache-2.0
// Recording is looking through a View that writes down what was looked at: it cannot get out of step with
// look().
#include <bringup/base/text.hpp>
#include <bringup/facts/nvml_json.hpp>
#include <bringup/host/kernel_module.hpp>
#include <bringup/host/recording.hpp>
#include <bringup/probe/internal.hpp>
#include <bringup/probe/redact.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>

namespace bringup::probe {
namespace {

namespace fs = std::filesystem;

// Lists that are kept whole: what the kernel and the package managers made. Of every other list only those
// names are kept that were looked at afterwards: what else lies in somebody's home or in /opt is nobody's
// business.
bool kept_whole(std::string_view directory) {
  static constexpr std::array<std::string_view, 6> kPublic{
      "/proc/", "/sys/", "/lib/modules", "/usr/lib/modules", "/var/lib/dpkg/updates", "/etc/apt/"};
  return std::ranges::any_of(kPublic,
                             [directory](std::string_view start) { return directory.starts_with(start); });
}

constexpr std::string_view kPciDevices = "/sys/bus/pci/devices/";

// A PCI device's place below its bridges is what its link says, so that a recording keeps the link and puts
// the files where it leads. What stands above the host bridge (a virtual machine's bus of its own, with
// names that are numbers given once) is left out.
std::optional<std::string> pci_place_of(std::string_view path, std::string_view target) {
  if (!path.starts_with(kPciDevices)) return std::nullopt;
  const std::string_view address = path.substr(kPciDevices.size());
  if (address.find('/') != std::string_view::npos || !parse_pci_place(target, address)) return std::nullopt;
  return "/sys/devices" + std::string(target.substr(target.find("/pci")));
}

class Witness final : public host::View {
 public:
  explicit Witness(const host::View& view) : view_(view) {}

  Result<std::string> read(std::string_view path) const override {
    auto text = view_.read(path);
    if (text) files_[std::string(path)] = essence(path, *text);
    return text;
  }
  Result<std::string> read_part(std::string_view path, std::uint64_t offset,
                                std::size_t size) const override {
    auto part = view_.read_part(path, offset, size);
    if (part) note_part(std::string(path), *part);
    return part;
  }
  Result<std::vector<std::string>> list(std::string_view directory) const override {
    auto names = view_.list(directory);
    if (!names) return names;
    directories_.insert(std::string(directory));
    if (kept_whole(directory)) {
      for (const std::string& name : *names) note(std::string(directory) + "/" + name);
    }
    return names;
  }
  Result<host::FileStatus> status(std::string_view path) const override {
    auto status = view_.status(path);
    if (status) note(std::string(path));
    return status;
  }
  Result<std::string> link(std::string_view path) const override {
    auto target = view_.link(path);
    if (!target) return target;
    if (auto place = pci_place_of(path, *target))
      places_[std::string(path)] = std::move(*place);
    else
      links_[std::string(path)] = *target;
    return target;
  }
  Result<host::DiskSpace> space(std::string_view path) const override { return view_.space(path); }
  Result<host::Outcome> ask(const host::Command& question) const override {
    auto answer = view_.ask(question);
    if (answer) answers_[host::answer_name(question.argv)] = *answer;
    if (answer && question.argv.front() == "dmesg")
      answers_[host::answer_name(question.argv)].out = kernel_log_essence(answer->out);
    return answer;
  }
  bool recorded() const override { return view_.recorded(); }

  const auto& files() const { return files_; }
  const auto& links() const { return links_; }
  const auto& directories() const { return directories_; }
  const auto& answers() const { return answers_; }
  const auto& modules() const { return modules_; }
  // PCI devices that stand below bridges: their path on the bus, and where that leads.
  const auto& places() const { return places_; }
  // Where what was seen at `path` is written.
  std::string settled(const std::string& path) const {
    const std::size_t end = path.find('/', kPciDevices.size());
    const auto place = places_.find(path.substr(0, end));
    if (place == places_.end()) return path;
    return place->second + (end == std::string::npos ? "" : path.substr(end));
  }

 private:
  // That it exists, and what it is.
  void note(const std::string& path) const {
    const auto status = view_.status(path);
    if (!status) return;
    if (status->kind == host::FileStatus::Kind::directory)
      directories_.insert(path);
    else if (status->kind == host::FileStatus::Kind::link)
      note_link(path);
    else
      files_.emplace(path, "");
  }
  // A link into sysfs leads to what is read through it: there it becomes a directory of the recording.
  void note_link(const std::string& path) const {
    if (view_.list(path))
      directories_.insert(path);
    else if (auto target = view_.link(path))
      links_[path] = *target;
  }
  void note_part(const std::string& path, std::string_view part) const {
    if (path.find(".ko") != std::string::npos) {
      auto info = modules_.contains(path) ? Result<host::ModuleInfo>(Error(Errc::busy, "read already"))
                                          : host::read_module(view_, path);
      if (info) modules_[path] = std::move(info).take();
    } else if (path.ends_with("/libtorch_cuda.so")) {
      if (files_.contains(path)) return;
      const auto links = read_links(view_, path);
      if (links) files_[path] = links_file(*links);
    } else if (base::contains(path, "libc.so")) {
      if (const auto version = find_glibc_version(part))
        files_[path] = fmt::format("GNU C Library (recorded) release version {}.\n", *version);
    } else {
      files_[path] = std::string(part);
    }
  }

  const host::View& view_;
  mutable std::map<std::string, host::ModuleInfo> modules_;
  mutable std::map<std::string, std::string> files_;
  mutable std::map<std::string, std::string> links_;
  mutable std::map<std::string, std::string> places_;
  mutable std::set<std::string> directories_;
  mutable std::map<std::string, host::Outcome> answers_;
};

Result<> write_file(const fs::path& path, std::string_view text) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out)
    return Error(Errc::io, fmt::format("{}: could not be written: {}", path.string(), std::strerror(errno)));
  return ok;
}

Result<> check_empty(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(directory, error)) return ok;
  if (!fs::is_directory(directory, error))
    return Error(Errc::refused,
                 fmt::format("{}: a file stands there; give a new or empty directory", directory.string()));
  if (!fs::is_empty(directory, error))
    return Error(Errc::refused,
                 fmt::format("{}: not empty; give a new or empty directory", directory.string()));
  return ok;
}

// Where `path` goes below `root`: a ".." that came out of a link stays inside.
std::string place_of(const fs::path& root, const Redactor& redactor, const std::string& path) {
  return root.string() + fs::path(redactor.path(path)).lexically_normal().string();
}

Result<> write_files(const Witness& witness, Redactor& redactor, const fs::path& root) {
  std::error_code error;
  fs::create_directories(root, error);
  const auto place = [&](const std::string& path) { return place_of(root, redactor, witness.settled(path)); };
  for (const std::string& directory : witness.directories()) {
    fs::create_directories(place(directory), error);
    if (error) return Error(Errc::io, fmt::format("{}: {}", directory, error.message()));
  }
  for (const auto& [path, leads_to] : witness.places())
    TRY(write_file(place_of(root, redactor, path) + ".link", "../../.." + leads_to.substr(4) + "\n"));
  for (const auto& [path, target] : witness.links()) {
    if (!witness.directories().contains(path))
      TRY(write_file(place(path) + ".link", redactor.text(target) + "\n"));
  }
  for (const auto& [path, content] : witness.files()) {
    if (witness.links().contains(path) || witness.modules().contains(path)) continue;
    const bool binary = content.find('\0') != std::string::npos;
    if (path.starts_with("/sys/firmware/efi/efivars/Loader")) {
      TRY(write_file(place(path), redactor.wide(content)));
      continue;
    }
    TRY(write_file(place(path), binary ? content : redactor.text(content)));
  }
  for (const auto& [path, info] : witness.modules()) {
    host::ModuleInfo shown = info;
    shown.signer = redactor.text(info.signer);
    shown.built_for = redactor.text(info.built_for);
    TRY(write_file(place(path), host::module_file(shown)));
  }
  for (const std::string& directory : witness.directories()) {
    if (fs::is_empty(place(directory), error)) TRY(write_file(fs::path(place(directory)) / ".keep", ""));
  }
  return ok;
}

// What the recording says beside its files; what statvfs said goes there, since files cannot say it.
RecordingNotes notes_of(const Options& options, const facts::Machine& machine, const Redactor& redactor,
                        std::string_view now) {
  RecordingNotes notes{.recorded_at = std::string(now), .options = options};
  notes.options.user.home = redactor.path(options.user.home);
  if (options.user.name != "root") notes.options.user.name = "user";
  if (machine.shm_bytes) notes.options.shm_bytes = *machine.shm_bytes;
  notes.options.disks = machine.disks;
  for (facts::Disk& disk : notes.options.disks) disk.path = redactor.path(disk.path);
  return notes;
}

}  // namespace

Result<std::vector<std::string>> record(const host::View& view, const Options& options,
                                        const std::string& directory, std::string_view now) {
  const fs::path root(directory);
  TRY(check_empty(root));
  const auto host_name = view.read("/proc/sys/kernel/hostname");
  const auto machine_id = view.read("/etc/machine-id");
  Redactor redactor(options.user.name, options.user.home,
                    host_name ? std::string(base::trim(*host_name)) : "",
                    machine_id ? std::string(base::trim(*machine_id)) : "");
  const Witness witness(view);
  const facts::Machine machine = look(witness, options);
  TRY(write_files(witness, redactor, root / "files"));
  for (const auto& [name, answer] : witness.answers()) {
    host::Outcome redacted = answer;  // before it is encoded: the encoding counts bytes
    redacted.out = redactor.text(answer.out);
    redacted.err = redactor.text(answer.err);
    TRY(write_file(root / "answers" / name, host::encode_answer(redacted)));
  }
  TRY(write_file(root / "gpus.json", redactor.text(facts::nvml_to_json(options.nvml))));
  TRY(write_file(root / "recording.toml",
                 redactor.text(notes_to_toml(notes_of(options, machine, redactor, now)))));
  return redactor.done();
}

}  // namespace bringup::probe
