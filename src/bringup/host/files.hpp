// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reading below a root directory that is taken for "/": absolute links and ".." stay inside. Shared by the
// real machine (root "") and recordings.

#include <bringup/host/view.hpp>

#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace bringup::host {

class RootedFiles {
 public:
  // `root` is "" for this machine. With `link_files`, "NAME.link" holding a target stands for a symbolic link
  // NAME, and ".keep" is not there: it keeps an empty directory where archives and git would lose it. Such a
  // tree does not change while it is open: what a directory holds is read once, and so is a small file.
  RootedFiles(std::string root, bool link_files) : root_(std::move(root)), link_files_(link_files) {}

  Result<std::string> read(std::string_view path) const;
  Result<std::string> read_part(std::string_view path, std::uint64_t offset, std::size_t size) const;
  Result<std::vector<std::string>> list(std::string_view directory,
                                        std::initializer_list<std::string_view> beginnings = {}) const;
  Result<FileStatus> status(std::string_view path) const;
  Result<std::string> link(std::string_view path) const;
  Result<DiskSpace> space(std::string_view path) const;

  // Where `path` is on this machine, links resolved inside the root; `follow_last` is about its last part.
  Result<std::string> locate(std::string_view path, bool follow_last) const;

 private:
  std::optional<std::string> target_of(const std::string& place) const;  // nullopt: it is no link
  // The same of `name` in the directory `place`, from what is known of it.
  std::optional<std::string> target_in(const std::string& place, const std::string& name) const;

  // What is in a directory: the names as they are listed, and those that may be links, each with its target
  // once that was asked for ("": it is none). `error` is the errno of what is no directory.
  struct Listing {
    int error = 0;
    std::vector<std::string> names;
    std::map<std::string, std::optional<std::string>, std::less<>> links;
  };
  using Listed = std::optional<Listing>;  // nullopt: it is there and cannot be listed
  static Listed listing_of(const std::string& place);
  // A directory by the path that it was asked for.
  struct Directory {
    std::string place;
    const Listed* listed = nullptr;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  // Part by part, through links.
  Result<std::string> walk(std::string_view path, bool follow_last) const;
  // The same where its directory is known, or comes to be, and it is no link itself; else nullopt. What is
  // not among a directory's names is told as absent without a look.
  Result<std::optional<std::string>> in_known(std::string_view path, bool follow_last) const;
  const Directory* known(std::string_view directory) const;  // one step from the one above it, where it can
  Listed& listed(const std::string& place) const;            // mutex_ is held

  std::string root_;
  bool link_files_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, Listed, std::less<>> listed_;
  mutable std::unordered_map<std::string, std::string>
      texts_;  // of small files, by place: some are asked for often
  mutable std::unordered_map<std::string, Directory, Hash, std::equal_to<>> directories_;
};

// An errno as an error, told for `path`.
Error from_errno(int number, std::string_view path);

}  // namespace bringup::host
