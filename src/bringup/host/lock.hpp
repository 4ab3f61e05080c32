// SPDX-License-Identifier: Apache-2.0
#pragma once
// One writer at a time: a lock on a file, which the kernel gives back when its holder dies. Never broken,
// never deleted.

#include <bringup/base/result.hpp>
#include <bringup/host/fd.hpp>

#include <string>

namespace bringup::host {

class Lock {
 public:
  // Takes the lock `path` (made when absent). Errc::busy names the process that holds it.
  static Result<Lock> take(const std::string& path);
  // Whether somebody holds it now; looks only.
  static bool held(const std::string& path);

 private:
  explicit Lock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace bringup::host
