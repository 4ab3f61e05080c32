// SPDX-License-Identifier: Apache-2.0
// The forecast of the next boot, for people and for programs.
#include <bringup/base/text.hpp>
#include <bringup/report/document.hpp>
#include <bringup/report/paint.hpp>
#include <bringup/report/report.hpp>

#include <fmt/format.h>

#include <array>

namespace bringup::report {
namespace {

using diagnose::Outlook;

constexpr std::size_t kWordWidth = 9;                // "unknown" and a gap
constexpr std::array<std::size_t, 1> kPartWidth{4};  // "seen", "fix"
constexpr std::array<std::size_t, 1> kOutlookWidth{kWordWidth - 2};

Cell outlook_cell(Outlook outlook) {
  constexpr std::array<Tone, 4> kTones{Tone::good, Tone::bad, Tone::caution, Tone::dim};
  return {std::string(diagnose::outlook_name(outlook)), kTones.at(static_cast<std::size_t>(outlook))};
}

Cell headline(const diagnose::Forecast& forecast) {
  std::string words = forecast.outlook == Outlook::good  ? "the next boot will have the driver"
                      : forecast.outlook == Outlook::bad ? "the next boot will not have the GPUs"
                                                         : "how the next boot will go cannot be told";
  if (forecast.outlook == Outlook::good && forecast.kernel.empty() && forecast.parts.size() == 1)
    words = "the next boot has nothing to lose";
  if (!forecast.kernel.empty()) words += fmt::format(": kernel {}", plain(forecast.kernel));
  if (!forecast.driver.empty()) words += fmt::format(", driver {}", plain(forecast.driver));
  return {std::move(words), outlook_cell(forecast.outlook).tone};
}

}  // namespace

std::string next_boot_text(const diagnose::Forecast& forecast, const Style& style) {
  Page page(style);
  page.paragraph(headline(forecast));
  std::string about;
  for (const diagnose::BootPart& part : forecast.parts) {
    if (forecast.kernel.empty() && part.kernel != about && !part.kernel.empty())
      page.heading("If " + plain(part.kernel) + " boots");
    else
      page.blank();
    about = part.kernel;
    page.row({outlook_cell(part.outlook),
              {fmt::format("{}: {}", plain(part.part), plain(part.text)), Tone::strong}},
             0, kOutlookWidth);
    std::vector<Row> rows;
    for (const diagnose::Evidence& one : part.evidence)
      rows.push_back({{rows.empty() ? "seen" : "", Tone::dim},
                      {fmt::format("{}: \"{}\"", plain(one.source), plain(one.text))}});
    if (!part.fix.empty()) rows.push_back({{"fix", Tone::dim}, {plain(part.fix)}});
    page.table(rows, kWordWidth, kPartWidth);
  }
  return std::move(page).take();
}

std::string next_boot_json(const diagnose::Forecast& forecast) {
  ordered_json json = {{"schema", "bringup.next-boot/1"},
                       {"outlook", diagnose::outlook_name(forecast.outlook)},
                       {"kernel", text_or_null(forecast.kernel)},
                       {"driver", text_or_null(forecast.driver)},
                       {"parts", ordered_json::array()}};
  for (const diagnose::BootPart& part : forecast.parts) {
    ordered_json evidence = ordered_json::array();
    for (const diagnose::Evidence& one : part.evidence)
      evidence.push_back({{"source", one.source}, {"text", one.text}});
    json["parts"].push_back({{"part", part.part},
                             {"kernel", text_or_null(part.kernel)},
                             {"outlook", diagnose::outlook_name(part.outlook)},
                             {"text", part.text},
                             {"evidence", std::move(evidence)},
                             {"fix", text_or_null(part.fix)}});
  }
  return written(json);
}

}  // namespace bringup::report
