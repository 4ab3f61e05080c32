// SPDX-License-Identifier: Apache-2.0
// The choice as a table with its reasons, then every step with its why; or the conflict.
#include <bringup/base/overloaded.hpp>
#include <bringup/base/text.hpp>
#include <bringup/report/paint.hpp>
#include <bringup/report/report.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::report {
namespace {

using base::overloaded;
using resolve::Action;

// Where something comes from, for people: "nvidia" -> "NVIDIA".
std::string place(const std::optional<std::string>& name) {
  if (!name) return "-";
  if (*name == "nvidia") return "NVIDIA";
  if (*name == "distro") return "distribution";
  if (*name == "pypi") return "PyPI";
  if (*name == "file") return "the repository file";
  if (*name == "pytorch") return "PyTorch index";
  if (*name == "bundle") return "the bundle";
  if (*name == "keep") return "here already";
  return plain(*name);
}

// A line of the choice's table: what, chosen, from, and the reasons below it.
struct Part {
  std::string what;
  std::string chosen;
  std::string from;
  std::vector<std::string> because;
};

// The reasons of a choice by what they are about; each is taken once, so that none is lost and none is told
// twice.
class Reasons {
 public:
  explicit Reasons(const std::vector<resolve::Reason>& reasons) : left_(reasons) {}

  // All that are about `about`, or begin with it when it ends in ':'.
  std::vector<std::string> take(std::string_view about) {
    std::vector<std::string> out;
    while (auto one = take_first(about)) out.push_back(std::move(*one));
    return out;
  }
  std::optional<std::string> take_first(std::string_view about) {
    const auto at = std::ranges::find_if(left_, [about](const resolve::Reason& reason) {
      return about.ends_with(':') ? reason.about.starts_with(about) : reason.about == about;
    });
    if (at == left_.end()) return std::nullopt;
    std::string text = words_of(*at);
    left_.erase(at);
    return text;
  }
  std::vector<std::string> take_rest() {
    std::vector<std::string> out;
    for (const resolve::Reason& reason : left_)
      out.push_back(fmt::format("{}: {}", plain(reason.about), words_of(reason)));
    left_.clear();
    return out;
  }

