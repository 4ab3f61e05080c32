// SPDX-License-Identifier: Apache-2.0
// The software chain from the driver up to the wheels: what was found, what was chosen and why, and what the
// doctor found.
#include <bringup/base/text.hpp>
#include <bringup/report/proof_page.hpp>

#include <fmt/format.h>

namespace bringup::report {
namespace {

struct Link {
  std::string part;
  std::string words;
};

std::vector<Link> found_of(const facts::Machine& machine) {
  std::vector<Link> chain;
  const auto add = [&chain](const char* part, std::string words) {
    chain.push_back({part, std::move(words)});
  };
  add("kernel", machine.kernel.running.empty() ? "not known" : machine.kernel.running);
  if (!machine.driver.loaded) {
    add("driver", "not known: " + machine.driver.loaded.error().message());
  } else if (*machine.driver.loaded) {
    const facts::LoadedModule& module = **machine.driver.loaded;
    add("driver", fmt::format("{}, {} module", module.version,
                              module.flavour == facts::Flavour::open ? "open" : "proprietary"));
  } else {
    add("driver", "none is loaded");
  }
  if (machine.nvml) {
    const int cuda = machine.nvml->cuda_driver_version;
    add("CUDA of the driver", fmt::format("{}.{}", cuda / 1000, cuda % 1000 / 10));
  }
  for (const facts::Toolkit& toolkit : machine.toolkits)
    add("toolkit", fmt::format("{} in {}", toolkit.version, toolkit.path));
  for (const facts::PythonEnv& env : machine.envs) {
    std::string words = fmt::format("Python {}", env.version);
    if (env.torch) words += fmt::format(", torch {}", *env.torch);
    add("environment", fmt::format("{}: {}", env.path, words));
  }
  return chain;
}

std::string optional_words(const std::optional<std::string>& words, const char* before) {
  return words ? before + *words : std::string();
}

std::vector<Link> chosen_of(const resolve::Choice& choice) {
  std::vector<Link> chain;
  const resolve::DriverChoice& driver = choice.driver;
  chain.push_back({"driver", fmt::format("{}{}{}", resolve::action_name(driver.action),
                                         driver.version  ? " " + *driver.version
                                         : driver.branch ? fmt::format(" branch {}", *driver.branch)
                                                         : std::string(),
                                         optional_words(driver.source, " from "))});
  chain.push_back({"toolkit", fmt::format("{}{}{}", resolve::action_name(choice.toolkit.action),
                                          optional_words(choice.toolkit.version, " "),
                                          optional_words(choice.toolkit.source, " from "))});
  chain.push_back({"python", fmt::format("{} by {}", choice.python.version, choice.python.manager)});
  for (const resolve::EnvChoice& env : choice.envs) {
    std::string words = fmt::format("{} {}:", resolve::action_name(env.action), env.path);
    for (const resolve::WheelChoice& wheel : env.packages)
      words += fmt::format(" {} {}{};", wheel.name, wheel.version, optional_words(wheel.variant, " "));
    if (!env.packages.empty()) words.pop_back();
    chain.push_back({"environment", std::move(words)});
  }
  return chain;
}

void chain_table(Html& html, std::string_view caption, const std::vector<Link>& chain) {
  html.raw("<table class=\"chain\"><caption>")
      .text(caption)
      .raw(
          "</caption><thead class=\"unseen\"><tr><th scope=\"col\">Part"
          "<th scope=\"col\">What<tbody>\n");
  for (const Link& link : chain)
    html.raw("<tr><th scope=\"row\">").text(link.part).raw("<td>").text(link.words).raw("\n");
  html.raw("</table>\n");
}

void reasons(Html& html, const std::vector<resolve::Reason>& list) {
  if (list.empty()) return;
  html.raw("<h3>Why so</h3>\n<ul class=\"reasons\">\n");
  for (const resolve::Reason& reason : list) {
    html.raw("<li><b>").text(reason.about).raw("</b> ").text(reason.text);
    if (!reason.source.empty()) html.raw(" <small>").text(reason.source).raw("</small>");
    html.raw("</li>\n");
  }
  html.raw("</ul>\n");
}

void resolution(Html& html, const resolve::Resolution& resolution) {
  if (const auto* choice = std::get_if<resolve::Choice>(&resolution)) {
    chain_table(html, "What was chosen", chosen_of(*choice));
    for (const resolve::Notice& notice : choice->notices)
      html.raw("<p class=\"note\">").text(notice.text).raw("</p>\n");
    reasons(html, choice->reasons);
    return;
  }
  const auto& conflict = std::get<resolve::Conflict>(resolution);
  std::vector<Link> set;
  for (const resolve::ConflictMember& member : conflict.set) set.push_back({member.what, member.why});
  chain_table(html, "What cannot be true together", set);
  for (const std::string& words : conflict.could_change)
    html.raw("<p class=\"note\">It could be changed: ").text(words).raw("</p>\n");
  reasons(html, conflict.reasons);
}

void finding(Html& html, const diagnose::Finding& one) {
  const auto severity = one.severity == diagnose::Severity::fail   ? "fail"
                        : one.severity == diagnose::Severity::warn ? "warn"
                                                                   : "info";
  html.raw("<li><span class=\"v ")
      .raw(severity)
      .raw("\">")
      .raw(diagnose::severity_name(one.severity))
      .raw("</span> <b>");
  html.text(one.title).raw("</b> <code>").text(one.id).raw("</code><br>").text(one.why);
  for (const diagnose::Evidence& evidence : one.evidence)
    html.raw("<br><small>").text(evidence.source).raw(": ").text(evidence.text).raw("</small>");
  if (!one.fix.summary.empty()) html.raw("<br>To do: ").text(one.fix.summary);
  html.raw("</li>\n");
}

void findings(Html& html, const diagnose::Diagnosis& diagnosis) {
  html.raw("<h3>What the doctor found</h3>\n");
  if (diagnosis.findings.empty())
    html.raw("<p>Nothing, by ").number(diagnosis.rules_run).raw(" rules.</p>\n");
  html.raw("<ul class=\"findings\">\n");
  for (const diagnose::Finding& one : diagnosis.findings) finding(html, one);
  for (const diagnose::NotRun& one : diagnosis.not_run)
    html.raw("<li><span class=\"v none\">not looked at</span> <code>")
        .text(one.id)
        .raw("</code> ")
        .text(one.why)
        .raw("</li>\n");
  html.raw("</ul>\n");
}

}  // namespace

void page_software(Html& html, const ProofView& view) {
  html.section("software", "Software");
  chain_table(html, "What is there", found_of(view.report.machine));
  if (view.report.resolution != nullptr) resolution(html, *view.report.resolution);
  if (view.native != nullptr && !view.native->settings.empty())
    html.raw("<p class=\"note\">Set in the environment: ")
        .text(base::join(view.native->settings, ", "))
        .raw("</p>\n");
  if (view.report.diagnosis != nullptr) findings(html, *view.report.diagnosis);
  html.end_section();
}

}  // namespace bringup::report
