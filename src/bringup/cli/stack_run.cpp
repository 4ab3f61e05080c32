// SPDX-License-Identifier: Apache-2.0
// stack run: the checks before, the helper in the stack's environment, and what it told.
#include <bringup/base/text.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/cli/model.hpp>
#include <bringup/cli/stack_work.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

namespace bringup::cli {
namespace {

using nlohmann::ordered_json;
using stacks::RunAsk;
using stacks::RunTold;

constexpr std::int64_t kSmokeSteps = 10;

// The run as it goes: one line that moves on a terminal, elsewhere a line for every tenth of the steps.
class Live {
 public:
  explicit Live(const Options& options) : options_(options) {}
  void take(std::string_view line) {
    const std::size_t before = told_.steps.size();
    if (stacks::take_line(line, told_) && told_.steps.size() > before) show(told_.steps.back());
  }
  void finish() const {
    if (drawn_) draw("\r\x1b[K");
  }

 private:
  void show(const stacks::RunStep& step) {
    if (options_.quiet) return;
    std::string line = fmt::format("step {} of {}  loss {:.4g}", step.step, step.of, step.loss);
    if (step.tokens_per_second) line += fmt::format("  {:.0f} tokens/s", *step.tokens_per_second);
    const std::size_t columns = error_columns();
    if (columns > 0) {
      drawn_ = true;
      draw("\r" + base::fit(line, columns) + "\x1b[K");
    } else if (step.step == 1 || step.step * 10 / std::max<std::int64_t>(step.of, 1) !=
                                     (step.step - 1) * 10 / std::max<std::int64_t>(step.of, 1)) {
      say(options_, line);
    }
  }
  const Options& options_;
  RunTold told_;
  bool drawn_ = false;
};

Result<RunTold> train(const Options& options, const std::string& python, const facts::User& user,
                      const catalog::Stack& stack, const RunAsk& ask) {
  Live live(options);
  auto told = run_helper(python, user, stack, stacks::ask_json(ask), ask.smoke,
                         [&live](std::string_view line) { live.take(line); });
  live.finish();
  return told;
}

Result<> check_data(const host::View& view, const std::string& path) {
  constexpr std::size_t kPart = std::size_t{4} << 20U;
  stacks::DataCheck check;
  std::string rest;
  for (std::uint64_t at = 0;;) {
    const std::string part = TRY(view.read_part(path, at, kPart));
    at += part.size();
    rest += part;
    std::size_t begin = 0;
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
      TRY(check.take(std::string_view(rest).substr(begin, end - begin)).within(path));
      begin = end + 1;
    }
    rest.erase(0, begin);
    if (part.empty()) break;
  }
  TRY(check.take(rest).within(path));
  if (check.rows() == 0) return Error(Errc::malformed, path + ": no instructions in it");
  return ok;
}

// Whether the model can be trained here at all, before anything is loaded. What is trained whole is spread
// over the GPUs; an adapter has all of the model on each.
Result<> check_memory(const report::ModelPlan& model, const facts::Machine& machine,
                      const catalog::Stack& stack, const RunAsk& ask) {
  const auto gpu = smallest_gpu(machine);
  const auto needs = stacks::stack_needs(model.shape, model.ask);
  const auto need = std::ranges::find(needs, stack.name + "-" + ask.method, &stacks::MemoryNeed::use);
  if (!gpu || need == needs.end()) return ok;
  const std::size_t gpus = machine.nvml ? machine.nvml->gpus.size() : 1;
  const double share = ask.method == "full" ? static_cast<double>(std::max<std::size_t>(gpus, 1)) : 1.0;
  constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
  if (need->needed_bytes / share <= static_cast<double>(*gpu)) return ok;
  return Error(
      Errc::failed,
      fmt::format("{}: to train it ({}) takes {:.1f} GiB of each GPU, and the smallest here has {:.1f} GiB; "
                  "'bringup model plan {}' shows what it is made of{}",
                  model.directory, ask.method, need->needed_bytes / share / kGib,
                  static_cast<double>(*gpu) / kGib, model.directory,
                  ask.method == "full" ? ", and lora takes less" : ""));
}

Result<double> rate_of(const Options& options, const std::string& method) {
  if (options.rate.empty() && options.smoke) return method == "lora" ? 5e-3 : 3e-3;
  if (options.rate.empty()) return method == "lora" ? 2e-4 : 2e-5;
  double rate = 0;
  const char* end = options.rate.data() + options.rate.size();
  const auto read = std::from_chars(options.rate.data(), end, rate);
  if (read.ec == std::errc() && read.ptr == end && rate > 0 && rate < 1) return rate;
  return Error(Errc::usage,
               fmt::format("--learning-rate '{}': expected a number between 0 and 1", options.rate));
}

Result<RunAsk> ask_of(const Options& options, const catalog::Stack& stack) {
  const std::vector<std::string> methods{"full", "lora"};
  RunAsk ask{.method = options.words.size() > 2 ? options.words[2] : "", .resume = options.resume};
  if (std::ranges::find(methods, ask.method) == methods.end())
    return Error(Errc::usage,
                 fmt::format("'bringup stack run {}' needs full or lora, then the model's directory "
                             "or --smoke",
                             stack.name));
  ask.learning_rate = TRY(rate_of(options, ask.method));
  ask.batch = options.batch.empty() ? (options.smoke ? 4 : 1) : TRY(number_of("--batch", options.batch));
  ask.context = options.context.empty() ? 512 : TRY(number_of("--context", options.context));
  ask.steps = options.steps.empty() ? 0 : TRY(number_of("--steps", options.steps));
  ask.smoke = options.smoke;
  if (options.smoke) {
    if (options.words.size() > 3 || !options.data.empty() || !options.output.empty() || options.resume)
      return Error(Errc::usage, "--smoke makes its own model, data and output, and takes none");
    if (ask.steps == 0) ask.steps = kSmokeSteps;
    return ask;
  }
  if (options.words.size() < 4) return Error(Errc::usage, "which model? give its directory, or --smoke");
  if (options.data.empty())
    return Error(Errc::usage, "--data is missing: the file of instructions to train on");
  ask.model = absolute(options.words[3]);
  ask.data = absolute(options.data);
  ask.output =
      absolute(options.output.empty() ? fmt::format("{}-{}", stack.name, ask.method) : options.output);
  return ask;
}

ordered_json run_json(const catalog::Stack& stack, const RunAsk& ask, const RunTold& told) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? ordered_json(nullptr) : ordered_json(text);
  };
  const auto loss = [&told](bool first) {
    return told.steps.empty() ? ordered_json(nullptr)
                              : ordered_json(first ? told.steps.front().loss : told.steps.back().loss);
  };
  const auto speed = stacks::throughput(told);
  ordered_json peaks = ordered_json::array();
  for (const stacks::Peak& peak : told.peaks) peaks.push_back(peak_json(peak));
  return {{"schema", "bringup.stack-run/1"},
          {"stack", stack.name},
          {"method", ask.method},
          {"smoke", ask.smoke},
          {"ok", told.error.empty()},
          {"error", or_null(told.error)},
          {"torch", or_null(told.torch)},
          {"processes", told.processes},
          {"gpus", told.gpus},
          {"steps", told.steps.size()},
          {"first_loss", loss(true)},
          {"last_loss", loss(false)},
          {"tokens_per_second", speed ? ordered_json(*speed) : ordered_json(nullptr)},
          {"peak_memory", std::move(peaks)},
          {"checkpoint", ask.smoke ? ordered_json(nullptr) : or_null(told.checkpoint)}};
}

