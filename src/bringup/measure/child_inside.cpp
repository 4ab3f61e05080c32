// SPDX-License-Identifier: Apache-2.0
#include <bringup/measure/child_inside.hpp>

#include <csignal>
#include <fcntl.h>
#include <initializer_list>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bringup::measure {
namespace {

// Every file but 0, 1, 2 and `kept`. On kernels before 5.9 they stay open, which costs nothing but a lock
// held longer.
void close_all_but(int kept) {
#ifdef SYS_close_range
  ::syscall(SYS_close_range, 3U, static_cast<unsigned>(kept - 1), 0U);
  ::syscall(SYS_close_range, static_cast<unsigned>(kept + 1), ~0U, 0U);
#else
  static_cast<void>(kept);
#endif
}

}  // namespace

int become_child(int kept) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int moved = ::fcntl(kept, F_DUPFD_CLOEXEC, 4);  // out of the way of 0, 1, 2
  if (moved < 0) ::_exit(1);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {0, 1, 2}) ::dup2(null, fd);
  close_all_but(moved);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) static_cast<void>(std::signal(number, SIG_DFL));
  return moved;
}

}  // namespace bringup::measure
