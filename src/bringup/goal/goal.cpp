// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/base/toml.hpp>
#include <bringup/goal/goal.hpp>
#include <bringup/goal/table.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::goal {
namespace {

constexpr std::array<std::string_view, 9> kTop{"driver", "env",   "mirrors", "model",  "policy",
                                               "python", "shell", "stack",   "toolkit"};
constexpr std::array<std::string_view, 4> kPython{"channels", "manager", "prefix", "version"};
constexpr std::array<std::string_view, 2> kEnv{"name", "packages"};
constexpr std::array<std::string_view, 2> kStack{"model", "name"};
constexpr std::array<std::string_view, 3> kModel{"directory", "layout", "name"};
constexpr std::array<std::string_view, 2> kLayouts{"safetensors", "original"};
constexpr std::array<std::string_view, 3> kPolicy{"kernel", "reboot", "remove"};
constexpr std::array<std::string_view, 1> kShell{"ld_library_path"};
constexpr std::array<std::string_view, 1> kMirrors{"profile"};
constexpr std::array<std::string_view, 9> kMirrored{
    "conda", "cuda", "debian", "debian-security", "huggingface", "miniforge", "pypi", "pytorch", "ubuntu"};

constexpr std::array<std::string_view, 5> kManagers{"auto", "miniconda", "miniforge", "uv", "venv"};
constexpr std::array<std::string_view, 2> kChannels{"conda-forge", "defaults"};
constexpr std::array<std::string_view, 2> kKernels{"hold", "free"};
constexpr std::array<std::string_view, 3> kReboots{"ask", "auto", "never"};
constexpr std::array<std::string_view, 1> kRemoves{"never"};
constexpr std::array<std::string_view, 7> kProfiles{"auto", "none", "tuna", "ustc", "aliyun", "sjtu", "cn"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// "13.0": two numbers and nothing else.
bool is_major_minor(std::string_view text) {
  const auto parts = base::split(text, '.');
  return parts.size() == 2 && std::ranges::all_of(parts, [](std::string_view part) {
           return !part.empty() && part.size() <= 3 && std::ranges::all_of(part, is_digit);
         });
}

bool is_branch(std::string_view text) {
  return text.size() == 3 && text[0] != '0' && std::ranges::all_of(text, is_digit);
}

// A name that is safe as a directory's and as a package's: letters, digits, '.', '_', '-', beginning with a
// letter or digit.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && (is_letter(text[0]) || is_digit(text[0])) &&
         std::ranges::all_of(
             text, [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-'; });
}

// A version as PEP 440 writes it, as far as a pin needs it: digits in front; no blanks, commas or operators.
bool is_pin(std::string_view text) {
  return !text.empty() && text.size() <= 64 && is_digit(text[0]) && std::ranges::all_of(text, [](char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '+' || c == '!' || c == '-';
  });
}

std::string normalised(std::string_view name) {
  std::string out = base::lower(name);
  std::ranges::replace(out, '_', '-');
  std::ranges::replace(out, '.', '-');
  return out;
}

// "Torch == 2.10.0" -> "torch==2.10.0"
Result<std::string> parse_package(const Table& table, std::string_view text) {
  const std::size_t equals = text.find("==");
  const std::string_view name = base::trim(text.substr(0, equals));
  const std::string_view pin = equals == std::string_view::npos ? "" : base::trim(text.substr(equals + 2));
  if (!is_name(name) || (equals != std::string_view::npos && !is_pin(pin)))
    return table.about("packages", fmt::format("expected \"torch\" or \"torch==2.10.0\", found \"{}\"",
                                               base::harmless(text)));
  return equals == std::string_view::npos ? normalised(name) : fmt::format("{}=={}", normalised(name), pin);
}

std::string_view name_part(std::string_view package) {
  return package.substr(0, package.find("=="));
}

// One letter more, less or another, or two neighbours swapped.
bool one_slip(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty() && a.front() == b.front()) {
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    a.remove_suffix(1);
    b.remove_suffix(1);
  }
  if (a.size() == 2 && b.size() == 2) return a[0] == b[1] && a[1] == b[0];
  return a.size() <= 1 && b.size() <= 1;
}

// Any package of PyPI may be asked for; but what is one slip away from a package that the catalog knows was
// hardly meant, and names like it are where strangers lay their traps. With its version it is.
Result<> check_slip(const Table& table, std::string_view package) {
  const std::string_view name = name_part(package);
  if (name.size() != package.size()) return ok;
  std::vector<std::string_view> known{"torch", "torchvision", "torchaudio"};
  for (const catalog::Companion& one : catalog::built_in().companions) known.emplace_back(one.package);
  for (const catalog::Stack& stack : catalog::built_in().stacks) {
    for (const std::string& one : stack.packages) known.push_back(name_part(one));
  }
  if (std::ranges::find(known, name) != known.end()) return ok;
  const auto near = std::ranges::find_if(
      known, [name](std::string_view one) { return one.size() > 4 && one_slip(name, one); });
  if (near == known.end()) return ok;
  return table.about("packages",
                     fmt::format("the catalog knows no package '{}' (did you mean '{}'?); one that is "
                                 "really called so is asked for with its version: \"{}==1.0\"",
                                 name, *near, name));
}

Result<> check_path(const Table& table, std::string_view key, std::string_view path) {
  const bool clean =
      std::ranges::none_of(path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  const auto parts = base::split(path, '/');
  if (path.starts_with('/') && path.size() > 1 && clean &&
      std::ranges::find(parts, std::string_view("..")) == parts.end())
    return ok;
  return table.about(key, fmt::format("expected {}an absolute path without '..', found \"{}\"",
                                      key == "model" ? "\"org/name\" or " : "", base::harmless(path)));
}

Result<EnvGoal> parse_env(const base::Toml& value, std::string_view file) {
  const Table table = TRY(Table::open(value, file, "env."));
  TRY(table.only(kEnv));
  EnvGoal env;
  if (auto name = TRY(table.text("name"))) {
    if (!is_name(*name))
      return table.about("name", fmt::format("expected letters, digits, '.', '_' and '-', found \"{}\"",
                                             base::harmless(*name)));
    env.name = std::move(*name);
  }
  if (const auto packages = TRY(table.texts("packages"))) {
    env.packages.clear();
    for (const std::string& text : *packages) {
      std::string package = TRY(parse_package(table, text));
      const auto same = [&package](const std::string& other) {
        return name_part(other) == name_part(package);
      };
      if (std::ranges::any_of(env.packages, same))
        return table.about("packages", fmt::format("'{}' stands there twice", name_part(package)));
      TRY(check_slip(table, package));
      env.packages.push_back(std::move(package));
    }
    if (env.packages.empty()) return table.about("packages", "expected at least one package, found none");
  }
  return env;
}

// Those that begin with [[key]]; nullptr for none.
Result<const std::vector<base::Toml>*> tables_of(const Table& top, std::string_view key) {
  const base::Toml* value = top.find(key);
  if (value == nullptr) return nullptr;
  if (value->array() != nullptr) return value->array();
  return top.about(key,
                   fmt::format("expected tables that begin with [[{}]], found {}", key, described(*value)));
}

// All of one kind, each name once.
template <typename T>
Result<> read_each(const Table& top, std::string_view key, std::string_view file, std::vector<T>& out,
                   Result<T> (*parse)(const base::Toml&, std::string_view)) {
  const auto* tables = TRY(tables_of(top, key));
  if (tables == nullptr) return ok;
  out.clear();
  for (const base::Toml& element : *tables) {
    T one = TRY(parse(element, file));
    if (std::ranges::find(out, one.name, &T::name) != out.end())
      return complaint(file, element.line, fmt::format("{}.name: '{}' stands there twice", key, one.name));
    out.push_back(std::move(one));
  }
  return ok;
}

// "org/name" of a hub.
bool is_repository(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && is_name(text.substr(0, slash)) && is_name(text.substr(slash + 1));
}

Result<StackGoal> parse_stack(const base::Toml& value, std::string_view file) {
  const Table table = TRY(Table::open(value, file, "stack."));
  TRY(table.only(kStack));
  StackGoal stack{.where = fmt::format("{}:{}", file, value.line)};
  auto name = TRY(table.text("name"));
  if (!name) return complaint(file, value.line, "stack.name is missing; 'bringup stack' lists the names");
  if (!is_name(*name))
    return table.about("name",
                       fmt::format("expected the name of a stack, found \"{}\"", base::harmless(*name)));
  stack.name = std::move(*name);
  if (auto model = TRY(table.text("model"))) {
    if (!is_repository(*model)) TRY(check_path(table, "model", *model));
    stack.model = std::move(*model);
  }
  return stack;
}

Result<ModelGoal> parse_model(const base::Toml& value, std::string_view file) {
  const Table table = TRY(Table::open(value, file, "model."));
  TRY(table.only(kModel));
  ModelGoal model{.where = fmt::format("{}:{}", file, value.line)};
  model.name = TRY(table.text("name")).value_or("");
  if (model.name.empty()) return complaint(file, value.line, "model.name is missing: \"org/name\" of a hub");
  if (!is_repository(model.name))
    return table.about(
        "name", fmt::format("expected \"org/name\" of a hub, found \"{}\"", base::harmless(model.name)));
  model.layout = TRY(table.word("layout", kLayouts)).value_or("");
  if (auto directory = TRY(table.text("directory"))) {
    TRY(check_path(table, "directory", *directory));
    model.directory = std::move(*directory);
  }
  return model;
}

// toolkit = { local = "cuda-repo-....deb" }
Result<> read_toolkit_file(const base::Toml& value, std::string_view file, Goal& goal) {
  const Table table = TRY(Table::open(value, file, "toolkit."));
  constexpr std::array<std::string_view, 1> kLocal{"local"};
  TRY(table.only(kLocal));
  goal.toolkit_file = TRY(table.text("local")).value_or("");
  if (goal.toolkit_file.ends_with(".deb")) return ok;
  return table.about("local", fmt::format("expected the path of a repository as one package, "
                                          "\"cuda-repo-...-local_..._amd64.deb\", found \"{}\"",
                                          base::harmless(goal.toolkit_file)));
}

Result<> read_top(const Table& top, std::string_view file, Goal& goal) {
  if (auto driver = TRY(top.text("driver"))) {
    if (*driver != "auto" && *driver != "none" && !is_branch(*driver))
      return top.about("driver",
                       fmt::format("expected \"auto\", \"none\" or a branch such as \"580\", found \"{}\"",
                                   base::harmless(*driver)));
    goal.driver = std::move(*driver);
  }
  const base::Toml* toolkit = top.find("toolkit");
  if (toolkit != nullptr && toolkit->table() != nullptr) return read_toolkit_file(*toolkit, file, goal);
  if (auto version = TRY(top.text("toolkit"))) {
    if (*version != "auto" && *version != "none" && !is_major_minor(*version))
      return top.about("toolkit",
                       fmt::format("expected \"auto\", \"none\" or a version such as \"13.0\", found \"{}\"",
                                   base::harmless(*version)));
    goal.toolkit = std::move(*version);
  }
  return ok;
}

Result<> read_python(const base::Toml& value, std::string_view file, Goal& goal) {
  const Table table = TRY(Table::open(value, file, "python."));
  TRY(table.only(kPython));
  if (auto manager = TRY(table.word("manager", kManagers))) goal.python_manager = std::move(*manager);
  if (auto channels = TRY(table.word("channels", kChannels))) {
    const bool conda = goal.python_manager == "miniconda" || goal.python_manager == "miniforge";
    if (!conda) return table.about("channels", "channels belong to manager = \"miniconda\" or \"miniforge\"");
    goal.channels = std::move(*channels);
  }
  if (auto version = TRY(table.text("version"))) {
    if (!is_major_minor(*version) || !version->starts_with("3."))
      return table.about("version", fmt::format("expected a version such as \"3.11\", found \"{}\"",
                                                base::harmless(*version)));
    goal.python_version = std::move(*version);
  }
  if (auto prefix = TRY(table.text("prefix"))) {
    TRY(check_path(table, "prefix", *prefix));
    while (prefix->size() > 1 && prefix->back() == '/') prefix->pop_back();
    goal.python_prefix = std::move(*prefix);
  }
  return ok;
}

Result<> read_policy(const base::Toml& value, std::string_view file, Goal& goal) {
  const Table table = TRY(Table::open(value, file, "policy."));
  TRY(table.only(kPolicy));
  if (auto kernel = TRY(table.word("kernel", kKernels))) goal.kernel = std::move(*kernel);
  if (auto reboot = TRY(table.word("reboot", kReboots))) goal.reboot = std::move(*reboot);
  if (auto remove = TRY(table.word("remove", kRemoves))) goal.remove = std::move(*remove);
  return ok;
}

// https alone: what comes from a mirror runs here.
bool is_https(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  return url.starts_with(kScheme) && url.size() > kScheme.size() && url.find('@') == std::string_view::npos &&
         std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\''; });
}

Result<> read_mirror_urls(const base::Toml& value, std::string_view file, Goal& goal) {
  const Table table = TRY(Table::open(value, file, "mirrors.profile."));
  TRY(table.only(kMirrored));
  for (const std::string_view what : kMirrored) {
    auto url = TRY(table.text(what));
    if (!url) continue;
    if (!is_https(*url))
      return table.about(what,
                         fmt::format("expected an address that begins with https:// and holds no name or "
                                     "password, found \"{}\"",
                                     base::harmless(*url)));
    if (!url->ends_with('/')) *url += '/';
    goal.mirror_urls.push_back({.what = std::string(what), .url = std::move(*url)});
  }
  goal.mirrors.clear();
  return ok;
}

Result<> read_mirrors(const base::Toml& value, std::string_view file, Goal& goal) {
  const Table table = TRY(Table::open(value, file, "mirrors."));
  TRY(table.only(kMirrors));
  const base::Toml* profile = table.find("profile");
  if (profile != nullptr && profile->table() != nullptr) return read_mirror_urls(*profile, file, goal);
  if (auto name = TRY(table.word("profile", kProfiles))) goal.mirrors = std::move(*name);
  return ok;
}

}  // namespace

Result<Goal> parse_goal(std::string_view text, std::string_view name) {
  auto parsed = base::parse_toml(text, name);
  if (!parsed) return Error(Errc::usage, parsed.error().message());
  const Table top = TRY(Table::open(*parsed, name, ""));
  TRY(top.only(kTop));
  Goal goal;
  TRY(read_top(top, name, goal));
  if (const base::Toml* python = top.find("python")) TRY(read_python(*python, name, goal));
  TRY(read_each(top, "env", name, goal.envs, parse_env));
  TRY(read_each(top, "stack", name, goal.stacks, parse_stack));
  TRY(read_each(top, "model", name, goal.models, parse_model));
  if (const base::Toml* mirrors = top.find("mirrors")) TRY(read_mirrors(*mirrors, name, goal));
  if (const base::Toml* policy = top.find("policy")) TRY(read_policy(*policy, name, goal));
  if (const base::Toml* shell = top.find("shell")) {
    const Table table = TRY(Table::open(*shell, name, "shell."));
    TRY(table.only(kShell));
    goal.ld_library_path = TRY(table.boolean("ld_library_path")).value_or(false);
  }
  return goal;
}

}  // namespace bringup::goal
