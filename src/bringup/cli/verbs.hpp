// SPDX-License-Identifier: Apache-2.0
#pragma once
// The verbs, in one table: help, the check of permissions and main come from it.

#include <bringup/cli/options.hpp>
#include <bringup/host/clock.hpp>
#include <bringup/host/control.hpp>

#include <span>
#include <string_view>

namespace bringup::cli {

// What a verb is handed. A verb that looks is never given a Control.
struct Doors {
  const host::View& view;
  host::Control* control = nullptr;
  const host::Clock& clock;
};

enum class Access : std::uint8_t { looks, changes };

struct Verb {
  std::string_view name;
  std::string_view summary;
  Access access;
  std::string_view words;  // positional arguments in the usage line: "[RULE..]"
  std::size_t most_words;
  Result<int> (*run)(const Options& options, const Doors& doors);
  std::string_view changing_word = "";     // of a verb that looks: its first word with which it changes
  bool Options::*changing_flag = nullptr;  // ... and its option
};

bool changes(const Verb& verb, const Options& options);

std::span<const Verb> verbs();
const Verb* find_verb(std::string_view name);

Result<int> run_facts(const Options& options, const Doors& doors);
Result<int> run_doctor(const Options& options, const Doors& doors);
Result<int> run_explain(const Options& options, const Doors& doors);
Result<int> run_plan(const Options& options, const Doors& doors);
Result<int> run_verify(const Options& options, const Doors& doors);
Result<int> run_model(const Options& options, const Doors& doors);
Result<int> run_stack(const Options& options, const Doors& doors);
Result<int> run_env(const Options& options, const Doors& doors);
Result<int> run_run(const Options& options, const Doors& doors);
Result<int> run_topo(const Options& options, const Doors& doors);
Result<int> run_record(const Options& options, const Doors& doors);
Result<int> run_catalog(const Options& options, const Doors& doors);
Result<int> run_history(const Options& options, const Doors& doors);
Result<int> run_status(const Options& options, const Doors& doors);
Result<int> run_up(const Options& options, const Doors& doors);
Result<int> run_apply(const Options& options, const Doors& doors);
Result<int> run_resume(const Options& options, const Doors& doors);
Result<int> run_undo(const Options& options, const Doors& doors);

}  // namespace bringup::cli