std::string run_text(const catalog::Stack& stack, const RunAsk& ask, const RunTold& told) {
  std::string text = fmt::format(
      "{} {}: {} steps {} (torch {})\n", stack.name, ask.method, told.steps.size(),
      told.gpus.empty() ? "on the CPU" : fmt::format("on {} of {} GPUs", told.processes, told.gpus.size()),
      base::harmless(told.torch));
  if (!told.steps.empty())
    text += fmt::format("  loss        {:.4g} -> {:.4g}\n", told.steps.front().loss, told.steps.back().loss);
  if (const auto speed = stacks::throughput(told))
    text += fmt::format("  speed       {:.0f} tokens/s\n", *speed);
  for (const stacks::Peak& peak : told.peaks) text += "  memory      " + peak_text(peak) + "\n";
  if (!told.checkpoint.empty() && !ask.smoke)
    text += fmt::format("  checkpoint  {}\n", base::harmless(told.checkpoint));
  if (ask.smoke && told.error.empty())
    text += "passed: the loss fell, and training went on from its checkpoint\n";
  return text;
}

Result<int> tell(const Options& options, const catalog::Stack& stack, const RunAsk& ask,
                 const RunTold& told) {
  TRY(print(options.json
                ? run_json(stack, ask, told).dump(2, ' ', false, ordered_json::error_handler_t::replace) +
                      "\n"
                : run_text(stack, ask, told)));
  if (!told.error.empty())
    return Error(Errc::failed, fmt::format("{} {}: {}", stack.name, ask.method, told.error));
  return exit_ok;
}

