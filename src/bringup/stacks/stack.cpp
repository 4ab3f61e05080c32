// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/embedded.hpp>
#include <bringup/base/text.hpp>
#include <bringup/stacks/stack.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace bringup::stacks {
namespace {

using nlohmann::json;

constexpr std::size_t kMostTold = 1'000'000;  // steps that are kept: no run has more

std::string text_of(const json& event, const char* key) {
  const auto at = event.find(key);
  return at != event.end() && at->is_string() ? at->get<std::string>() : "";
}
std::int64_t whole_of(const json& event, const char* key) {
  const auto at = event.find(key);
  return at != event.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
}
std::optional<double> number_of(const json& event, const char* key) {
  const auto at = event.find(key);
  return at != event.end() && at->is_number() ? std::optional(at->get<double>()) : std::nullopt;
}

void take_begin(const json& event, RunTold& told) {
  told.torch = text_of(event, "torch");
  told.processes = whole_of(event, "processes");
  told.gpus.clear();
  const auto gpus = event.find("gpus");
  if (gpus == event.end() || !gpus->is_array()) return;
  for (const json& gpu : *gpus) {
    if (gpu.is_string()) told.gpus.push_back(gpu.get<std::string>());
  }
}

// A loss that is no number (JSON has none for it, and Python writes NaN) ends as an unparsable line; one that
// is not said is infinite, and never one that fell.
void take_step(const json& event, RunTold& told) {
  if (told.steps.size() >= kMostTold) return;
  told.steps.push_back({.step = whole_of(event, "step"),
                        .of = whole_of(event, "of"),
                        .loss = number_of(event, "loss").value_or(INFINITY),
                        .seconds = number_of(event, "seconds").value_or(0),
                        .tokens_per_second = number_of(event, "tokens_per_second")});
}

void take_generated(const json& event, RunTold& told) {
  told.generated = {.prompt_tokens = whole_of(event, "prompt_tokens"),
                    .tokens = whole_of(event, "tokens"),
                    .prompt_seconds = number_of(event, "prompt_seconds").value_or(0),
                    .seconds = number_of(event, "seconds").value_or(0)};
}

void take_memory(const json& event, RunTold& told) {
  const auto bytes = number_of(event, "peak_bytes");
  if (!bytes || *bytes < 0) return;
  const double allocated = std::max(0.0, number_of(event, "allocated_bytes").value_or(0));
  told.peaks.push_back({.gpu = whole_of(event, "gpu"),
                        .reserved_bytes = static_cast<std::uint64_t>(*bytes),
                        .allocated_bytes = static_cast<std::uint64_t>(allocated)});
}

}  // namespace

Result<const catalog::Stack*> find_stack(std::string_view name, const catalog::Catalog& catalog) {
  const auto found = std::ranges::find(catalog.stacks, name, &catalog::Stack::name);
  if (found != catalog.stacks.end()) return &*found;
  std::vector<std::string> names;
  for (const catalog::Stack& one : catalog.stacks) names.push_back(one.name);
  const auto near = base::nearest(name, names);
  return Error(Errc::usage,
               fmt::format("unknown stack '{}'{}; there are: {}", base::harmless(name),
                           near ? fmt::format(" (did you mean '{}'?)", *near) : "", base::join(names, ", ")));
}

std::string env_name(const catalog::Stack& stack) {
  return "stack-" + stack.name;
}

goal::EnvGoal env_goal_of(const catalog::Stack& stack, std::string_view torch) {
  goal::EnvGoal env{.name = env_name(stack), .packages = stack.packages, .own = true};
  if (!stack.extension.empty())
    env.extension =
        goal::ExtensionGoal{.module = stack.extension, .imports = stack.imports, .min_cuda = stack.min_cuda};
  if (!torch.empty()) {
    for (std::string& package : env.packages) {
      if (package == "torch") package += fmt::format("=={}", torch);
    }
  }
  return env;
}

goal::Goal goal_of(const goal::Goal& goal, const catalog::Stack& stack, std::string_view torch) {
  goal::Goal out = goal;
  out.stacks.clear();
  out.models.clear();
  out.envs = {env_goal_of(stack, torch)};
  if (out.toolkit == "auto" && stack.extension.empty()) out.toolkit = "none";
  return out;
}

Result<> check_gpus(const catalog::Stack& stack, const facts::Machine& machine) {
  const bool any =
      std::ranges::find(machine.pci, facts::PciKind::gpu, &facts::PciFunction::kind) != machine.pci.end();
  if (!any && !stack.extension.empty())
    return Error(Errc::failed,
                 fmt::format("{} compiles an extension for NVIDIA GPUs, and there is none on the PCI bus: it "
                             "cannot be used here; nothing was changed",
                             stack.name));
  for (const facts::PciFunction& gpu : machine.pci) {
    const auto compute = catalog::ComputeCapability::parse(gpu.compute_capability);
    if (gpu.kind != facts::PciKind::gpu || !compute || !stack.min_compute || *compute >= *stack.min_compute)
      continue;
    return Error(
        Errc::failed,
        fmt::format("{} runs on GPUs from compute capability {} on, and {} at {} has {}; nothing was "
                    "changed",
                    stack.name, stack.min_compute->text(), gpu.name.empty() ? "the GPU" : gpu.name,
                    gpu.address, compute->text()));
  }
  return ok;
}

