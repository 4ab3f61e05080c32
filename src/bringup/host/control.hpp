// SPDX-License-Identifier: Apache-2.0
#pragma once
// The door for changing: only the room `apply` may name it. Each call is one change, so that a test can die between any two.

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

  // Replaces the file as a whole and durably: temporary file beside it, fsync, rename, fsync of the directory. A link is followed
  // to its target, which keeps being the file. New files get `mode` and `owner`; existing ones keep theirs.
  virtual Result<> write(const std::string& path, std::string_view text, std::uint32_t mode, std::optional<Owner> owner) = 0;
  virtual Result<> make_directory(const std::string& path, std::uint32_t mode, std::optional<Owner> owner) = 0;  // one level; there already is fine
  virtual Result<> set_status(const std::string& path, std::uint32_t mode, Owner owner) = 0;
  virtual Result<> remove_file(const std::string& path) = 0;         // absent is fine
  virtual Result<> remove_empty_directory(const std::string& path) = 0;
  virtual Result<> remove_tree(const std::string& path) = 0;         // never follows links; refuses "/" and direct children of it
  virtual Result<Outcome> run(const Command& command) = 0;
};

// This machine.
std::unique_ptr<Control> real_control();

}  // namespace bringup::host
