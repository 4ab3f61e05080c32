// SPDX-License-Identifier: Apache-2.0
// The kind of step that compiles a CUDA extension of an environment. It is compiled in a folder of its own
// and gets its place when it is whole; what a killed attempt compiled is used by the next.
#include <bringup/apply/python_env.hpp>
#include <bringup/base/embedded.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

using steps::BuildExtension;

constexpr std::chrono::hours kBuildDeadline{4};
constexpr std::chrono::minutes kImportDeadline{5};
constexpr std::size_t kMostComplaints = 8;

std::string python_of(const BuildExtension& step) {
  return step.env + "/bin/python";
}
std::string scratch_of(const BuildExtension& step) {
  return step.env + "/.bringup-extensions";
}

// Where the import finds it, and what it was compiled for beside it.
struct Place {
  std::string library;
  std::string note;
};
Result<Place> place_of(const BuildExtension& step, const host::View& view) {
  const std::string stem = TRY(site_packages(step.env, view)) + "/" + step.module;
  return Place{.library = stem + ".so", .note = stem + ".built-by-bringup"};
}

std::string note_text(const BuildExtension& step) {
  return fmt::format("torch {}\narchitectures {}\n", step.torch, base::join(step.architectures, " "));
}

// Whether what was noted is for this torch and these GPUs, or for these and more.
bool serves(const BuildExtension& step, std::string_view note) {
  bool torch = false;
  std::vector<std::string_view> compiled;
  for (const std::string_view line : base::lines(note)) {
    const auto words = base::words(line);
    if (words.size() == 2 && words[0] == "torch") torch = words[1] == step.torch;
    if (!words.empty() && words[0] == "architectures") compiled = words;
  }
  return torch && std::ranges::all_of(step.architectures, [&compiled](const std::string& one) {
           return std::ranges::find(compiled, one) != compiled.end();
         });
}

Result<bool> imports(const BuildExtension& step, const Hands& hands) {
  host::Command question{.argv = {python_of(step), "-I", "-B", "-c", "import torch, " + step.module},
                         .deadline = kImportDeadline};
  question.as = hands.run_as();
  const host::Outcome outcome = TRY(hands.view.ask(question));
  if (std::holds_alternative<host::TimedOut>(outcome.how))
    return Error(Errc::timeout, fmt::format("import {}: no end within its deadline", step.module));
  return outcome.success();
}

std::string script() {
  return std::string(embedded_apply_scripts().front().text);
}

// "[12/47] /usr/local/cuda/bin/nvcc ..." -> "12 of 47 files"
std::string progress_of(std::string_view line) {
  const std::size_t slash = line.find('/');
  const std::size_t end = line.find(']');
  if (!line.starts_with('[') || slash >= end || end == std::string_view::npos) return std::string(line);
  const auto done = base::to_integer(line.substr(1, slash - 1));
  const auto of = base::to_integer(line.substr(slash + 1, end - slash - 1));
  return done && of ? fmt::format("{} of {} files", *done, *of) : std::string(line);
}

// What the compiler wrote about it: ninja's output holds the whole command lines around that.
std::string complaints(std::string_view log) {
  std::string out;
  std::size_t found = 0;
  for (const std::string_view line : base::lines(log)) {
    const std::string small = base::lower(line);
    if (line.starts_with('[') || (!base::contains(small, "error") && !base::contains(small, "killed")))
      continue;
    if (++found > kMostComplaints) break;
    out += "\n    " + base::harmless(base::fit(line, 300));
  }
  return out;
}

Error trouble(const BuildExtension& step, const host::Outcome& outcome) {
  Error plain = trouble_of({python_of(step), step.imports}, outcome);
  if (plain.code() != Errc::failed) return plain;
  const std::string all = outcome.out + "\n" + outcome.err;
  std::string why;
  if (base::contains(all, "Python.h"))
    why = "; Python's headers are missing (the package python3-dev or python3-devel)";
  else if (base::contains(all, "Killed"))
    why = "; a compiler was killed, as happens without enough memory: close what else runs";
  return {Errc::failed,
          fmt::format("{} does not compile{}:{}", step.module, why,
                      complaints(outcome.out).empty() ? "\n" + plain.message() : complaints(outcome.out))};
}