 private:
  static std::string words_of(const resolve::Reason& reason) {
    return plain(reason.text) + (reason.known == catalog::Known::inferred ? " (inferred, not tried)" : "");
  }
  std::vector<resolve::Reason> left_;
};

std::string with_action(Action action, const std::string& what) {
  return action == Action::none ? "none" : fmt::format("{} {}", resolve::action_name(action), what);
}

Part driver_part(const resolve::DriverChoice& driver, Reasons& reasons) {
  std::string what;
  if (driver.version) what = plain(*driver.version);
  if (driver.branch)
    what +=
        what.empty() ? fmt::format("branch {}", *driver.branch) : fmt::format(" (branch {})", *driver.branch);
  Part part{.what = "driver",
            .chosen = with_action(driver.action, what),
            .from = place(driver.source),
            .because = reasons.take("driver")};
  for (std::string& one : reasons.take("source:")) part.because.push_back(std::move(one));
  return part;
}

Part module_part(const resolve::DriverChoice& driver, Reasons& reasons) {
  std::string chosen = "none";
  if (driver.flavour) chosen = *driver.flavour == facts::Flavour::open ? "open" : "proprietary";
  if (driver.flavour && !driver.kernels.empty())
    chosen += "\nfor " + plain(base::join(driver.kernels, "\nand "));
  return {.what = "kernel module",
          .chosen = std::move(chosen),
          .from = driver.flavour ? "with the driver" : "-",
          .because = reasons.take("flavour")};
}

Part toolkit_part(const resolve::ToolkitChoice& toolkit, Reasons& reasons) {
  return {.what = "CUDA toolkit",
          .chosen = with_action(toolkit.action, plain(toolkit.version.value_or("of unknown version"))),
          .from = place(toolkit.source),
          .because = reasons.take("toolkit")};
}

Part python_part(const resolve::PythonChoice& python, Reasons& reasons) {
  std::string chosen = plain(python.version.empty() ? "none" : python.version);
  if (!python.manager.empty() && python.manager != "system") chosen += " with " + plain(python.manager);
  std::string from = plain(python.interpreter);
  if (from.empty()) from = python.manager_path.empty() ? "-" : plain(python.manager_path);
  return {.what = "Python",
          .chosen = std::move(chosen),
          .from = std::move(from),
          .because = reasons.take("python")};
}

std::string wheel_words(const resolve::WheelChoice& wheel) {
  std::string words = plain(wheel.name);
  if (!wheel.version.empty()) words += " " + plain(wheel.version);
  if (!wheel.variant) return words;
  return words + (*wheel.variant == "cpu" ? " (cpu)" : fmt::format(" ({})", plain(*wheel.variant)));
}

Part env_part(const resolve::EnvChoice& env, Reasons& reasons) {
  std::vector<std::string> wheels;
  std::vector<std::string> indexes;
  bool torch = false;
  for (const resolve::WheelChoice& wheel : env.packages) {
    wheels.push_back(wheel_words(wheel));
    torch = torch || wheel.name == "torch";
    const std::string from = wheel.index ? place(wheel.index) : "here already";
    if (std::ranges::find(indexes, from) == indexes.end()) indexes.push_back(from);
  }
  Part part{.what = "wheels of " + plain(env.name),
            .chosen = fmt::format("{} {}\n{}", resolve::action_name(env.action),
                                  counted(wheels.size(), "package"), base::join(wheels, "\n")),
            .from = indexes.empty() ? "-" : base::join(indexes, "\n"),
            .because = {}};
  // Each environment with torch has one reason, in the same order.
  if (!torch) return part;
  if (auto reason = reasons.take_first("torch")) part.because.push_back(std::move(*reason));
  return part;
}

std::vector<Part> parts_of(const resolve::Choice& choice, Reasons& reasons) {
  std::vector<Part> parts{driver_part(choice.driver, reasons)};
  if (choice.driver.action != Action::none || choice.driver.flavour)
    parts.push_back(module_part(choice.driver, reasons));
  parts.push_back(toolkit_part(choice.toolkit, reasons));
  parts.push_back(python_part(choice.python, reasons));
  for (const resolve::EnvChoice& env : choice.envs) parts.push_back(env_part(env, reasons));
  return parts;
}

// "what  chosen  from", and "because" below each line: sentences in a fourth column would be a ladder of
// single words.
void choice_table(Page& page, const resolve::Choice& choice) {
  Reasons reasons(choice.reasons);
  const std::vector<Part> parts = parts_of(choice, reasons);
  std::array<std::size_t, 3> widths{13, 0, 12};
  for (const Part& part : parts) {
    widths[0] = std::max(widths[0], base::display_width(part.what));
    for (const std::string_view line : base::lines(part.chosen))
      widths[1] = std::max(widths[1], base::display_width(line));
  }
  widths[0] = std::min<std::size_t>(widths[0], 26);
  widths[1] = std::min(widths[1], page.columns() / 2);
  page.row({{"what", Tone::dim}, {"chosen", Tone::dim}, {"from", Tone::dim}}, 2, widths);
  for (const Part& part : parts) {
    page.blank();
    page.row({{part.what}, {part.chosen, Tone::strong}, {part.from}}, 2, widths);
    for (std::size_t i = 0; i < part.because.size(); ++i)
      page.row({{i == 0 ? "because" : "", Tone::dim}, {part.because[i], Tone::dim}}, 2,
               std::span(widths).first(1));
  }
  page.blank();
  for (const std::string& one : reasons.take_rest()) page.paragraph({one, Tone::dim}, 2);
}

void notices(Page& page, const std::vector<resolve::Notice>& list) {
  if (list.empty()) return;
  page.heading("Notices");
  for (const resolve::Notice& notice : list)
    page.row({{"note", Tone::caution}, {fmt::format("{} ({})", plain(notice.text), plain(notice.id))}}, 2);
}

std::string does(const steps::Kind& kind) {
  const auto with = [](const std::string& tool) { return tool.empty() ? "" : " with " + plain(tool); };
  return std::visit(
      overloaded{
          [](const steps::WriteFile&) { return std::string("write a file"); },
          [](const steps::EditBlock& one) { return "edit the block '" + plain(one.name) + "' of a file"; },
          [](const steps::FetchFile& one) {
            return (one.url.starts_with('/') ? "copy " : "download ") + plain(one.url);
          },
          [&](const steps::InstallPackages& one) { return "install packages" + with(one.manager); },
          [&](const steps::HoldPackages& one) { return "hold packages" + with(one.manager); },
          [](const steps::InstallFromRepositoryFile& one) {
            return "install packages out of the repository in " + plain(one.path);
          },
          [](const steps::LoadModule&) { return std::string("load a kernel module"); },
          [](const steps::EnableService& one) {
            return std::string(one.now ? "start a service, now and at each boot"
                                       : "start a service at each boot");
          },
          [](const steps::EnrolKey&) { return std::string("ask Secure Boot to trust a key"); },
          [](const steps::InstallUv&) { return std::string("install uv"); },
          [](const steps::InstallConda& one) { return "download and run " + plain(one.url); },
          [&](const steps::CreateEnv& one) { return "create a Python environment" + with(one.tool); },
          [&](const steps::InstallWheels& one) {
            return fmt::format("install wheels{} into {}", with(one.tool), plain(one.env));
          },
          [](const steps::FetchModelFile& one) {
            return (one.endpoint.starts_with('/') ? "copy a file of " : "download a file of ") +
                   plain(one.repo);
          },
          [](const steps::BuildExtension& one) {
            return fmt::format("compile an extension with {}/bin/nvcc", plain(one.cuda_home));
          }},
      kind);
}

void step_block(Page& page, const steps::Step& step, std::size_t number, std::size_t digits) {
  const std::string head = fmt::format("{:>{}}", number, digits);
  const std::size_t inside = 2 + digits + 2;
  page.row(
      {{head}, {fmt::format("{}, {}", does(step.kind), step.as_user ? "as you" : "as root"), Tone::strong}},
      2);
  page.paragraph({plain(steps::target(step.kind))}, inside);
  static constexpr std::array<std::size_t, 1> kPart{7};
  std::vector<Row> rows;
  if (!step.why.empty()) rows.push_back({{"why", Tone::dim}, {plain(step.why)}});
  if (!step.changes.empty()) rows.push_back({{"changes", Tone::dim}, {plain(step.changes)}});
  page.table(rows, inside, kPart);
}

void models_section(Page& page, std::span<const goal::ModelGoal> models, bool after_steps) {
  page.heading(fmt::format("{}{}, {}as a run of its own", after_steps ? "Then " : "",
                           counted(models.size(), "model"), models.size() == 1 ? "" : "each "));
  for (const goal::ModelGoal& model : models) {
    page.row({{model.layout.empty() ? plain(model.name)
                                    : fmt::format("{}, its {} files", plain(model.name), plain(model.layout)),
               Tone::strong}},
             2);
    page.paragraph({plain(model.directory)}, 4);
  }
}

void steps_section(Page& page, const steps::Plan& plan) {
  if (plan.steps.empty()) {
    page.blank();
    page.paragraph({"Nothing to do", Tone::good});
    return;
  }
  const auto yours = static_cast<std::size_t>(std::ranges::count(plan.steps, true, &steps::Step::as_user));
  page.heading(fmt::format("{}: {} as root, {} as you", counted(plan.steps.size(), "step"),
                           plan.steps.size() - yours, yours));
  const std::size_t digits = fmt::format("{}", plan.steps.size()).size();
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    if (i > 0) page.blank();
    step_block(page, plan.steps[i], i + 1, digits);
  }
}

