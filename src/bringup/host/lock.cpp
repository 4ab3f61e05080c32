// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/host/files.hpp>
#include <bringup/host/lock.hpp>

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>

namespace bringup::host {

Result<Lock> Lock::take(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return from_errno(errno, path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return from_errno(errno, path);
    std::array<char, 64> holder{};
    const ssize_t got = ::pread(fd.get(), holder.data(), holder.size(), 0);
    const std::string who(
        base::trim(std::string_view(holder.data(), got > 0 ? static_cast<std::size_t>(got) : 0)));
    return Error(Errc::busy,
                 fmt::format("another bringup (process {}) is at work on this machine; wait for its end",
                             who.empty() ? "unknown" : who));
  }
  const std::string me = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), me.data(), me.size(), 0) < 0)
    return from_errno(errno, path);
  return Lock(std::move(fd));
}

bool Lock::held(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return false;
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return false;
  return errno == EWOULDBLOCK;
}

}  // namespace bringup::host
