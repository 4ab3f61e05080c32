// SPDX-License-Identifier: Apache-2.0
#pragma once
// Faults of a machine, made for one process: a disk of its own that is full or read-only, calls of the kernel
// that fail, a terminal that goes away.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bringup::testing_support {

// Runs `body` in a process of its own and gives what that returned: "" for nothing to complain of.
inline std::string in_a_child(const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return "no pipe";
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(ends[1], 2);  // the one that still can be written to when writing fails
    const std::string text = body();
    (void)!::write(2, text.data(), text.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(ends[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) text += " (it did not end well)";
  return text;
}

// From now on this process's calls of `number` fail with `error`; writing to 0, 1 and 2 does not. False: the
// kernel lets nobody do that here.
inline bool fail_from_now_on(unsigned number, unsigned error) {
#if defined(__x86_64__)
  constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#else
  constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#endif
  std::array<sock_filter, 9> filter{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),  // seccomp_data.arch
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 0, 5),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),  // .nr
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),  // the low half of .args[0]
      sock_filter BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 2, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{.len = filter.size(), .filter = filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

inline void put_line(const char* path, const std::string& text) {
  if (std::FILE* file = std::fopen(path, "w")) {
    (void)std::fputs(text.c_str(), file);
    (void)std::fclose(file);
  }
}

// Gives this process a file system of its own at `path` ("size=64k,nr_inodes=9"), seen by nobody else. False:
// nobody is let do that here.
inline bool disk_of_its_own(const std::string& path, const std::string& options) {
  const uid_t uid = ::getuid();
  const gid_t gid = ::getgid();
  if (::unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) return false;
  if (uid != 0) {
    put_line("/proc/self/setgroups", "deny");
    put_line("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
    put_line("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  return ::mount("disk", path.c_str(), "tmpfs", 0, options.c_str()) == 0;
}
inline bool change_disk(const std::string& path, const std::string& options, bool read_only = false) {
  return ::mount("disk", path.c_str(), "tmpfs",
                 MS_REMOUNT | (read_only ? static_cast<unsigned long>(MS_RDONLY) : 0UL),
                 options.c_str()) == 0;
}

// A terminal: its own end, and the name of the end for programs.
struct Terminal {
  int own = -1;
  std::string name;
};
inline Terminal new_terminal() {
  Terminal terminal{.own = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), .name = {}};
  std::array<char, 64> name{};
  if (terminal.own >= 0 && ::grantpt(terminal.own) == 0 && ::unlockpt(terminal.own) == 0 &&
      ::ptsname_r(terminal.own, name.data(), name.size()) == 0)
    terminal.name = name.data();
  return terminal;
}
// Makes it this process's own terminal, and its input and output.
inline bool sit_at(const Terminal& terminal) {
  if (::setsid() < 0) return false;
  const int end = ::open(terminal.name.c_str(), O_RDWR);
  return end >= 0 && ::ioctl(end, TIOCSCTTY, 0) == 0 && ::dup2(end, 0) == 0 && ::dup2(end, 1) == 1 &&
         ::dup2(end, 2) == 2;
}

}  // namespace bringup::testing_support
