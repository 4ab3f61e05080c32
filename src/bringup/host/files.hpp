// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reading below a root directory that is taken for "/": absolute links and ".." stay inside. Shared by the
// real machine (root "") and recordings.

#include <bringup/host/view.hpp>

#include <map>
#include <mutex>
#include <optional>

namespace bringup::host {

class RootedFiles {
 public:
  // `root` is "" for this machine. With `link_files`, "NAME.link" holding a target stands for a symbolic link
  // NAME, and ".keep" is not there: it keeps an empty directory where archives and git would lose it. Such a
  // tree does not change while it is open: what a directory holds is read once.
  RootedFiles(std::string root, bool link_files) : root_(std::move(root)), link_files_(link_files) {}

  Result<std::string> read(std::string_view path) const;
  Result<std::string> read_part(std::string_view path, std::uint64_t offset, std::size_t size) const;
  Result<std::vector<std::string>> list(std::string_view directory) const;
  Result<FileStatus> status(std::string_view path) const;
  Result<std::string> link(std::string_view path) const;
  Result<DiskSpace> space(std::string_view path) const;

  // Where `path` is on this machine, links resolved inside the root; `follow_last` is about its last part.
  Result<std::string> locate(std::string_view path, bool follow_last) const;

 private:
  Result<std::string> target_of(
      const std::string& place) const;  // of a link at `place`; absent when it is no link
  // The same of `name` in the directory `place`, from what is known of it.
  std::optional<std::string> target_in(const std::string& place, const std::string& name) const;

  std::string root_;
  bool link_files_;
  // What may be a link in a directory, each with its target once that was asked for ("": it is none).
  using Links = std::map<std::string, std::optional<std::string>, std::less<>>;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::optional<Links>, std::less<>> links_;  // nullopt: cannot be listed
};

// An errno as an error, told for `path`.
Error from_errno(int number, std::string_view path);

}  // namespace bringup::host
