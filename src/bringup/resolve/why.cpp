// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/resolve/alternatives.hpp>
#include <bringup/resolve/explain.hpp>
#include <bringup/resolve/why.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::resolve {
namespace {

using catalog::Known;

// What a part rests on, in the order in which one decides the next; ':' takes every source.
struct Topic {
  std::string_view name;
  std::string_view chain;
};
constexpr std::array kTopics{Topic{"driver", "gpus driver flavour source:"},
                             Topic{"flavour", "gpus driver flavour"},
                             Topic{"source", "driver source:"},
                             Topic{"toolkit", "gpus driver torch toolkit"},
                             Topic{"python", "python torch"},
                             Topic{"torch", "gpus driver python torch row"},
                             Topic{"torchvision", "gpus driver python torch row"},
                             Topic{"torchaudio", "gpus driver python torch row"}};

const Topic* topic_of(std::string_view name) {
  const auto* at = std::ranges::find(kTopics, name, &Topic::name);
  return at == kTopics.end() ? nullptr : at;
}

Error unknown(const std::vector<goal::EnvGoal>& envs, std::string_view about) {
  std::vector<std::string> names;
  for (const Topic& topic : kTopics) names.emplace_back(topic.name);
  for (const goal::EnvGoal& env : envs) names.push_back(env.name);
  const auto near = base::nearest(about, names);
  return {Errc::usage,
          fmt::format("--why '{}': expected {}{}", base::harmless(about), base::join(names, ", "),
                      near ? fmt::format(" (did you mean '{}'?)", *near) : "")};
}

// "8x H200 (9.0), 1x Tesla V100 (7.0)"
Reason gpus_reason(const Problem& problem) {
  std::vector<std::pair<std::string, int>> kinds;
  for (const Wanted& gpu : problem.gpus) {
    std::string name = gpu_text(gpu).substr(fmt::format("GPU {} ", gpu.address).size());
    const auto at = std::ranges::find(kinds, name, &std::pair<std::string, int>::first);
    if (at == kinds.end())
      kinds.emplace_back(std::move(name), 1);
    else
      ++at->second;
  }
  std::vector<std::string> words;
  words.reserve(kinds.size());
  for (const auto& [name, count] : kinds) words.push_back(fmt::format("{}x {}", count, name));
  return {.about = "gpus",
          .text = words.empty() ? "there is no NVIDIA GPU" : "to be served: " + base::join(words, ", "),
          .source = problem.machine->hypothetical ? "given with --for" : "this machine: the PCI bus",
          .known = Known::tried};
}

// What the chosen row demands, in its own figures.
void row_reasons(const Problem& problem, const catalog::WheelSet& wheels, std::vector<Reason>& out) {
  std::vector<std::string> sm;
  for (const catalog::ComputeCapability compute : wheels.sm) sm.push_back(compute.text());
  std::string code = sm.empty() ? "no code for GPUs" : "machine code for " + base::join(sm, ", ");
  if (wheels.ptx)
    code += fmt::format(", and code that drivers compile for newer GPUs from {}", wheels.ptx->text());
  out.push_back(
      {.about = "torch",
       .text = fmt::format("{} has {}; it needs Python {} to {} and glibc {} or later", wheels_text(wheels),
                           code, wheels.pythons.front(), wheels.pythons.back(), wheels.glibc.text),
       .source = wheels.from.source,
       .known = wheels.from.known});
  const catalog::CudaFloor* floor = wheels.cuda ? problem.catalog->floor(wheels.cuda->major()) : nullptr;
  if (floor != nullptr && problem.has_gpus())
    out.push_back({.about = "driver",
                   .text = fmt::format("programs for CUDA {} need driver {} or later", floor->cuda_major,
                                       floor->driver.text),
                   .source = floor->from.source,
                   .known = floor->from.known});
}

std::vector<Reason> chain_of(const Problem& problem, const Solution& solution, const Choice& choice,
                             const Topic& topic, std::optional<std::size_t> env) {
  std::vector<Reason> out;
  for (const std::string_view link : base::words(topic.chain)) {
    if (link == "gpus") out.push_back(gpus_reason(problem));
    if (link == "row" && env && solution.envs[*env].wheels != nullptr)
      row_reasons(problem, *solution.envs[*env].wheels, out);
    std::size_t torch =
        0;  // the reasons about torch are one for each environment that has it, in their order
    for (const Reason& reason : choice.reasons) {
      if (link.ends_with(':') ? !reason.about.starts_with(link) : reason.about != link) continue;
      const bool other = link == "torch" && env && torch++ != reasons_before(problem, solution, *env);
      if (!other) out.push_back(reason);
    }
  }
  return out;
}

std::string chosen_text(const Choice& choice, const Solution& solution, std::string_view name,
                        std::optional<std::size_t> env) {
  const DriverCandidate& driver = solution.driver;
  if (name == "driver") return driver_text(driver);
  if (name == "flavour")
    return driver.flavour ? fmt::format("the {} kernel modules", flavour_name(*driver.flavour))
                          : "no kernel module";
  if (name == "source") return choice.driver.source.value_or("none");
  if (name == "toolkit")
    return choice.toolkit.version
               ? fmt::format("CUDA toolkit {} ({} {})", *choice.toolkit.version,
                             action_name(choice.toolkit.action), choice.toolkit.source.value_or(""))
               : "no CUDA toolkit";
  if (name == "python") return fmt::format("Python {} with {}", choice.python.version, choice.python.manager);
  if (!env) return "nothing of torch";
  const EnvChoice& made = choice.envs[*env];
  std::vector<std::string> words;
  for (const WheelChoice& wheel : made.packages) {
    if (name != made.name && wheel.name != name) continue;
    words.push_back(fmt::format("{} {}{}{}", wheel.name, wheel.version,
                                wheel.variant ? fmt::format(" ({})", *wheel.variant) : "",
                                wheel.index ? "" : ", which is here already"));
  }
  return words.empty() ? fmt::format("no {} in environment {}", name, made.name) : base::join(words, ", ");
}

// The environment that is meant: by its name, else the first that asks for torch.
std::optional<std::size_t> env_of(const Problem& problem, std::string_view about) {
  for (std::size_t i = 0; i < problem.envs.size(); ++i) {
    if (problem.envs[i].name == about) return i;
  }
  for (std::size_t i = 0; i < problem.envs.size(); ++i) {
    if (wishes_of(problem.envs[i]).torch) return i;
  }
  return std::nullopt;
}

Alternatives alternatives_of(const Problem& problem, const Solution& solution, std::string_view name,
                             std::optional<std::size_t> env) {
  if (name == "driver") return driver_alternatives(problem, solution);
  if (name == "flavour") return flavour_alternatives(problem, solution);
  if (name == "source") return source_alternatives(problem, solution);
  if (name == "toolkit") return toolkit_alternatives(problem, solution);
  if (name == "python") return python_alternatives(problem, solution);
  return env ? wheel_alternatives(problem, solution, *env) : Alternatives{};
}

}  // namespace

Result<> known_part(const goal::Goal& goal, std::string_view about) {
  const bool env = std::ranges::find(goal.envs, about, &goal::EnvGoal::name) != goal.envs.end();
  if (!env && topic_of(about) == nullptr) return unknown(goal.envs, about);
  return ok;
}

Result<Why> why(const facts::Machine& machine, const goal::Goal& goal, const catalog::Catalog& catalog,
                std::string_view today, std::string_view about) {
  const Problem problem = make_problem(machine, goal, catalog, today);
  const bool env_named = std::ranges::find(problem.envs, about, &WantedEnv::name) != problem.envs.end();
  const Topic* topic = topic_of(env_named ? "torch" : about);
  if (topic == nullptr) return unknown(goal.envs, about);
  const auto solution = search(problem);
  if (!solution) return Error(Errc::absent, "there is no choice, so there is nothing to give reasons for");
  const Choice choice = choice_of(problem, *solution, goal.kernel == "hold");
  const auto env = env_of(problem, about);
  return Why{.about = std::string(about),
             .chosen = chosen_text(choice, *solution, about, env),
             .chain = chain_of(problem, *solution, choice, *topic, env),
             .alternatives = alternatives_of(problem, *solution, topic->name, env)};
}

}  // namespace bringup::resolve
