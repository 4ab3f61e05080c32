// SPDX-License-Identifier: Apache-2.0
// The verbs env and run: the environments that are here by name, how to activate one, a program inside one.
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/cli/stack.hpp>
#include <bringup/plan/plan.hpp>
#include <bringup/resolve/resolve.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program

namespace bringup::cli {
namespace {

using facts::PythonEnv;
using nlohmann::ordered_json;

struct Named {
  std::string name;
  const PythonEnv* env = nullptr;
  bool stack = false;
};

struct Environments {
  Looked looked;
  std::vector<Named> named;
};

// What the goal's environments are here: another one than bringup's own may stand in for one.
std::vector<resolve::EnvChoice> chosen(const Looked& looked, const goal::Goal& goal) {
  facts::Machine connected = looked.machine;
  for (facts::Source& source : connected.sources) source.answered_seconds = 0.0;
  const auto goals = stacks::with_stacks(goal, catalog::built_in());
  for (const goal::Goal& one : goals ? *goals : std::vector{goal}) {
    const auto resolution = resolve::resolve(connected, one, catalog::built_in(), looked.today);
    if (const auto* choice = std::get_if<resolve::Choice>(&resolution)) return choice->envs;
  }
  return {};
}

// "/home/me/project/.venv" -> "project"
std::string last_name(std::string path) {
  if (path.ends_with("/.venv") || path.ends_with("/venv")) path.resize(path.find_last_of('/'));
  return path.substr(path.find_last_of('/') + 1);
}

Named named(const PythonEnv& env, const goal::Goal& goal, const facts::User& user,
            const std::vector<resolve::EnvChoice>& choices) {
  for (const catalog::Stack& stack : catalog::built_in().stacks) {
    if (env.path == stack_path(goal, user, stack)) return {.name = stack.name, .env = &env, .stack = true};
  }
  const auto kept = std::ranges::find_if(choices, [&env](const resolve::EnvChoice& choice) {
    return choice.path == env.path && choice.action != resolve::Action::install;
  });
  return {.name = kept == choices.end() ? last_name(env.path) : kept->name, .env = &env};
}

// Each by a name of its own; a second one of the same name goes by its path.
Result<Environments> environments(const Options& options, const Doors& doors) {
  Environments out{.looked = TRY(look(options, doors, {.nvml = false})), .named = {}};
  const goal::Goal goal = TRY(read_goal(options, doors.view));
  const auto choices = chosen(out.looked, goal);
  for (const PythonEnv& env : out.looked.machine.envs) {
    if (env.kind != "system") out.named.push_back(named(env, goal, out.looked.machine.user, choices));
  }
  const auto of_goal = [&choices](const Named& one) {
    return std::ranges::find(choices, one.env->path, &resolve::EnvChoice::path) != choices.end();
  };
  std::stable_partition(out.named.begin(), out.named.end(), of_goal);
  for (auto one = out.named.begin(); one != out.named.end(); ++one) {
    if (std::ranges::find(out.named.begin(), one, one->name, &Named::name) != one) one->name = one->env->path;
  }
  std::ranges::sort(out.named, {}, &Named::name);
  return out;
}

Result<Named> find_env(const Environments& all, const std::string& word) {
  const std::string path = word.find('/') == std::string::npos ? "" : absolute(word);
  for (const Named& one : all.named) {
    if (one.name == word || one.env->path == path || "stack-" + one.name == word) return one;
  }
  std::vector<std::string> names;
  for (const Named& one : all.named) names.push_back(one.name);
  const auto near = base::nearest(word, names);
  return Error(Errc::usage, fmt::format("no environment '{}' is here{}; {}", base::harmless(word),
                                        near ? fmt::format(" (did you mean '{}'?)", *near) : "",
                                        names.empty() ? "'bringup up' makes one"
                                                      : "there are: " + base::join(names, ", ")));
}

struct Way {
  std::string shell;
  std::string command;
};

std::string quoted(const std::vector<std::string>& words) {
  return base::quoted(words);
}

// The directory of the conda that knows the environment; else of the first that is here; "" for none.
std::string conda_of(const PythonEnv& env, const facts::Machine& machine) {
  constexpr std::string_view kProgram = "/bin/conda";
  std::string first;
  for (const facts::PythonManager& manager : machine.managers) {
    if (!manager.path.ends_with(kProgram)) continue;
    const std::string root = manager.path.substr(0, manager.path.size() - kProgram.size());
    if (env.path == root || env.path.starts_with(root + "/")) return root;
    if (first.empty()) first = root;
  }
  return first;
}

// Whether new windows of this shell know the conda, by our block or by what 'conda init' wrote.
bool knows_conda(const std::string& start_file, const std::string& root, const host::View& view) {
  const auto text = view.read(start_file);
  return text && (base::contains(*text, root + "/etc/profile.d/conda.sh") ||
                  base::contains(*text, root + "/bin/conda"));
}

std::vector<Way> ways_by_conda(const PythonEnv& env, const facts::Machine& machine, const host::View& view) {
  const std::string root = conda_of(env, machine);
  std::vector<Way> out;
  if (root.empty()) return out;
  const bool by_name = env.path.starts_with(root + "/envs/");
  const std::vector<std::string> plain{"conda", "activate",
                                       by_name ? env.path.substr(root.size() + 6) : env.path};
  for (const auto& [shell, file] : {std::pair{"bash", "/.bashrc"}, std::pair{"zsh", "/.zshrc"}}) {
    if (knows_conda(machine.user.home + file, root, view))
      out.push_back({shell, quoted(plain)});
    else if (view.exists(root + "/bin/activate"))
      out.push_back({shell, quoted({"source", root + "/bin/activate", env.path})});
  }
  if (out.size() == 2 && out[0].command == out[1].command)
    out = {{out[0].shell + ", " + out[1].shell, out[0].command}};
  return out;
}

// How each shell activates it. A conda environment is activated by its conda, where that is known.
std::vector<Way> ways_of(const PythonEnv& env, const facts::Machine& machine, const host::View& view) {
  std::vector<Way> out;
  if (env.kind == "conda") return ways_by_conda(env, machine, view);
  constexpr std::array<std::array<const char*, 2>, 3> kFiles{
      {{"bash, zsh", ""}, {"fish", ".fish"}, {"csh", ".csh"}}};
  for (const auto& [shell, end] : kFiles) {
    const std::string file = fmt::format("{}/bin/activate{}", env.path, end);
    if (view.exists(file)) out.push_back({shell, quoted({"source", file})});
  }
  return out;
}

ordered_json env_json(const Named& one, const std::vector<Way>& ways) {
  ordered_json activate = ordered_json::object();
  for (const Way& way : ways) {
    for (const std::string_view shell : base::split(way.shell, ','))
      activate[std::string(base::trim(shell))] = way.command;
  }
  return {{"name", one.name},
          {"path", one.env->path},
          {"kind", one.env->kind},
          {"stack", one.stack},
          {"python", one.env->python},
          {"version", one.env->version},
          {"torch", one.env->torch ? ordered_json(*one.env->torch) : ordered_json(nullptr)},
          {"activate", std::move(activate)}};
}

std::string about(const Named& one) {
  return fmt::format("Python {}{}", one.env->version,
                     one.env->torch ? fmt::format(", torch {}", *one.env->torch) : "");
}

std::string env_text(const Named& one, const std::vector<Way>& ways) {
  std::string text =
      fmt::format("{}: {}\n{}\n\n", base::harmless(one.name), about(one), base::harmless(one.env->path));
  for (const Way& way : ways) text += fmt::format("  {:<10} {}\n", way.shell, base::harmless(way.command));
  return text + fmt::format("  {:<10} bringup run {} -- PROGRAM\n", "any", base::harmless(one.name));
}

std::string list_text(const std::vector<Named>& all) {
  if (all.empty()) return "no environment is here; 'bringup up' makes one\n";
  std::string text;
  for (const Named& one : all)
    text += fmt::format("{:<14} {}\n{:<14} {}\n", base::harmless(one.name), about(one), "",
                        base::harmless(one.env->path));
  return text;
}

std::string dumped(const ordered_json& json) {
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

// This process's environment as it is inside.
std::vector<std::string> environment_in(const PythonEnv& env) {
  std::vector<std::string> out;
  const std::string mark = env.kind == "conda" ? "CONDA_PREFIX" : "VIRTUAL_ENV";
  for (const char* const* entry = environ; *entry != nullptr; ++entry) {
    const std::string_view name(*entry, std::strcspn(*entry, "="));
    if (name != "PATH" && name != "PYTHONHOME" && name != "VIRTUAL_ENV" && name != "CONDA_PREFIX" &&
        name != "CONDA_DEFAULT_ENV" && name != "VIRTUAL_ENV_PROMPT")
      out.emplace_back(*entry);
  }
  const char* path = std::getenv("PATH");
  out.push_back(fmt::format("PATH={}/bin:{}", env.path,
                            path == nullptr || *path == '\0' ? std::string(host::kSystemPath) : path));
  out.push_back(fmt::format("{}={}", mark, env.path));
  if (env.kind == "conda") out.push_back("CONDA_DEFAULT_ENV=" + env.path);
  return out;
}

// The first of that name on the new PATH; "" for none.
std::string program_in(const std::vector<std::string>& environment, const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const auto path =
      std::ranges::find_if(environment, [](const std::string& entry) { return entry.starts_with("PATH="); });
  for (const std::string_view directory : base::split(std::string_view(*path).substr(5), ':')) {
    std::string file = fmt::format("{}/{}", directory.empty() ? "." : directory, name);
    if (!name.empty() && ::access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

// Becomes the program; comes back only when that fails.
Error become(const std::string& program, std::vector<std::string> argv,
             std::vector<std::string> environment) {
  const auto pointers = [](std::vector<std::string>& words) {
    std::vector<char*> out;
    for (std::string& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
  };
  (void)std::signal(SIGPIPE, SIG_DFL);  // which we ignore, and that would be handed on
  ::execve(program.c_str(), pointers(argv).data(), pointers(environment).data());
  const int why = errno;
  return {why == ENOENT ? Errc::absent : Errc::denied, fmt::format("{}: {}", program, std::strerror(why))};
}

}  // namespace

Result<int> run_env(const Options& options, const Doors& doors) {
  const Environments all = TRY(environments(options, doors));
  const facts::Machine& machine = all.looked.machine;
  if (!options.words.empty()) {
    const Named one = TRY(find_env(all, options.words[0]));
    const auto ways = ways_of(*one.env, machine, doors.view);
    ordered_json json{{"schema", "bringup.env/1"}};
    json.update(env_json(one, ways));
    TRY(print(options.json ? dumped(json) : env_text(one, ways)));
    return exit_ok;
  }
  ordered_json list = ordered_json::array();
  for (const Named& one : all.named) list.push_back(env_json(one, ways_of(*one.env, machine, doors.view)));
  TRY(print(options.json ? dumped({{"schema", "bringup.envs/1"}, {"environments", std::move(list)}})
                         : list_text(all.named)));
  return exit_ok;
}

Result<int> run_run(const Options& options, const Doors& doors) {
  if (options.words.empty())
    return Error(Errc::usage,
                 "in which environment? 'bringup run NAME -- PROGRAM'; 'bringup env' lists them");
  if (options.words.size() > 1 || options.command.empty())
    return Error(Errc::usage,
                 fmt::format("what is to be run stands behind '--': bringup run {} -- {}",
                             base::harmless(options.words[0]),
                             options.words.size() > 1 ? base::harmless(options.words[1]) : "PROGRAM"));
  const Environments all = TRY(environments(options, doors));
  const Named one = TRY(find_env(all, options.words[0]));
  std::vector<std::string> environment = environment_in(*one.env);
  const std::string program = program_in(environment, options.command[0]);
  if (program.empty())
    return Error(Errc::absent, fmt::format("no program '{}' in {}/bin or on PATH",
                                           base::harmless(options.command[0]), one.env->path));
  return become(program, options.command, std::move(environment));
}

}  // namespace bringup::cli
