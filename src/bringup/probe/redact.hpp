// SPDX-License-Identifier: Apache-2.0
#pragma once
// What may leave a machine in a recording: the facts, without what names the machine or its people.

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::probe {

class Redactor {
 public:
  Redactor(std::string user, std::string home, std::string host) : user_(std::move(user)), home_(std::move(home)), host_(std::move(host)) {}

  // GPU and file system UUIDs, MAC addresses, the passwords in URLs, the user's name and home, the host's name: replaced.
  std::string text(std::string_view text);
  // A path below the user's home as a path below /home/user.
  std::string path(std::string_view path) const;
  // What was replaced, in words.
  std::vector<std::string> done() const { return {done_.begin(), done_.end()}; }

 private:
  std::string user_;
  std::string home_;
  std::string host_;
  std::set<std::string> done_;
};

// The content of a file as a recording keeps it: start files only their lines about CUDA (line numbers stay), the package database only the
// packages of interest, libc only its version line, a kernel module only its .modinfo.
std::string essence(std::string_view path, std::string content);

// A small valid ELF file with these .modinfo entries, as essence makes it of a module; for tests too.
std::string module_file(std::string_view version, std::string_view license, bool is_signed);

}  // namespace bringup::probe
