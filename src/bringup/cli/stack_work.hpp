// SPDX-License-Identifier: Apache-2.0
#pragma once
// What running a stack takes, whether it trains or generates.

#include <bringup/cli/stack.hpp>
#include <bringup/host/command.hpp>

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace bringup::cli {

inline constexpr std::chrono::minutes kSmokeLongest{30};
inline constexpr std::chrono::hours kRunLongest{24 * 60};

// A directory for a smoke, which goes with it.
class Work {
 public:
  static Result<Work> make(const facts::User& user);
  ~Work();
  Work(Work&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  Work& operator=(Work&&) = delete;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit Work(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// What an environment that was begun lacks to be the stack, in words; "" for nothing.
Result<std::string> missing_of(const host::View& view, const std::string& env, const catalog::Stack& stack);

// "GPU 0: 65.1 GiB at the most, 62.3 GiB of it in tensors"
std::string peak_text(const stacks::Peak& peak);
nlohmann::ordered_json peak_json(const stacks::Peak& peak);

// --python, or that of the stack's environment.
Result<std::string> python_of(const Options& options, const Doors& doors, const facts::User& user,
                              const catalog::Stack& stack);

// Runs the stack's helper to its end; `on_line` sees each of its lines. What went wrong stands in the told
// error.
Result<stacks::RunTold> run_helper(const std::string& python, const facts::User& user,
                                   const catalog::Stack& stack, const std::string& ask, bool smoke,
                                   const std::function<void(std::string_view)>& on_line);

Result<int> stack_generate(const Options& options, const Doors& doors, const catalog::Stack& stack);

}  // namespace bringup::cli
