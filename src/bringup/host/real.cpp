// SPDX-License-Identifier: Apache-2.0
// This machine, through both doors.
#include <bringup/base/text.hpp>
#include <bringup/host/fd.hpp>
#include <bringup/host/files.hpp>
#include <bringup/host/real.hpp>
#include <bringup/host/rights.hpp>

#include <climits>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace bringup::host {
namespace {

constexpr off_t kReserved = off_t{256} * 1024;

class RealView final : public View {
 public:
  explicit RealView(const std::string& root) : files_(root, false) {}
  Result<std::string> read(std::string_view path) const override { return files_.read(path); }
  Result<std::string> read_part(std::string_view path, std::uint64_t offset,
                                std::size_t size) const override {
    return files_.read_part(path, offset, size);
  }
  Result<std::vector<std::string>> list(std::string_view directory) const override {
    return files_.list(directory);
  }
  Result<std::vector<std::string>> list_of(
      std::string_view directory, std::initializer_list<std::string_view> beginnings) const override {
    return files_.list(directory, beginnings);
  }
  Result<FileStatus> status(std::string_view path) const override { return files_.status(path); }
  Result<std::string> link(std::string_view path) const override { return files_.link(path); }
  Result<DiskSpace> space(std::string_view path) const override { return files_.space(path); }
  Result<Outcome> ask(const Command& question) const override { return run(question); }
  bool recorded() const override { return false; }
  const RootedFiles& files() const { return files_; }

