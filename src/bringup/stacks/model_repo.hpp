// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a hub says about a repository of a model, and which of its files are wanted.

#include <bringup/base/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::stacks {

struct RepoName {
  std::string repo;  // "org/name", or "name" of the hub's oldest
  std::string revision = "main";
};
// "org/name" or "org/name@revision". Errc::usage for what no hub would name so.
Result<RepoName> parse_repo_name(std::string_view text);

struct RepoFile {
  std::string path;  // below the repository, safe to make: no "..", not absolute, no control characters
  std::uint64_t size = 0;
  std::string sha256;   // of the bytes; "" for a file that git itself holds
  std::string git_sha;  // SHA-1 of such a file as git's blob; "" otherwise
};

struct Repo {
  std::string id;
  std::string commit;   // 40 hexadecimal digits
  std::string licence;  // "llama3"; "" when it is not said
  bool gated = false;   // a licence must be accepted first
  bool secret = false;  // private
  std::vector<RepoFile> files;
};
// Errc::malformed for what is no answer about a repository, or names files that must not be made.
Result<Repo> parse_repo(std::string_view json);

// The two layouts: safetensors, tokenizer and configuration (exllamav2, transformers), and what is below
// original/ (torchtune).
enum class Layout : std::uint8_t { both, safetensors, original };
// Sorted. The same weights in other formats are left out where there are safetensors.
std::vector<RepoFile> wanted_files(const Repo& repo, Layout layout);
std::uint64_t bytes_of(const std::vector<RepoFile>& files);

}  // namespace bringup::stacks
