// SPDX-License-Identifier: Apache-2.0
#include <bringup/catalog/row.hpp>
#include <bringup/catalog/signed.hpp>
#include <bringup/catalog/thresholds.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace bringup::catalog {
namespace {

// In the order of Limit, which is that of the names. least and most: outside of them it is in the wrong unit.
struct Form {
  std::string_view name;
  std::string_view unit;
  int least;
  int most;
};
constexpr std::array kForms{
    Form{"aer-corrected", "count", 1, 1000000000},
    Form{"bar1-small", "MiB", 64, 65536},
    Form{"boot-free", "MB", 50, 5000},
    Form{"environment", "MB", 1000, 100000},
    Form{"gpu-held", "MiB", 100, 100000},
    Form{"gpu-hot", "celsius", 60, 110},
    Form{"host-memory", "percent", 10, 1000},
    Form{"locked-memory", "MiB", 1, 1048576},
    Form{"open-files", "count", 16, 1048576},
    Form{"power-limit", "percent", 50, 100},
    Form{"shared-memory", "MiB", 16, 1048576},
    Form{"torch-behind", "count", 1, 50},
};
static_assert(kForms.size() == static_cast<std::size_t>(Limit::torch_behind) + 1, "a form for each Limit");

double scale_of(std::string_view unit) {
  return unit == "MB" ? 1e6 : unit == "MiB" ? 1048576.0 : 1.0;
}

}  // namespace

Result<std::vector<Threshold>> read_thresholds(std::string_view text) {
  std::vector<Threshold> out;
  TRY(each(text, "thresholds.toml", {"threshold"}, [&out](std::string_view, Row& row) -> Result<> {
    Threshold one{
        .name = TRY(row.text("name")), .value = 0, .unit = TRY(row.text("unit")), .what = "", .from = {}};
    const Form* form = out.size() < kForms.size() ? &kForms.at(out.size()) : nullptr;
    if (form == nullptr || form->name != one.name)
      return row.bad(fmt::format("'{}' is not the next of the thresholds by name: {}", one.name,
                                 form == nullptr ? "there are no more" : form->name));
    if (one.unit != form->unit)
      return row.bad(fmt::format("{} is in {}, and not in '{}'", one.name, form->unit, one.unit));
    one.value = TRY(row.number("value", form->least, form->most));
    one.what = TRY(row.text("what"));
    one.from = TRY(row.provenance());
    out.push_back(std::move(one));
    return ok;
  }));
  if (out.size() < kForms.size())
    return Error(Errc::malformed, fmt::format("thresholds.toml: no row '{}'", kForms.at(out.size()).name));
  return out;
}

const std::vector<Threshold>& thresholds() {
  // Never freed, as the other tables.
  static const std::vector<Threshold>& all = *new std::vector<Threshold>([] {
    for (const std::string_view text :
         {text_in_use("thresholds.toml"), compiled_in_text("thresholds.toml")}) {
      if (auto rows = read_thresholds(text)) return std::move(rows).take();
    }
    static_cast<void>(std::fputs("bringup: the compiled-in catalog is damaged: thresholds.toml\n", stderr));
    std::abort();  // a test loads the same file: this is a broken build
  }());
  return all;
}

double threshold(Limit limit) {
  const Threshold& one = thresholds().at(static_cast<std::size_t>(limit));
  return one.value * scale_of(one.unit);
}

std::uint64_t threshold_bytes(Limit limit) {
  return static_cast<std::uint64_t>(threshold(limit));
}

}  // namespace bringup::catalog
