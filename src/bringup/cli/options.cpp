// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/verbs.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::cli {
namespace {

constexpr std::string_view kLooking = "facts doctor plan verify topo record model explain";
constexpr std::string_view kAsking = "up apply resume undo model stack doctor bundle";

constexpr std::array kOptions{
    Option{"--json", "", "facts doctor plan verify topo history status catalog model explain stack env",
           "one JSON document on standard output", &Options::json},
    Option{"--goal", "FILE", "up plan doctor verify apply status model stack env run bundle",
           "what is wanted (bringup.toml)", nullptr, &Options::goal},
    Option{"--for", "SHAPE", "up plan model stack bundle",
           "for GPUs that are not here yet: \"4x RTX 4090\", or (plan) a hardware file or recording", nullptr,
           &Options::shape},
    Option{"--root", "DIR", kLooking, "look at a recorded machine instead of this one", nullptr,
           &Options::root},
    Option{"--offline", "", "up facts doctor plan apply record stack",
           "do not ask which software sources answer", &Options::offline},
    Option{"--all", "", "facts", "count GPUs through CUDA and PyTorch too (takes seconds)", &Options::all},
    Option{"--next-boot", "", "doctor",
           "what the next boot will find of kernel and driver, and what it will lose", &Options::next_boot},
    Option{"--fix", "", "doctor", "do the fixes that are safe, after asking; 'undo' takes them back",
           &Options::fix},
    Option{"--watch", "[SECONDS]", "doctor", "look again and again (every 5 s), and tell what comes and goes",
           &Options::watch},
    Option{"--level", "LEVEL", "verify", "quick (GPUs alone, under a second), standard (default) or full",
           nullptr, &Options::level},
    Option{"--gpus-only", "", "verify", "leave the Python environments out", &Options::gpus_only},
    Option{"--duration", "TIME", "verify", "level full: load all GPUs for so long (90s, 10m, 1h)", nullptr,
           &Options::duration},
    Option{"--compare", "OLD.json", "verify", "tell what differs from an older verify --json", nullptr,
           &Options::compare},
    Option{"--html", "FILE", "verify up", "keep the proof as one page that needs nothing else", nullptr,
           &Options::html},
    Option{"--junit", "FILE", "verify", "keep it as JUnit XML", nullptr, &Options::junit},
    Option{"--prometheus", "FILE", "verify", "keep it for node_exporter's textfile collector", nullptr,
           &Options::prometheus},
    Option{"--detailed-exitcode", "", "plan", "exit 2 when there is something to do",
           &Options::detailed_exitcode},
    Option{"--why", "PART", "plan",
           "only the reasons for one part and its nearest alternatives: driver, flavour, source, toolkit, "
           "python, torch, torchvision, torchaudio or an environment's name",
           nullptr, &Options::why},
    Option{"--context", "N", "model stack",
           "tokens of a sequence (model: its limit, at most 8192; stack run: 512 to train, 2048 to generate)",
           nullptr, &Options::context},
    Option{"--batch", "N", "model stack", "sequences at a time, on each GPU (1)", nullptr, &Options::batch},
    Option{"--to", "DIR", "model", "where a repository's files go (its name, in this directory)", nullptr,
           &Options::to},
    Option{"--only", "LAYOUT", "model", "of a repository: safetensors, or original (both)", nullptr,
           &Options::only},
    Option{"--data", "FILE", "stack",
           "run: lines of JSON, {\"instruction\": \"..\", \"input\": \"..\", \"output\": \"..\"}", nullptr,
           &Options::data},
    Option{"--output", "DIR", "stack", "run: where checkpoints go (./STACK-METHOD)", nullptr,
           &Options::output},
    Option{"--steps", "N", "stack", "run: steps to train (as many as the data has once)", nullptr,
           &Options::steps},
    Option{"--learning-rate", "X", "stack", "run: 2e-5 for full, 2e-4 for lora", nullptr, &Options::rate},
    Option{"--resume", "", "stack", "run: go on from the last checkpoint in --output", &Options::resume},
    Option{"--smoke", "", "stack",
           "run: with a small model that is made for it; train, and see its loss fall", &Options::smoke},
    Option{"--prompt", "TEXT", "stack", "run: the text that is gone on with", nullptr, &Options::prompt},
    Option{"--tokens", "N", "stack", "run: how many to generate at the most (200)", nullptr,
           &Options::tokens},
    Option{"--python", "FILE", "stack", "run: the Python of another environment that has the packages",
           nullptr, &Options::python},
    Option{"--key", "FILE", "catalog", "use: a file of keys that may sign catalogs", nullptr, &Options::key},
    Option{"--write", "FILE", "catalog", "refresh: write the rows that are new", nullptr, &Options::write},
    Option{"--dry-run", "", "up apply model stack doctor bundle", "stop after the plan", &Options::dry_run},
    Option{"--require-gpu", "", "up", "a machine without an NVIDIA GPU is a failure", &Options::require_gpu},
    Option{"--user-only", "", "up apply plan stack",
           "only what needs no root, PyPI's CUDA toolkit where one is wanted; say what is left",
           &Options::user_only},
    Option{"--at-boot", "", "resume", "what the unit that goes on after a reboot calls", &Options::at_boot},
    Option{"--yes", "", kAsking, "do not ask", &Options::yes},
    Option{"--no-input", "", kAsking, "never prompt; what would be asked is refused", &Options::no_input},
    Option{"--state", "DIR", "up apply resume undo history status catalog model stack doctor bundle",
           "where the journal is kept", nullptr, &Options::state},
    Option{"--color", "WHEN", "*", "auto, always or never (NO_COLOR is obeyed)", nullptr, &Options::color},
    Option{"--quiet", "", "*", "no progress and no hints", &Options::quiet},
    Option{"--verbose", "", "*", "show what children print", &Options::verbose},
};

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const Verb& verb : verbs()) names.emplace_back(verb.name);
  return names;
}

