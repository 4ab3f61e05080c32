// SPDX-License-Identifier: Apache-2.0
#pragma once
// The door for looking: a View shows a machine and cannot change it. A recording is a View and never more.

#include <bringup/base/result.hpp>
#include <bringup/host/command.hpp>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::host {

struct FileStatus {
  enum class Kind { file, directory, link, other } kind = Kind::file;
  std::uint32_t mode = 0;  // permission bits
  int uid = 0;
  int gid = 0;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // seconds since 1970
  bool operator==(const FileStatus&) const = default;
};

struct DiskSpace {
  std::uint64_t free_bytes = 0;
  std::uint64_t total_bytes = 0;
};

// All paths are absolute, as seen from the machine's own "/". Absolute links and ".." stay inside the
// machine.
class View {
 public:
  virtual ~View() = default;

  // The whole content; Errc::absent when there is no such file. Files above 64 MiB are refused.
  virtual Result<std::string> read(std::string_view path) const = 0;
  // At most `size` bytes from `offset`: for ELF files and EFI variables. Fewer bytes at the end of the file.
  virtual Result<std::string> read_part(std::string_view path, std::uint64_t offset,
                                        std::size_t size) const = 0;
  // Names in a directory, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> list(std::string_view directory) const = 0;
  // lstat: a link is told apart, not followed.
  virtual Result<FileStatus> status(std::string_view path) const = 0;
  // What a link says, unresolved.
  virtual Result<std::string> link(std::string_view path) const = 0;
  // Free and whole space of the file system that holds `path` (or its nearest existing parent).
  virtual Result<DiskSpace> space(std::string_view path) const = 0;
  // Asks a program that has no effect but its answer; recordings answer from answers/.
  virtual Result<Outcome> ask(const Command& question) const = 0;
  // True for a recording: nothing may be concluded about this very moment (time, network, load).
  virtual bool recorded() const = 0;
  // Of the names in a directory those that begin in one of these ways: for directories of thousands of which
  // few matter.
  virtual Result<std::vector<std::string>> list_of(std::string_view directory,
                                                   std::initializer_list<std::string_view> beginnings) const {
    auto names = list(directory);
    if (names)
      std::erase_if(*names, [beginnings](const std::string& name) { return !begins(name, beginnings); });
    return names;
  }

  bool exists(std::string_view path) const { return static_cast<bool>(status(path)); }

  // True when there are no beginnings.
  static bool begins(std::string_view name, std::initializer_list<std::string_view> beginnings) {
    return beginnings.size() == 0 ||
           std::any_of(beginnings.begin(), beginnings.end(),
                       [name](std::string_view one) { return name.starts_with(one); });
  }
};

// This machine.
std::unique_ptr<View> real_view();

}  // namespace bringup::host