// Trains, saves, ends; then a second process goes on from the checkpoint.
Result<RunTold> smoke(const Options& options, const std::string& python, const facts::User& user,
                      const catalog::Stack& stack, RunAsk& ask) {
  const Work work = TRY(Work::make(user));
  ask.model = work.path() + "/model";
  ask.data = ask.model + "/data.jsonl";
  ask.output = work.path() + "/out";
  RunTold first = TRY(train(options, python, user, stack, ask));
  if (!first.error.empty()) return first;
  ask.resume = true;
  RunTold told = TRY(train(options, python, user, stack, ask));
  const bool went_on = !told.steps.empty() && told.steps.front().step == first.steps.back().step + 1;
  told.steps.insert(told.steps.begin(), first.steps.begin(), first.steps.end());
  if (!told.error.empty()) return told;
  if (!went_on)
    told.error = "the second part did not go on where the checkpoint of the first one ends";
  else if (!stacks::loss_fell(told.steps))
    told.error = "the loss did not fall";
  return told;
}

}  // namespace

Result<int> stack_run(const Options& options, const Doors& doors, const catalog::Stack& stack) {
  if (stack.use == "generate") return stack_generate(options, doors, stack);
  if (!options.prompt.empty() || !options.tokens.empty())
    return Error(Errc::usage, fmt::format("{} trains and takes no --prompt and no --tokens", stack.name));
  RunAsk ask = TRY(ask_of(options, stack));
  const facts::User user = current_user();
  const std::string python = TRY(python_of(options, doors, user, stack));
  if (options.smoke) return tell(options, stack, ask, TRY(smoke(options, python, user, stack, ask)));
  TRY(check_data(doors.view, ask.data));
  const report::ModelPlan model =
      TRY(weigh_model(doors.view, ask.model, {.context = ask.context, .batch = ask.batch}));
  if (!model.shape.quantization.empty())
    return Error(Errc::unsupported,
                 fmt::format("{}: its weights are quantized ({}), and what is trained is not",
                             model.directory, model.shape.quantization));
  if (!doors.view.exists(ask.model + "/tokenizer.json"))
    return Error(Errc::absent, ask.model + "/tokenizer.json: there is no tokenizer in the model's directory");
  TRY(check_memory(model, TRY(look(options, doors, {})).machine, stack, ask));
  return tell(options, stack, ask, TRY(train(options, python, user, stack, ask)));
}

}  // namespace bringup::cli