Result<std::vector<goal::Goal>> with_stacks(const goal::Goal& goal, const catalog::Catalog& catalog) {
  if (goal.stacks.empty()) return std::vector{goal};
  std::vector<const catalog::Stack*> stacks;
  std::size_t levels = 0;
  for (const goal::StackGoal& wanted : goal.stacks) {
    stacks.push_back(TRY(find_stack(wanted.name, catalog).within(wanted.where)));
    if (std::ranges::find(goal.envs, env_name(*stacks.back()), &goal::EnvGoal::name) != goal.envs.end())
      return Error(Errc::usage, fmt::format("{}: an environment of the goal is called '{}', which is where "
                                            "the stack goes; give it another name",
                                            wanted.where, env_name(*stacks.back())));
    levels = std::max(levels, stacks.back()->torches.size());
  }
  std::vector<goal::Goal> out;
  for (std::size_t level = 0; level <= levels; ++level) {
    goal::Goal one = goal;
    for (const catalog::Stack* stack : stacks)
      one.envs.push_back(env_goal_of(*stack, level < stack->torches.size() ? stack->torches[level] : ""));
    out.push_back(std::move(one));
  }
  return out;
}

std::string helper_of(const catalog::Stack& stack) {
  const auto helpers = embedded_stack_helpers();
  std::string text;
  for (const std::string& name : {std::string("run_common.py"), fmt::format("run_{}.py", stack.name)}) {
    const auto found = std::ranges::find(helpers, name, &base::EmbeddedFile::name);
    if (found == helpers.end()) return "";
    text += found->text;
  }
  return text;
}

std::string ask_json(const RunAsk& ask) {
  return json{{"method", ask.method},   {"model", ask.model},
              {"data", ask.data},       {"output", ask.output},
              {"steps", ask.steps},     {"batch", ask.batch},
              {"context", ask.context}, {"learning_rate", ask.learning_rate},
              {"resume", ask.resume},   {"smoke", ask.smoke}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string ask_json(const GenerateAsk& ask) {
  return json{{"method", "generate"},   {"model", ask.model}, {"prompt", ask.prompt}, {"tokens", ask.tokens},
              {"context", ask.context}, {"output", ""},       {"smoke", ask.smoke}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

// The first token belongs to the prompt's time.
std::optional<double> tokens_per_second(const Generated& generated) {
  if (generated.tokens < 2 || generated.seconds <= 0) return std::nullopt;
  return static_cast<double>(generated.tokens - 1) / generated.seconds;
}

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool second = i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) >= 0x80U &&
                        static_cast<unsigned char>(text[i + 1]) < 0xa0U;
    if (byte == 0xc2U && second)
      ++i;  // U+0080 to U+009F
    else if ((byte >= 0x20U && byte != 0x7fU) || byte == '\n' || byte == '\t')
      out += text[i];
  }
  return out;
}

bool take_line(std::string_view line, RunTold& told) {
  if (!line.starts_with("{\"event\"")) return false;
  const json event = json::parse(line, nullptr, false);
  if (!event.is_object()) return false;
  const std::string name = text_of(event, "event");
  if (name == "begin")
    take_begin(event, told);
  else if (name == "step")
    take_step(event, told);
  else if (name == "memory")
    take_memory(event, told);
  else if (name == "checkpoint")
    told.checkpoint = text_of(event, "path");
  else if (name == "text")
    told.text += text_of(event, "text");
  else if (name == "generated")
    take_generated(event, told);
  else if (name == "error")
    told.error = text_of(event, "text");
  else if (name == "end")
    told.ended = true;
  else
    return false;
  return true;
}

std::optional<double> throughput(const RunTold& told) {
  const std::size_t skip = told.steps.size() > 4 ? 2 : 0;
  double tokens = 0;
  double seconds = 0;
  for (std::size_t i = skip; i < told.steps.size(); ++i) {
    const RunStep& step = told.steps[i];
    if (!step.tokens_per_second || step.seconds <= 0) continue;
    tokens += *step.tokens_per_second * step.seconds;
    seconds += step.seconds;
  }
  return seconds > 0 ? std::optional(tokens / seconds) : std::nullopt;
}

bool loss_fell(const std::vector<RunStep>& steps) {
  constexpr std::size_t kMean = 3;
  constexpr double kShare = 0.9;  // random data alone moves the mean of three by less
  if (steps.size() < 2 * kMean) return false;
  double first = 0;
  double last = 0;
  for (std::size_t i = 0; i < kMean; ++i) {
    first += steps[i].loss;
    last += steps[steps.size() - 1 - i].loss;
  }
  return std::isfinite(first) && std::isfinite(last) && last < kShare * first;
}

Result<> DataCheck::take(std::string_view line) {
  ++line_;
  if (base::trim(line).empty()) return ok;
  const auto bad = [this](std::string_view what) {
    return Error(Errc::malformed,
                 fmt::format("line {}: {}; expected an object with the texts instruction, output and, "
                             "where there is one, input",
                             line_, what));
  };
  const json row = json::parse(line, nullptr, false);
  if (row.is_discarded()) return bad("is no JSON");
  if (!row.is_object()) return bad("is no object");
  for (const char* key : {"instruction", "output"}) {
    const auto at = row.find(key);
    if (at == row.end()) return bad(fmt::format("{} is missing", key));
    if (!at->is_string()) return bad(fmt::format("{} is no text", key));
    if (base::trim(at->get<std::string>()).empty()) return bad(fmt::format("{} is empty", key));
  }
  const auto input = row.find("input");
  if (input != row.end() && !input->is_string() && !input->is_null()) return bad("input is no text");
  ++rows_;
  return ok;
}

}  // namespace bringup::stacks