std::string hint(std::string_view word, std::span<const std::string> candidates) {
  const auto near = base::nearest(word, candidates);
  return near ? fmt::format(" (did you mean '{}'?)", *near) : "";
}

Error unknown_option(std::string_view given, std::string_view verb) {
  const std::string_view name = given.substr(0, given.find('='));
  std::vector<std::string> names{"--help", "--version"};
  for (const Option& option : kOptions) {
    if (option.name == name)
      return {Errc::usage, fmt::format("'{}' does not take {}; see 'bringup {} --help'", verb, name, verb)};
    if (takes(option, verb)) names.emplace_back(option.name);
  }
  return {Errc::usage,
          fmt::format("unknown option {}{}; see 'bringup {} --help'", name, hint(name, names), verb)};
}

// "NAME=5" as the two words that a switch with a word behind it is.
void take_apart(std::string_view name, std::vector<std::string>& backwards) {
  for (std::size_t i = 0; i < backwards.size(); ++i) {
    if (!backwards[i].starts_with(std::string(name) + "=")) continue;
    const std::string value = backwards[i].substr(name.size() + 1);
    backwards[i] = name;
    backwards.insert(backwards.begin() + static_cast<std::ptrdiff_t>(i), value);
    return;
  }
}

void declare(CLI::App& app, Options& options) {
  for (const Option& option : kOptions) {
    if (!takes(option, options.verb)) continue;
    std::string name(option.name);
    if (name == "--verbose") name = "-v,--verbose";
    if (name == "--quiet") name = "-q,--quiet";
    if (name == "--yes") name = "-y,--yes";
    if (option.flag != nullptr)
      app.add_flag(name, options.*option.flag);
    else
      app.add_option(name, options.*option.text);
  }
  app.add_flag("-h,--help", options.help);
  app.add_option("words", options.words);
}

// An empty value is a variable of a script that was not set; to go on without the option would do something
// else.
Result<> no_empty_value(const CLI::App& app, const Options& options) {
  for (const Option& option : kOptions) {
    if (option.text == nullptr || !takes(option, options.verb)) continue;
    if (app.count(std::string(option.name)) > 0 && (options.*option.text).empty())
      return Error(Errc::usage, fmt::format("{}: expected {}, found nothing between the quotes", option.name,
                                            option.value));
  }
  return ok;
}

Result<> one_of(std::string_view option, const std::string& value, std::span<const std::string> allowed) {
  if (std::ranges::find(allowed, value) != allowed.end()) return ok;
  return Error(Errc::usage, fmt::format("{} '{}': expected {}{}", option, value, base::join(allowed, ", "),
                                        hint(value, allowed)));
}

// The ways of the doctor exclude each other, and only one of them acts.
Result<> check_doctor(const Options& options) {
  if (options.next_boot && !options.words.empty())
    return Error(Errc::usage, "--next-boot is a forecast of its own and takes no rules");
  if (int{options.next_boot} + int{options.fix} + int{options.watch} > 1)
    return Error(Errc::usage, "--next-boot, --fix and --watch exclude each other");
  if ((options.fix || options.watch) && !options.root.empty())
    return Error(Errc::usage, fmt::format("{} is for this machine: a recording cannot change",
                                          options.fix ? "--fix" : "--watch"));
  if (options.watch && options.json)
    return Error(Errc::usage, "--watch is for people; for programs, ask 'bringup doctor --json' again");
  if (!options.fix && (options.yes || options.no_input || options.dry_run || !options.state.empty()))
    return Error(Errc::usage, "--yes, --no-input, --dry-run and --state belong to 'doctor --fix'");
  return ok;
}

