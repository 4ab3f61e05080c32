// SPDX-License-Identifier: Apache-2.0
#include <bringup/host/rights.hpp>

#include <fmt/format.h>

#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bringup::host {
namespace {

// glibc's setgroups is for all threads of the process; what is changed here is this thread's alone.
void set_groups(const std::vector<gid_t>& groups) {
  (void)::syscall(SYS_setgroups, groups.size(), groups.data());
}

// The kernel tells what is so now when it is asked for what cannot be.
bool acts_as(const Owner& owner) {
  return ::setfsuid(static_cast<uid_t>(-1)) == owner.uid && ::setfsgid(static_cast<gid_t>(-1)) == owner.gid;
}

}  // namespace

FileRights::FileRights(const std::optional<Owner>& as) {
  if (!as || as->uid == 0 || ::geteuid() != 0) return;
  as_ = as;
  const int count = ::getgroups(0, nullptr);
  groups_.resize(static_cast<std::size_t>(count > 0 ? count : 0));
  if (count > 0 && ::getgroups(count, groups_.data()) < 0) groups_.clear();
  set_groups({static_cast<gid_t>(as->gid)});
  ::setfsgid(static_cast<gid_t>(as->gid));
  ::setfsuid(static_cast<uid_t>(as->uid));
}

FileRights::~FileRights() {
  if (!as_) return;
  ::setfsuid(0);
  ::setfsgid(::getegid());
  set_groups(groups_);
}

Result<> FileRights::taken() const {
  if (!as_ || acts_as(*as_)) return ok;
  return Error(Errc::denied, fmt::format("root may not act as user {} here (a container without the right to "
                                         "change users?); nothing was touched",
                                         as_->uid));
}

}  // namespace bringup::host
