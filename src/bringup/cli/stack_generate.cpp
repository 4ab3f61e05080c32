// SPDX-License-Identifier: Apache-2.0
// stack run of a stack that generates: the checks before, the text as it comes, and how fast it came.
#include <bringup/base/text.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/cli/model.hpp>
#include <bringup/cli/stack_work.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace bringup::cli {
namespace {

using nlohmann::ordered_json;
using stacks::GenerateAsk;
using stacks::RunTold;

constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
constexpr std::int64_t kUsualTokens = 200;
constexpr std::int64_t kUsualContext = 2048;
constexpr std::int64_t kSmokeTokens = 32;
constexpr std::int64_t kSmokeContext = 256;

Result<> check_words(const Options& options, const catalog::Stack& stack) {
  if (options.words.size() > 3)
    return Error(Errc::usage, fmt::format("'bringup stack run {}' takes one model", stack.name));
  if (!options.data.empty() || !options.output.empty() || !options.steps.empty() || !options.rate.empty() ||
      !options.batch.empty() || options.resume)
    return Error(Errc::usage, fmt::format("{} generates: --data, --output, --steps, --batch, --learning-rate "
                                          "and --resume are for stacks that train",
                                          stack.name));
  if (options.smoke && (options.words.size() > 2 || !options.prompt.empty()))
    return Error(Errc::usage, "--smoke makes its own model and prompt, and takes none");
  if (!options.smoke && options.words.size() < 3)
    return Error(Errc::usage, "which model? give its directory, or --smoke");
  if (!options.smoke && options.prompt.empty())
    return Error(Errc::usage, "--prompt is missing: the text that is gone on with");
  return ok;
}

Result<GenerateAsk> ask_of(const Options& options, const catalog::Stack& stack) {
  TRY(check_words(options, stack));
  GenerateAsk ask{.tokens = options.smoke ? kSmokeTokens : kUsualTokens,
                  .context = options.smoke ? kSmokeContext : kUsualContext,
                  .smoke = options.smoke};
  if (!options.tokens.empty()) ask.tokens = TRY(number_of("--tokens", options.tokens));
  if (!options.context.empty()) ask.context = TRY(number_of("--context", options.context));
  ask.prompt =
      options.smoke ? "### Instruction:\nSay what the cat does 3 times.\n\n### Response:\n" : options.prompt;
  if (!options.smoke) ask.model = absolute(options.words[2]);
  return ask;
}

// Bytes that each GPU must have, by whole layers one GPU after the other. Quantized weights are taken as they
// lie on the disk, which is a little less than what they need.
double needed_of(const report::ModelPlan& model, std::int64_t gpus) {
  const auto by_use = [](const std::vector<stacks::MemoryNeed>& needs) {
    const auto found = std::ranges::find(needs, "inference-bf16", &stacks::MemoryNeed::use);
    return found == needs.end() ? 0.0 : found->needed_bytes;
  };
  if (!model.shape.quantization.empty() || model.memory.empty())
    return static_cast<double>(model.weight_bytes) / static_cast<double>(gpus) + stacks::kContextBytes;
  return gpus > 1 ? by_use(stacks::memory_estimates(model.shape, model.ask, gpus)) : by_use(model.memory);
}

Result<> check_memory(const report::ModelPlan& model, const facts::Machine& machine) {
  const auto gpu = smallest_gpu(machine);
  if (!gpu) return ok;
  const auto gpus =
      static_cast<std::int64_t>(machine.nvml ? std::max<std::size_t>(machine.nvml->gpus.size(), 1) : 1);
  const double needed = needed_of(model, gpus);
  if (needed <= static_cast<double>(*gpu)) return ok;
  return Error(
      Errc::failed,
      fmt::format("{}: to generate with it takes {:.1f} GiB of each of {} GPUs, and the smallest has "
                  "{:.1f} GiB; 'bringup model plan {}' shows what it is made of; a shorter --context "
                  "or quantized weights take less",
                  model.directory, needed / kGib, gpus, static_cast<double>(*gpu) / kGib, model.directory));
}

ordered_json generate_json(const catalog::Stack& stack, const GenerateAsk& ask, const RunTold& told) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? ordered_json(nullptr) : ordered_json(text);
  };
  const auto& made = told.generated;
  const auto speed = made ? stacks::tokens_per_second(*made) : std::nullopt;
  ordered_json peaks = ordered_json::array();
  for (const stacks::Peak& peak : told.peaks) peaks.push_back(peak_json(peak));
  return {{"schema", "bringup.stack-generate/1"},
          {"stack", stack.name},
          {"smoke", ask.smoke},
          {"ok", told.error.empty()},
          {"error", or_null(told.error)},
          {"torch", or_null(told.torch)},
          {"gpus", told.gpus},
          {"text", ask.smoke ? ordered_json(nullptr) : ordered_json(told.text)},
          {"prompt_tokens", made ? ordered_json(made->prompt_tokens) : ordered_json(nullptr)},
          {"tokens", made ? ordered_json(made->tokens) : ordered_json(nullptr)},
          {"prompt_seconds", made ? ordered_json(made->prompt_seconds) : ordered_json(nullptr)},
          {"seconds", made ? ordered_json(made->seconds) : ordered_json(nullptr)},
          {"tokens_per_second", speed ? ordered_json(*speed) : ordered_json(nullptr)},
          {"peak_memory", std::move(peaks)}};
}