Result<> compile(const BuildExtension& step, const Hands& hands) {
  // Who waits for this lock waits for ever when its owner was killed.
  TRY(hands.control->remove_file(fmt::format("{}/{}/lock", scratch_of(step), step.module), hands.owner()));
  TRY(hands.control->make_directory(scratch_of(step), 0755, hands.owner()));
  const std::size_t base_name = step.compiler.find_last_of('/') + 1;
  std::string c_compiler = step.compiler;  // nvcc is given CC: g++-12 -> gcc-12
  c_compiler.replace(base_name, 3, "gcc");
  host::Command command{.argv = {python_of(step), "-I", "-B", "-c", script(), step.imports},
                        .deadline = kBuildDeadline,
                        .environment = {{"TORCH_EXTENSIONS_DIR", scratch_of(step)},
                                        {"TORCH_CUDA_ARCH_LIST", base::join(step.architectures, ";")},
                                        {"MAX_JOBS", std::to_string(std::max(step.jobs, 1))},
                                        {"CUDA_HOME", step.cuda_home},
                                        {"CC", c_compiler},
                                        {"CXX", step.compiler},
                                        {"PATH", fmt::format("{}/bin:{}/bin:{}", step.env, step.cuda_home,
                                                             host::kSystemPath)}}};
  command.as = hands.run_as();
  if (hands.say) command.on_output = [&hands](std::string_view line) { hands.say(progress_of(line)); };
  const host::Outcome outcome = TRY(hands.control->run(command));
  if (outcome.success()) return ok;
  return trouble(step, outcome);
}

// Half a file of an attempt that lost its power may look done: then everything is compiled anew, once.
Result<> compile_whole(const BuildExtension& step, const Hands& hands) {
  const bool fresh = !hands.view.exists(scratch_of(step));
  auto first = compile(step, hands);
  if (first || fresh || first.error().code() != Errc::failed) return first;
  TRY(hands.control->remove_tree(scratch_of(step), hands.owner()));
  return compile(step, hands);
}

}  // namespace

// While its folder is there, something of it is not done. One that somebody else put there does when it can
// be imported; of ours it is known what it is for, too.
Result<bool> holds(const BuildExtension& step, const Hands& hands) {
  const auto site = site_packages(step.env, hands.view);
  if (!site && site.error().code() == Errc::absent) return false;
  if (!site) return site.error();
  if (hands.view.exists(scratch_of(step))) return false;
  const Place place = TRY(place_of(step, hands.view));
  const auto note = hands.view.read(place.note);
  if (!note && note.error().code() != Errc::absent) return note.error();
  if (note ? !hands.view.exists(place.library) || !serves(step, *note)
           : std::ranges::none_of(TRY(hands.view.list(*site)), [&step](const std::string& name) {
               return name.starts_with(step.module + ".") && name.ends_with(".so");
             }))
    return false;
  return imports(step, hands);
}

Result<Json> remember(const BuildExtension& step, const Hands& hands) {
  const auto place = place_of(step, hands.view);
  return Json{{"existed", place && hands.view.exists(place->library)}};
}

Result<> perform(const BuildExtension& step, const Hands& hands) {
  const Place place = TRY(place_of(step, hands.view));
  // An attempt that ended between the last two changes has left its folder alone.
  const auto noted = hands.view.read(place.note);
  if (hands.again && noted && serves(step, *noted) && hands.view.exists(place.library))
    return hands.control->remove_tree(scratch_of(step), hands.owner());
  TRY(compile_whole(step, hands));
  const std::string made = fmt::format("{}/{}/{}.so", scratch_of(step), step.module, step.module);
  if (!hands.view.exists(made))
    return Error(Errc::failed, fmt::format("import {}: it compiled no {}", step.imports, step.module));
  TRY(hands.control->remove_file(place.library, hands.owner()));
  // The note first: without the library it says nothing, and the library is there at once.
  TRY(hands.control->write(place.note, note_text(step), 0644, hands.owner()));
  TRY(hands.control->move_file(made, place.library, hands.owner()));
  return hands.control->remove_tree(scratch_of(step), hands.owner());
}

Result<> undo(const BuildExtension& step, const Json& before, const Hands& hands) {
  if (!hands.view.exists(step.env)) return ok;
  TRY(hands.control->remove_tree(scratch_of(step), hands.owner()));
  if (!before.contains("existed") || before.value("existed", true))
    return Error(
        Errc::refused,
        fmt::format("{}: one was there before, and it cannot be brought back; this one stays", step.module));
  const auto place = place_of(step, hands.view);
  if (!place && place.error().code() == Errc::absent) return ok;
  TRY(hands.control->remove_file(TRY(place).library, hands.owner()));
  return hands.control->remove_file(place->note, hands.owner());
}

}  // namespace bringup::apply
