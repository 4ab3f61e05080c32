// SPDX-License-Identifier: Apache-2.0
#pragma once
// Root's hands in a user's directory: what root does there is done with that user's rights, whatever the user
// swaps meanwhile.

#include <bringup/host/control.hpp>

#include <sys/types.h>

namespace bringup::host {

// While it lives, this thread touches files as `as` and as nobody more: without root's groups, and without
// the right to read what that user cannot. For nobody, for root itself and without root nothing changes.
class FileRights {
 public:
  explicit FileRights(const std::optional<Owner>& as);
  FileRights(const FileRights&) = delete;
  FileRights& operator=(const FileRights&) = delete;
  ~FileRights();

  // Errc::denied when the kernel did not let root become that user: then nothing may be touched.
  Result<> taken() const;

 private:
  std::optional<Owner> as_;
  std::vector<gid_t> groups_;
};

}  // namespace bringup::host