void conflict_page(Page& page, const resolve::Conflict& conflict) {
  page.paragraph({"There is no choice: these cannot all be true", Tone::bad});
  for (const resolve::ConflictMember& member : conflict.set) {
    page.blank();
    page.paragraph({plain(member.what), Tone::strong}, 2);
    if (!member.why.empty()) page.paragraph({plain(member.why)}, 4);
  }
  if (!conflict.could_change.empty()) {
    page.heading("What could be changed");
    for (const std::string& one : conflict.could_change) page.row({{"-"}, {plain(one)}}, 2);
  }
  if (conflict.reasons.empty()) return;
  page.heading("What it would lead to");
  for (const resolve::Reason& reason : conflict.reasons)
    page.row({{"-"}, {plain(reason.text), Tone::dim}}, 2);
}

}  // namespace

std::string plan_text(const resolve::Resolution& resolution, const steps::Plan& plan, const Style& style,
                      std::span<const goal::ModelGoal> models) {
  Page page(style);
  if (const auto* conflict = std::get_if<resolve::Conflict>(&resolution)) {
    conflict_page(page, *conflict);
  } else {
    const auto& choice = std::get<resolve::Choice>(resolution);
    choice_table(page, choice);
    notices(page, choice.notices);
    if (!plan.steps.empty() || models.empty()) steps_section(page, plan);
    if (!models.empty()) models_section(page, models, !plan.steps.empty());
  }
  return std::move(page).take();
}

}  // namespace bringup::report
