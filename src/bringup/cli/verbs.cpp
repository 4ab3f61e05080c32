// SPDX-License-Identifier: Apache-2.0
#include <bringup/cli/bundle.hpp>
#include <bringup/cli/verbs.hpp>

#include <algorithm>
#include <array>

namespace bringup::cli {
namespace {

constexpr std::size_t kAny = 1000;

constexpr std::array kVerbs{
    Verb{"up", "look, judge, choose, plan, ask, change, prove and tell: the whole line", Access::changes, "",
         0, run_up},
    Verb{"facts", "what is there: GPUs, driver, toolkits, Python, shells, sources", Access::looks, "", 0,
         run_facts},
    Verb{"doctor", "what is wrong, with evidence and a fix; --fix does what is safe", Access::looks,
         "[RULE..]", kAny, run_doctor, "", &Options::fix},
    Verb{"explain", "what a rule, an Xid, an error code, a message or a log means here, and what to do",
         Access::looks, "[RULE|NUMBER|NAME|\"MESSAGE\"|-]", kAny, run_explain},
    Verb{"plan", "which driver, toolkit, Python and wheels, why, and the steps to get there", Access::looks,
         "", 0, run_plan},
    Verb{"verify", "prove each GPU and each environment by running on it", Access::looks, "", 0, run_verify},
    Verb{"topo", "how GPUs, network cards and drives are wired, where it is narrow, the best order",
         Access::looks, "", 0, run_topo},
    Verb{"model", "what a model takes: memory, disk, licence; and fetching it from a hub", Access::looks,
         "plan DIR|REPO, get REPO", 2, run_model, "get"},
    Verb{"stack",
         "packages that train or run models, each stack in an environment of its own: install, run, remove",
         Access::changes, "[list|install|run|remove] [NAME] [full|lora] [MODEL]", 4, run_stack},
    Verb{"env", "the environments that are here, and how to activate one", Access::looks, "[NAME]", 1,
         run_env},
    Verb{"run", "a program inside an environment", Access::looks, "NAME -- PROGRAM [WORD..]", kAny, run_run},
    Verb{"bundle", "everything a machine needs as one directory, for one that has no network: create, use",
         Access::changes, "create DIR, use DIR", 2, run_bundle},
    Verb{"record", "write this machine down as a folder that every looking verb can replay", Access::looks,
         "DIR", 1, run_record},
    Verb{"catalog", "the facts behind every choice: list, show, check, refresh, use", Access::looks,
         "[list|show|check|refresh|use] [WORD..]", kAny, run_catalog},
    Verb{"history", "what bringup did on this machine", Access::looks, "", 0, run_history},
    Verb{"status", "whether what was done still holds, and what is unfinished", Access::looks, "", 0,
         run_status},
    Verb{"apply", "do the steps of a plan: a saved one, or the one that plan prints now", Access::changes,
         "[PLAN]", 1, run_apply},
    Verb{"resume", "go on with a run that was interrupted", Access::changes, "", 0, run_resume},
    Verb{"undo", "take back what a run did, the last one or the one named", Access::changes, "[RUN]", 1,
         run_undo},
};

}  // namespace

std::span<const Verb> verbs() {
  return kVerbs;
}

bool changes(const Verb& verb, const Options& options) {
  if (verb.access == Access::changes) return true;
  if (verb.changing_flag != nullptr && options.*verb.changing_flag) return true;
  return !verb.changing_word.empty() && !options.words.empty() && options.words[0] == verb.changing_word;
}

const Verb* find_verb(std::string_view name) {
  const auto* found = std::ranges::find(kVerbs, name, &Verb::name);
  return found == kVerbs.end() ? nullptr : found;
}

}  // namespace bringup::cli
