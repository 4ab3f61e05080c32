// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/host/fd.hpp>
#include <bringup/host/files.hpp>

#include <climits>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace bringup::host {
namespace {

constexpr std::uint64_t kLargest = 64U << 20U;
constexpr std::size_t kSmall = 4096;  // most files of /proc and /sys are smaller
constexpr std::size_t kLarge = 65536;
constexpr int kMostLinks = 40;
constexpr std::string_view kLinkSuffix = ".link";
constexpr std::string_view kKeptEmpty = ".keep";

// What `whole` bytes of a file are needs no second look for its end; those of /proc and /sys do not tell (0,
// 4096).
Result<std::string> read_fd(const Fd& fd, std::string_view path, std::uint64_t offset, std::size_t most,
                            std::uint64_t whole = 0) {
  std::string text;
  std::size_t size = 0;  // of what was read; the text has room behind it
  while (size < most) {
    const std::uint64_t left = whole > size ? whole - size : size < kSmall ? kSmall : kLarge;
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left, most - size));
    text.resize(size + want);
    // /proc and /sys files cannot always be read at an offset; those are read from the start
    const ssize_t got = offset + size == 0 || offset == 0
                            ? ::read(fd.get(), text.data() + size, want)
                            : ::pread(fd.get(), text.data() + size, want, static_cast<off_t>(offset + size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return from_errno(errno, path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (whole > 0 && size == whole) break;
  }
  text.resize(size);
  return text;
}

struct Opened {
  Fd fd;
  std::uint64_t size = 0;
};

Result<Opened> open_file(const std::string& place, std::string_view path) {
  Fd fd(::open(place.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return from_errno(errno, path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return from_errno(errno, path);
  if (S_ISDIR(info.st_mode))
    return Error(Errc::malformed, fmt::format("{}: a directory, where a file was expected", path));
  if (!S_ISREG(info.st_mode)) return Error(Errc::malformed, fmt::format("{}: not a regular file", path));
  return Opened{.fd = std::move(fd), .size = static_cast<std::uint64_t>(info.st_size)};
}

}  // namespace

Error from_errno(int number, std::string_view path) {
  const Errc code =
      number == ENOENT || number == ENOTDIR || number == ELOOP || number == ENXIO || number == ENODEV
          ? Errc::absent
      : number == EACCES || number == EPERM ? Errc::denied
                                            : Errc::io;
  return {code, std::string(path).append(": ").append(std::strerror(number))};
}

std::optional<std::string> RootedFiles::target_of(const std::string& place) const {
  if (link_files_) {
    const Fd fd(::open((place + std::string(kLinkSuffix)).c_str(), O_RDONLY | O_CLOEXEC));
    const auto text = fd ? read_fd(fd, place, 0, PATH_MAX) : Result<std::string>(from_errno(ENOENT, place));
    if (text) return std::string(base::trim(*text));
  }
  std::array<char, PATH_MAX> buffer{};
  const ssize_t length = ::readlink(place.c_str(), buffer.data(), buffer.size());
  if (length < 0) return std::nullopt;
  return std::string(buffer.data(), static_cast<std::size_t>(length));
}

std::optional<std::string> RootedFiles::target_in(const std::string& place, const std::string& name) const {
  if (!link_files_) return target_of(place + "/" + name);
  const std::lock_guard<std::mutex> lock(mutex_);
  Listed& all = listed(place);
  if (!all) return target_of(place + "/" + name);
  const auto link = all->links.find(name);
  if (link == all->links.end()) return std::nullopt;
  if (!link->second) link->second = target_of(place + "/" + name).value_or("");
  return link->second->empty() ? std::nullopt : link->second;
}

RootedFiles::Listed RootedFiles::listing_of(const std::string& place) {
  Listing out;
  DIR* handle = ::opendir(place.c_str());
  if (handle == nullptr && errno != ENOENT && errno != ENOTDIR) return std::nullopt;
  if (handle == nullptr) {
    out.error = errno;
    return out;
  }
  while (const dirent* entry = ::readdir(handle)) {  // NOLINT(concurrency-mt-unsafe): a handle of our own
    std::string_view name(entry->d_name);
    if (name == "." || name == ".." || name == kKeptEmpty) continue;
    const bool stands_for_one = name.ends_with(kLinkSuffix);
    if (stands_for_one) name.remove_suffix(kLinkSuffix.size());
    if (stands_for_one || entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN)
      out.links.emplace(name, std::nullopt);
    out.names.emplace_back(name);
  }
  ::closedir(handle);
  std::ranges::sort(out.names);
  out.names.erase(std::unique(out.names.begin(), out.names.end()), out.names.end());
  return out;
}

RootedFiles::Listed& RootedFiles::listed(const std::string& place) const {
  const auto known = listed_.find(place);
  if (known != listed_.end()) return known->second;
  // What the directory above does not hold needs no look.
  const std::size_t slash = place.rfind('/');
  const auto above = listed_.find(std::string_view(place).substr(0, slash));
  const bool there = above == listed_.end() || !above->second ||
                     std::ranges::binary_search(above->second->names,
                                                std::string_view(place).substr(slash + 1), std::less<>{});
  return listed_.emplace(place, there ? listing_of(place) : Listing{.error = ENOENT}).first->second;
}

const RootedFiles::Directory* RootedFiles::known(std::string_view directory) const {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto at = directories_.find(directory);
    if (at != directories_.end()) return &at->second;
  }
  static const Listed kNothing = Listing{.error = ENOENT};
  Directory found{.place = "", .listed = &kNothing};
  if (const auto inside = in_known(directory, true)) {
    auto place = *inside ? Result<std::string>(**inside) : walk(directory.empty() ? "/" : directory, true);
    if (!place) return nullptr;
    if (place->ends_with('/')) place->pop_back();
    found.place = std::move(place).take();
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!found.place.empty()) found.listed = &listed(found.place);
  return &directories_.emplace(directory, std::move(found)).first->second;
}

Result<std::optional<std::string>> RootedFiles::in_known(std::string_view path, bool follow_last) const {
  const std::optional<std::string> unknown;
  const std::size_t slash = path.rfind('/');
  const std::string_view last = path.substr(slash + 1);
  if (last.empty() || last == "." || last == "..") return unknown;
  const Directory* directory = known(path.substr(0, slash));
  if (directory == nullptr || !*directory->listed) return unknown;
  const Listing& all = **directory->listed;
  if (!std::ranges::binary_search(all.names, last, std::less<>{})) return from_errno(ENOENT, path);
  if (follow_last && all.links.contains(last)) return unknown;
  return std::optional(std::string(directory->place).append("/").append(last));
}

Result<std::string> RootedFiles::locate(std::string_view path, bool follow_last) const {
  if (!path.starts_with('/')) return Error(Errc::malformed, fmt::format("{}: not an absolute path", path));
  if (root_.empty()) return std::string(path);  // the kernel follows links by itself
  if (path.size() > PATH_MAX)
    return Error(Errc::absent, fmt::format("{}...: longer than a path can be", path.substr(0, 64)));
  if (link_files_) {
    if (auto place = TRY(in_known(path, follow_last))) return *std::move(place);
  }
  return walk(path, follow_last);
}

Result<std::string> RootedFiles::walk(std::string_view path, bool follow_last) const {
  std::string left(path);
  std::string place = root_;
  int links = 0;
  for (std::size_t at = 0; at < left.size();) {
    const std::size_t end = std::min(left.find('/', at), left.size());
    const std::string part = left.substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (place.size() > root_.size()) place.resize(place.find_last_of('/'));
      continue;
    }
    const bool followed = follow_last || at <= left.size();
    const auto target = followed ? target_in(place, part) : std::nullopt;
    if (!target) {
      place.append("/").append(part);
      continue;
    }
    if (++links > kMostLinks) return Error(Errc::absent, fmt::format("{}: too many links", path));
    if (target->starts_with('/')) place = root_;
    left = at <= left.size() ? *target + "/" + left.substr(at) : *target;
    at = 0;
  }
  return place == root_ ? place + "/" : place;
}

Result<std::string> RootedFiles::read(std::string_view path) const {
  const std::string place = TRY(locate(path, true));
  if (link_files_) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (const auto known = texts_.find(place); known != texts_.end()) return known->second;
  }
  const Opened file = TRY(open_file(place, path));
  std::string text = TRY(read_fd(file.fd, path, 0, kLargest + 1, file.size));
  if (text.size() > kLargest) return Error(Errc::unsupported, fmt::format("{}: larger than 64 MiB", path));
  if (link_files_ && text.size() <= kSmall) {
    const std::lock_guard<std::mutex> lock(mutex_);
    texts_.emplace(place, text);
  }
  return text;
}

Result<std::string> RootedFiles::read_part(std::string_view path, std::uint64_t offset,
                                           std::size_t size) const {
  const std::string place = TRY(locate(path, true));
  const Opened file = TRY(open_file(place, path));
  return read_fd(file.fd, path, offset, std::min<std::size_t>(size, kLargest));
}

Result<std::vector<std::string>> RootedFiles::list(std::string_view directory,
                                                   std::initializer_list<std::string_view> beginnings) const {
  const std::string place = TRY(locate(directory, true));
  std::vector<std::string> names;
  if (link_files_) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (const Listed& all = listed(place.ends_with('/') ? place.substr(0, place.size() - 1) : place)) {
      if (all->error != 0) return from_errno(all->error, directory);
      for (const std::string& name : all->names) {
        if (View::begins(name, beginnings)) names.push_back(name);
      }
      return names;
    }
  }
  DIR* handle = ::opendir(place.c_str());
  if (handle == nullptr) return from_errno(errno, directory);
  while (const dirent* entry = ::readdir(handle)) {  // NOLINT(concurrency-mt-unsafe): a handle of our own
    std::string_view name(entry->d_name);
    if (name != "." && name != ".." && View::begins(name, beginnings)) names.emplace_back(name);
  }
  ::closedir(handle);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Result<FileStatus> RootedFiles::status(std::string_view path) const {
  const std::string place = TRY(locate(path, false));
  struct stat info {};
  if (::lstat(place.c_str(), &info) != 0) {
    const std::size_t slash = place.rfind('/');
    if (link_files_ && target_in(place.substr(0, slash), place.substr(slash + 1)))
      return FileStatus{.kind = FileStatus::Kind::link, .mode = 0777, .uid = 0, .gid = 0, .size = 0};
    return from_errno(errno, path);
  }
  const auto kind = S_ISREG(info.st_mode)   ? FileStatus::Kind::file
                    : S_ISDIR(info.st_mode) ? FileStatus::Kind::directory
                    : S_ISLNK(info.st_mode) ? FileStatus::Kind::link
                                            : FileStatus::Kind::other;
  return FileStatus{.kind = kind,
                    .mode = info.st_mode & 07777U,
                    .uid = static_cast<int>(info.st_uid),
                    .gid = static_cast<int>(info.st_gid),
                    .size = static_cast<std::uint64_t>(info.st_size),
                    .modified = info.st_mtim.tv_sec};
}

Result<std::string> RootedFiles::link(std::string_view path) const {
  const std::string place = TRY(locate(path, false));
  const std::size_t slash = place.rfind('/');
  auto target = target_in(place.substr(0, slash), place.substr(slash + 1));
  return target ? Result<std::string>(*std::move(target)) : from_errno(ENOENT, path);
}

Result<DiskSpace> RootedFiles::space(std::string_view path) const {
  std::string place = TRY(locate(path, true));
  struct statvfs info {};
  while (::statvfs(place.c_str(), &info) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return from_errno(errno, path);
    const std::size_t slash = place.find_last_of('/');
    if (slash == std::string::npos) return from_errno(ENOENT, path);
    place.resize(slash);
    if (place.empty()) place = "/";
  }
  return DiskSpace{.free_bytes = std::uint64_t{info.f_bavail} * info.f_frsize,
                   .total_bytes = std::uint64_t{info.f_blocks} * info.f_frsize};
}

}  // namespace bringup::host
