// SPDX-License-Identifier: Apache-2.0
#pragma once
// A stack is a set of packages that trains or runs models, in an environment of its own: which there are,
// what each wants as a goal, and what its helper tells while it runs.

#include <bringup/catalog/catalog.hpp>
#include <bringup/goal/goal.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::stacks {

// Errc::usage with the nearest name for one that the catalog does not have.
Result<const catalog::Stack*> find_stack(std::string_view name, const catalog::Catalog& catalog);

// "stack-trl": the name of its environment.
std::string env_name(const catalog::Stack& stack);

// What it needs as an environment. `torch`: a release of it, "" for the one that the resolver likes best.
goal::EnvGoal env_goal_of(const catalog::Stack& stack, std::string_view torch);

// Refuses a stack that these GPUs cannot run: one of them is too old, or there is none and it compiles.
Result<> check_gpus(const catalog::Stack& stack, const facts::Machine& machine);

// The goal with the environments of its stacks, once for each level of releases of torch that were tried with
// them; {goal} when it has none. An error names the line of the stack.
Result<std::vector<goal::Goal>> with_stacks(const goal::Goal& goal, const catalog::Catalog& catalog);

// The goal with this stack's environment and no other. `torch`: a release of it, "" for the one that the
// resolver likes best.
goal::Goal goal_of(const goal::Goal& goal, const catalog::Stack& stack, std::string_view torch);

// The helper for a stack's Python, to be given with -c.
std::string helper_of(const catalog::Stack& stack);

// What the helper is asked, as the JSON object that it reads.
struct RunAsk {
  std::string method;  // "full" or "lora"
  std::string model;   // directories and files, absolute
  std::string data;
  std::string output;
  std::int64_t steps = 0;  // 0: the data once
  std::int64_t batch = 1;
  std::int64_t context = 512;
  double learning_rate = 0;
  bool resume = false;
  bool smoke = false;
};
std::string ask_json(const RunAsk& ask);

// The same for a stack that generates.
struct GenerateAsk {
  std::string model;
  std::string prompt;
  std::int64_t tokens = 0;  // at the most
  std::int64_t context = 0;
  bool smoke = false;
};
std::string ask_json(const GenerateAsk& ask);

struct Generated {
  std::int64_t prompt_tokens = 0;
  std::int64_t tokens = 0;
  double prompt_seconds = 0;  // to the first token
  double seconds = 0;         // from the first token to the last
};
std::optional<double> tokens_per_second(const Generated& generated);

struct RunStep {
  std::int64_t step = 0;
  std::int64_t of = 0;
  double loss = 0;
  double seconds = 0;
  std::optional<double> tokens_per_second;
};

// Of one GPU, at the most: what PyTorch took from the driver, and what its tensors held of that, which is
// what `model plan` counts; 0: not told.
struct Peak {
  std::int64_t gpu = 0;
  std::uint64_t reserved_bytes = 0;
  std::uint64_t allocated_bytes = 0;
};

// What a run told so far.
struct RunTold {
  std::string torch;
  std::int64_t processes = 0;
  std::vector<std::string> gpus;
  std::vector<RunStep> steps;
  std::vector<Peak> peaks;
  std::string checkpoint;
  std::string text;  // what was generated
  std::optional<Generated> generated;
  std::string error;
  bool ended = false;
};
// One line of the helper's output; false for one that is none of its events, which changes nothing.
bool take_line(std::string_view line, RunTold& told);

// Tokens a second without the first steps, in which kernels are loaded; nullopt when nothing tells.
std::optional<double> throughput(const RunTold& told);
// Whether the loss fell: the mean of the last three against that of the first three.
bool loss_fell(const std::vector<RunStep>& steps);

// Text of a model for a terminal: without what would move its cursor or change its colours.
std::string printable(std::string_view text);

// Checks lines of instructions ({"instruction", "input", "output"}) as they are read; complete lines only.
// Errors name the line and what is wrong with it.
class DataCheck {
 public:
  Result<> take(std::string_view line);
  std::int64_t rows() const { return rows_; }

 private:
  std::int64_t line_ = 0;
  std::int64_t rows_ = 0;
};

}  // namespace bringup::stacks