// The text is what standard output is for; the figures are talk.
void tell_figures(const Options& options, const RunTold& told) {
  if (told.generated) {
    const stacks::Generated& made = *told.generated;
    const auto speed = stacks::tokens_per_second(made);
    say(options, fmt::format("{} tokens after a prompt of {}{}; the first after {:.2g} s", made.tokens,
                             made.prompt_tokens, speed ? fmt::format(", {:.1f} tokens/s", *speed) : "",
                             made.prompt_seconds));
  }
  for (const stacks::Peak& peak : told.peaks) say(options, peak_text(peak));
}

Result<int> tell(const Options& options, const catalog::Stack& stack, const GenerateAsk& ask,
                 const RunTold& told) {
  if (options.json) {
    TRY(print(generate_json(stack, ask, told).dump(2, ' ', false, ordered_json::error_handler_t::replace) +
              "\n"));
  } else {
    if (!told.text.empty() && !told.text.ends_with('\n')) TRY(print("\n"));
    tell_figures(options, told);
  }
  if (!told.error.empty()) return Error(Errc::failed, fmt::format("{}: {}", stack.name, told.error));
  if (ask.smoke && !options.json)
    TRY(print(fmt::format(
        "passed: {} made {} tokens of a small model, twice the same{}\n", stack.name,
        told.generated ? told.generated->tokens : 0,
        told.gpus.size() > 1 ? fmt::format(", its layers spread over {} GPUs", told.gpus.size()) : "")));
  return exit_ok;
}

// Prints the text as it comes; what could not be printed is told at the end.
class Printer {
 public:
  void take(std::string_view line) {
    const std::size_t before = told_.text.size();
    if (!stacks::take_line(line, told_) || told_.text.size() == before || !how_) return;
    how_ = print(stacks::printable(std::string_view(told_.text).substr(before)));
  }
  const Result<>& how() const { return how_; }

 private:
  RunTold told_;
  Result<> how_ = ok;
};

Result<> check_model(const Options& options, const Doors& doors, const GenerateAsk& ask) {
  const report::ModelPlan model =
      TRY(weigh_model(doors.view, ask.model, {.context = ask.context, .batch = 1}));
  if (!doors.view.exists(ask.model + "/tokenizer.json"))
    return Error(Errc::absent, ask.model + "/tokenizer.json: there is no tokenizer in the model's directory");
  return check_memory(model, TRY(look(options, doors, {})).machine);
}

}  // namespace

Result<int> stack_generate(const Options& options, const Doors& doors, const catalog::Stack& stack) {
  GenerateAsk ask = TRY(ask_of(options, stack));
  const facts::User user = current_user();
  const std::string python = TRY(python_of(options, doors, user, stack));
  std::optional<Work> work;
  if (ask.smoke) {
    work.emplace(TRY(Work::make(user)));
    ask.model = work->path() + "/model";
  } else {
    TRY(check_model(options, doors, ask));
  }
  Printer printer;
  const RunTold told = TRY(run_helper(python, user, stack, stacks::ask_json(ask), ask.smoke,
                                      [&printer, &options](std::string_view line) {
                                        if (!options.json) printer.take(line);
                                      }));
  TRY(printer.how());
  return tell(options, stack, ask, told);
}

}  // namespace bringup::cli