 private:
  RootedFiles files_;
};

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<> sync_directory(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return from_errno(errno, path);
  return ok;
}

Result<> write_all(const Fd& fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd.get(), text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return from_errno(errno, path);
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return ok;
}

// Removes what is below the directory `fd`, never through a link. Takes the descriptor over.
Result<> empty_directory(int fd, const std::string& path) {
  DIR* handle = ::fdopendir(fd);
  if (handle == nullptr) return from_errno(errno, path);
  Result<> result = ok;
  while (const dirent* entry = ::readdir(handle)) {  // NOLINT(concurrency-mt-unsafe): a handle of our own
    const std::string name(entry->d_name);
    if (name == "." || name == "..") continue;
    if (::unlinkat(::dirfd(handle), name.c_str(), 0) == 0) continue;
    if (errno != EISDIR && errno != EPERM) {
      result = from_errno(errno, path + "/" + name);
      break;
    }
    const int below =
        ::openat(::dirfd(handle), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    result = below < 0 ? Result<>(from_errno(errno, path + "/" + name))
                       : empty_directory(below, path + "/" + name);
    if (result && ::unlinkat(::dirfd(handle), name.c_str(), AT_REMOVEDIR) != 0)
      result = from_errno(errno, path + "/" + name);
    if (!result) break;
  }
  ::closedir(handle);
  return result;
}

// Access lists and security labels are a file's own, as its mode is. What cannot be carried over is not: the
// mode still stands.
void carry_attributes(const std::string& from, const Fd& to) {
  const Fd old(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  std::array<char, 4096> names{};
  const ssize_t size = old ? ::flistxattr(old.get(), names.data(), names.size()) : -1;
  const std::string_view all(names.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  for (std::size_t at = 0; at < all.size(); at += std::strlen(&names[at]) + 1) {
    std::array<char, 65536> value{};
    const ssize_t length = ::fgetxattr(old.get(), &names[at], value.data(), value.size());
    if (length >= 0)
      (void)::fsetxattr(to.get(), &names[at], value.data(), static_cast<std::size_t>(length), 0);
  }
}

class RealControl final : public Control {
 public:
  explicit RealControl(const std::string& root) : view_(root) {}
  const View& view() const override { return view_; }

  Result<> write(const std::string& path, std::string_view text, std::uint32_t mode,
                 std::optional<Owner> as) override {
    const FileRights rights(as);
    TRY(rights.taken());
    const std::string place = TRY(final_place(path));
    struct stat old {};
    const bool there = ::lstat(place.c_str(), &old) == 0;
    if (there && !S_ISREG(old.st_mode))
      return Error(Errc::refused, fmt::format("{}: not a regular file; it is not replaced", path));
    std::string temporary = place + ".bringup-XXXXXX";
    const Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!fd) return from_errno(errno, path);
    const Owner owner{static_cast<int>(old.st_uid), static_cast<int>(old.st_gid)};
    Result<> done = fill(fd, text, path, there ? old.st_mode & 07777U : mode,
                         there && !as ? std::optional(owner) : std::nullopt);
    if (done && there) carry_attributes(place, fd);
    if (done && ::rename(temporary.c_str(), place.c_str()) != 0) done = from_errno(errno, path);
    if (!done) {
      ::unlink(temporary.c_str());
      return done;
    }
    return sync_directory(parent_of(place));
  }

  Result<> append(const std::string& path, std::string_view text) override {
    const std::string place = TRY(view_.files().locate(path, true));
    const bool is_new = ::access(place.c_str(), F_OK) != 0;
    const Fd fd(::open(place.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return from_errno(errno, path);
    struct stat info {};
    // Room for what is to be noted later, so that the outcome of a step can be written on a disk that the
    // step has filled.
    if (::fstat(fd.get(), &info) == 0)
      ::fallocate(fd.get(), FALLOC_FL_KEEP_SIZE, 0,
                  info.st_size + static_cast<off_t>(text.size()) + kReserved);
    TRY(write_all(fd, text, path));
    if (::fsync(fd.get()) != 0) return from_errno(errno, path);
    return is_new ? sync_directory(parent_of(place)) : ok;
  }

  Result<> move_file(const std::string& from, const std::string& to, std::optional<Owner> as) override {
    const FileRights rights(as);
    TRY(rights.taken());
    const std::string old_place = TRY(view_.files().locate(from, false));
    const std::string place = TRY(view_.files().locate(to, false));
    const Fd fd(::open(old_place.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) return from_errno(errno, from);
    int done = ::renameat2(AT_FDCWD, old_place.c_str(), AT_FDCWD, place.c_str(), RENAME_NOREPLACE);
    // not every file system knows of not replacing
    if (done != 0 && errno == EINVAL && ::access(place.c_str(), F_OK) != 0)
      done = ::rename(old_place.c_str(), place.c_str());
    if (done == 0) return sync_directory(parent_of(place));
    if (errno == EEXIST)
      return Error(Errc::refused, to + ": something stands there already; it is not replaced");
    return from_errno(errno, to);
  }

  Result<> make_directory(const std::string& path, std::uint32_t mode, std::optional<Owner> as) override {
    const FileRights rights(as);
    TRY(rights.taken());
    const std::string place = TRY(view_.files().locate(path, true));
    if (::mkdir(place.c_str(), mode) != 0) {
      struct stat info {};
      if (errno == EEXIST && ::stat(place.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return ok;
      if (errno == EEXIST)
        return Error(Errc::io, fmt::format("{}: a file stands where a directory is needed", path));
      return from_errno(errno, path);
    }
    return ok;
  }

  Result<> set_status(const std::string& path, std::uint32_t mode, Owner owner) override {
    const std::string place = TRY(view_.files().locate(path, true));
    const Fd fd(::open(place.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd || ::fchmod(fd.get(), mode) != 0) return from_errno(errno, path);
    if (::fchown(fd.get(), static_cast<uid_t>(owner.uid), static_cast<gid_t>(owner.gid)) != 0)
      return from_errno(errno, path);
    return ok;
  }

  Result<> remove_file(const std::string& path, std::optional<Owner> as) override {
    const FileRights rights(as);
    TRY(rights.taken());
    const std::string place = TRY(view_.files().locate(path, false));
    if (::unlink(place.c_str()) != 0 && errno != ENOENT) return from_errno(errno, path);
    return ok;
  }

  Result<> remove_empty_directory(const std::string& path, std::optional<Owner> as) override {
    const FileRights rights(as);
    TRY(rights.taken());
    const std::string place = TRY(view_.files().locate(path, false));
    if (::rmdir(place.c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
      return from_errno(errno, path);
    return ok;
  }

  Result<> remove_tree(const std::string& path, std::optional<Owner> as) override {
    const FileRights rights(as);
    TRY(rights.taken());
    const auto parts = base::split(base::trim(path), '/');
    if (!path.starts_with('/') || parts.size() < 3 || parts[2].empty() ||
        path.find("/..") != std::string::npos)
      return Error(Errc::refused, fmt::format("{}: too near the root to be removed as a tree", path));
    const std::string place = TRY(view_.files().locate(path, false));
    const int fd = ::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return ok;
    if (fd < 0) return from_errno(errno, path);
    TRY(empty_directory(fd, path));
    if (::rmdir(place.c_str()) != 0) return from_errno(errno, path);
    return ok;
  }

  Result<Outcome> run(const Command& command) override { return host::run(command); }

 private:
  // Where a write really goes: through links, so that a start file that is a link stays one.
  Result<std::string> final_place(const std::string& path) const {
    std::string place = TRY(view_.files().locate(path, true));
    std::array<char, PATH_MAX> resolved{};
    if (::realpath(place.c_str(), resolved.data()) != nullptr) return std::string(resolved.data());
    struct stat info {};
    if (::lstat(place.c_str(), &info) == 0 && S_ISLNK(info.st_mode))
      return Error(Errc::refused, fmt::format("{}: a link that leads nowhere", path));
    return place;
  }

  static Result<> fill(const Fd& fd, std::string_view text, const std::string& path, std::uint32_t mode,
                       std::optional<Owner> owner) {
    TRY(write_all(fd, text, path));
    if (owner && ::fchown(fd.get(), static_cast<uid_t>(owner->uid), static_cast<gid_t>(owner->gid)) != 0)
      return from_errno(errno, path);
    if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0) return from_errno(errno, path);
    return ok;
  }

  RealView view_;
};

}  // namespace

std::unique_ptr<View> real_view() {
  return std::make_unique<RealView>("");
}
std::unique_ptr<Control> real_control() {
  return std::make_unique<RealControl>("");
}
std::unique_ptr<View> real_view_below(const std::string& root) {
  return std::make_unique<RealView>(root);
}
std::unique_ptr<Control> real_control_below(const std::string& root) {
  return std::make_unique<RealControl>(root);
}

}  // namespace bringup::host
