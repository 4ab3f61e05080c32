// SPDX-License-Identifier: Apache-2.0
#pragma once
// The door for changing: only the room `apply` may name it. Each call is one change, so that a test can die
// between any two.

#include <bringup/host/view.hpp>

namespace bringup::host {

struct Owner {
  int uid = 0;
  int gid = 0;
  bool operator==(const Owner&) const = default;
};

class Control {
 public:
  virtual ~Control() = default;
  virtual const View& view() const = 0;

  // Every change takes `as`: whom it is done as. Root acts with that user's rights on files, so that a link
  // in a user's directory leads nowhere that the user could not go.

  // Replaces the file as a whole and durably: temporary file beside it, fsync, rename, fsync of the
  // directory. A link is followed to its target, which keeps being the file. New files get `mode`; existing
  // ones keep mode and owner.
  virtual Result<> write(const std::string& path, std::string_view text, std::uint32_t mode,
                         std::optional<Owner> as) = 0;
  // Adds to the end of a file, made when absent with mode 0600; on the disk when it returns.
  virtual Result<> append(const std::string& path, std::string_view text) = 0;
  // Gives a file another name on its file system, durably: its bytes are on the disk before the name is. What
  // stands at `to` is not replaced: Errc::refused.
  virtual Result<> move_file(const std::string& from, const std::string& to, std::optional<Owner> as) = 0;
  virtual Result<> make_directory(const std::string& path, std::uint32_t mode,
                                  std::optional<Owner> as) = 0;  // one level; there already is fine
  virtual Result<> set_status(const std::string& path, std::uint32_t mode, Owner owner) = 0;
  virtual Result<> remove_file(const std::string& path, std::optional<Owner> as) = 0;  // absent is fine
  virtual Result<> remove_empty_directory(const std::string& path,
                                          std::optional<Owner> as) = 0;  // absent or not empty is fine
  virtual Result<> remove_tree(
      const std::string& path,
      std::optional<Owner> as) = 0;  // never follows links; refuses "/" and direct children of it
  virtual Result<Outcome> run(const Command& command) = 0;
};

// This machine.
std::unique_ptr<Control> real_control();

}  // namespace bringup::host
