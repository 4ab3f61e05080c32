// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where the user's environment keeps the libraries that the proof uses: those its PyTorch loads come first.

#include <bringup/base/result.hpp>

#include <string>
#include <vector>

namespace bringup::measure {

// Files that are there, in the order in which they are tried; then, `elsewhere`, what the system has.
std::vector<std::string> cublaslt_in(const std::vector<std::string>& site_packages, bool elsewhere);
std::vector<std::string> nccl_in(const std::vector<std::string>& site_packages, bool elsewhere);

// The first library that can be opened, or why each could not. `passed_over`: why those before it could not.
template <typename L>
Result<L> open_first(const std::vector<std::string>& libraries, std::string* passed_over = nullptr) {
  std::string why;
  for (const std::string& name : libraries) {
    auto opened = L::open(name);
    if (opened && passed_over != nullptr) *passed_over = why;
    if (opened) return opened;
    why += (why.empty() ? "" : "; ") + opened.error().message();
  }
  return Error(Errc::absent, why.empty() ? "none was looked for" : why);
}

}  // namespace bringup::measure
