// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the user typed, as one plain value, and the table of options that fills it.

#include <bringup/base/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::cli {

struct Options {
  std::string verb;
  std::vector<std::string> words;    // positional arguments behind the verb
  std::vector<std::string> command;  // what stands behind "--": of run
  bool json = false;
  bool yes = false;
  bool no_input = false;
  bool quiet = false;
  bool verbose = false;
  bool offline = false;
  bool all = false;
  bool next_boot = false;
  bool fix = false;    // doctor: do what is safe of the fixes
  bool watch = false;  // doctor: again and again
  bool dry_run = false;
  bool require_gpu = false;
  bool user_only = false;
  bool gpus_only = false;
  bool detailed_exitcode = false;
  bool at_boot = false;  // resume: called by the unit that goes on after a reboot
  bool help = false;
  bool version = false;
  std::string color = "auto";  // auto, always, never
  std::string goal;   // path; "" for ./bringup.toml, /etc/bringup/bringup.toml or the compiled-in default
  std::string shape;  // --for
  std::string root;   // --root: a recording
  std::string level = "standard";
  std::string duration;    // of the soak: "10m"
  std::string compare;     // an older verify --json
  std::string html;        // where the proof is kept as a page
  std::string junit;       // ... as JUnit XML
  std::string prometheus;  // ... for node_exporter
  std::string key;         // catalog use: file of trusted keys
  std::string write;       // catalog refresh: where the new rows go
  std::string why;         // plan --why: the part of the choice to give reasons for
  std::string context;     // model plan, stack run: tokens; "" for the verb's own choice
  std::string batch;       // model plan, stack run: sequences at a time; "" for 1
  std::string to;          // model: where its files go; "" for its name in this directory
  std::string only;        // model: "safetensors" or "original"; "" for both
  bool smoke = false;      // stack run: on a small model that is made for it
  bool resume = false;     // stack run: from the last checkpoint
  std::string data;        // stack run: lines of instructions
  std::string output;      // stack run: where checkpoints go
  std::string steps;       // stack run: "" for the data once
  std::string rate;        // stack run: --learning-rate
  std::string python;      // stack run: of another environment
  std::string prompt;      // stack run: what to go on from
  std::string tokens;      // stack run: how many to generate at the most; "" for 200
  std::string bundle;      // bundle use: the directory; no option of its own
  std::string state;       // --state: where the journal is, "" for the default
};

// One option: which verbs take it (a blank-separated list; "*" for all), and what it sets.
struct Option {
  std::string_view name;   // "--json"
  std::string_view value;  // name of its value in the help, "" for a switch
  std::string_view verbs;
  std::string_view help;
  bool Options::*flag = nullptr;
  std::string Options::*text = nullptr;
};

struct Verb;

// Reads argv (without argv[0]). Errors are Errc::usage, with the nearest verb or option when there is one.
Result<Options> parse(const std::vector<std::string>& arguments);

// The options of one verb, for its help.
std::string options_help(std::string_view verb);
bool takes(const Option& option, std::string_view verb);

}  // namespace bringup::cli
