// SPDX-License-Identifier: Apache-2.0
#pragma once
// What may leave a machine in a recording: the facts, without what names the machine or its people.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::probe {

class Redactor {
 public:
  Redactor(std::string user, std::string home, std::string host, std::string machine = "");

  // GPU and file system UUIDs (the same one always becomes the same other one), MAC addresses, passwords and
  // tokens, homes, the user's name, the host's name: replaced. A name that is an ordinary word of such files
  // ("debian", "nvidia") is left: it tells nobody anything, and replacing it would change what the files say.
  std::string text(std::string_view text);
  // The same of an EFI variable that holds UTF-16 behind its attributes.
  std::string wide(std::string_view bytes);
  // The same of a path.
  std::string path(std::string_view path) const;
  // What was replaced, in words.
  std::vector<std::string> done() const { return {done_.begin(), done_.end()}; }

 private:
  std::string text_once(std::string text);
  bool number_uuids(std::string& text);
  bool replace_homes(std::string& text) const;

  std::string user_;
  std::string home_;
  std::string host_;
  std::string machine_;  // /etc/machine-id
  std::map<std::string, int> uuids_;
  std::set<std::string> done_;
};

// The content of a file as a recording keeps it: start files only their lines about CUDA (line numbers stay),
// the package database only the packages of interest, libc only its version line, a kernel module only its
// .modinfo.
std::string essence(std::string_view path, std::string content);

}  // namespace bringup::probe