Result<> check(const Options& options, const Verb& verb) {
  TRY(one_of("--color", options.color, std::array<std::string, 3>{"auto", "always", "never"}));
  TRY(one_of("--level", options.level, std::array<std::string, 3>{"quick", "standard", "full"}));
  if (options.words.size() > verb.most_words)
    return Error(Errc::usage,
                 fmt::format("'{}' takes {}; '{}' is too much", verb.name,
                             verb.most_words == 0 ? "no words" : "one word", options.words[verb.most_words]));
  if (verb.name == "doctor") TRY(check_doctor(options));
  if (!options.shape.empty() && !options.root.empty())
    return Error(Errc::usage, "--for and --root exclude each other: --for takes a recording's folder itself");
  return ok;
}

}  // namespace

bool takes(const Option& option, std::string_view verb) {
  if (option.verbs == "*") return true;
  const auto taking = base::words(option.verbs);
  return std::ranges::find(taking, verb) != taking.end();
}

std::string options_help(std::string_view verb) {
  std::string text;
  for (const Option& option : kOptions) {
    if (!takes(option, verb)) continue;
    const std::string left =
        option.value.empty() ? std::string(option.name) : fmt::format("{} {}", option.name, option.value);
    const auto lines = base::wrap(option.help, 52);
    text += fmt::format("  {:<22} {}\n", left, lines.front());
    for (std::size_t i = 1; i < lines.size(); ++i) text += fmt::format("  {:<22} {}\n", "", lines[i]);
  }
  return text;
}

Result<Options> parse(const std::vector<std::string>& arguments) {
  Options options;
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    options.help = true;
    if (arguments.size() > 1 && arguments[0] == "help") options.verb = arguments[1];
    if (options.verb.empty() || find_verb(options.verb) != nullptr) return options;
    return Error(Errc::usage,
                 fmt::format("unknown verb '{}'{}", options.verb, hint(options.verb, verb_names())));
  }
  if (arguments[0] == "--version") {
    options.version = true;
    return options;
  }
  if (arguments[0].starts_with("-"))
    return Error(
        Errc::usage,
        fmt::format("the verb comes first: bringup VERB {}; 'bringup --help' lists the verbs", arguments[0]));
  options.verb = arguments[0];
  const Verb* verb = find_verb(options.verb);
  if (verb == nullptr)
    return Error(Errc::usage, fmt::format("unknown verb '{}'{}; 'bringup --help' lists them", options.verb,
                                          hint(options.verb, verb_names())));
  // What stands behind "--" is another program's, whatever it looks like.
  std::vector<std::string> mine = arguments;
  const auto end = std::ranges::find(mine, "--");
  if (end != mine.end() && options.verb == "run") {
    options.command.assign(end + 1, mine.end());
    mine.erase(end, mine.end());
  }
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  declare(app, options);
  std::vector<std::string> rest(mine.rbegin(), mine.rend() - 1);  // CLI11 takes them last first
  take_apart("--watch", rest);
  try {
    app.parse(rest);
  } catch (const CLI::ParseError& error) {
    return Error(Errc::usage, fmt::format("{}; see 'bringup {} --help'", error.what(), options.verb));
  }
  for (const std::string& extra : app.remaining()) return unknown_option(extra, options.verb);
  TRY(no_empty_value(app, options));
  if (!options.help) TRY(check(options, *verb));
  return options;
}

int exit_code(Errc code) {
  switch (code) {
    case Errc::denied:
      return exit_denied;
    case Errc::unreachable:
      return exit_unreachable;
    case Errc::busy:
      return exit_busy;
    case Errc::timeout:
      return exit_deadline;
    case Errc::refused:
      return exit_refused;
    case Errc::stale:
      return exit_stale;
    case Errc::cancelled:
      return exit_interrupted;
    case Errc::usage:
      return exit_usage;
    case Errc::io:
      return exit_io;
    case Errc::absent:
    case Errc::malformed:
    case Errc::unsupported:
    case Errc::failed:
      return exit_failed;
  }
  return exit_internal;
}

}  // namespace bringup::cli
