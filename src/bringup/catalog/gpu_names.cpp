// SPDX-License-Identifier: Apache-2.0
// The GPU that a person's words mean.
#include <bringup/base/text.hpp>
#include <bringup/catalog/catalog.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace bringup::catalog {
namespace {

// Letters and digits in lower case, cut where letters and digits meet: "RTX4090 D" -> rtx 4090 d.
std::vector<std::string> tokens(std::string_view words) {
  std::vector<std::string> out;
  std::string word;
  const auto kind = [](char c) { return (c >= 'a' && c <= 'z') ? 1 : (c >= '0' && c <= '9') ? 2 : 0; };
  int before = 0;
  for (const char c : base::lower(words)) {
    const int now = kind(c);
    if (now != before && !word.empty()) out.push_back(std::exchange(word, ""));
    if (now != 0) word += c;
    before = now;
  }
  if (!word.empty()) out.push_back(word);
  return out;
}

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

bool has_all(const std::vector<std::string>& wanted, const std::vector<std::string>& there) {
  return std::ranges::all_of(wanted, [&there](const std::string& word) { return has(there, word); });
}

// Words of `name` that make it another product than the one that was asked for: "Ti", "Laptop", the G of T4G,
// another number; brands, form factors and sizes do not.
std::size_t strangers(const std::vector<std::string>& name, const std::vector<std::string>& wanted) {
  static constexpr std::array<std::string_view, 9> kPlain{"geforce", "tesla", "quadro", "rtx", "gtx",
                                                          "sxm",     "pcie",  "hbm",    "gb"};
  std::size_t out = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool size =
        base::to_integer(name[i]) && ((i + 1 < name.size() && name[i + 1] == "gb") ||
                                      (i > 0 && (name[i - 1] == "sxm" || name[i - 1] == "hbm")));
    if (!size && !has(wanted, name[i]) &&
        std::ranges::find(kPlain, std::string_view(name[i])) == kPlain.end())
      ++out;
  }
  return out;
}

// How far a product is from plain: other words, then whether its memory is known (engineering samples and
// spare ids have none), then SXM before PCIe when neither was said, then the shortest name, then the newer
// chip under one name. Rows are by id, so of two alike the first is taken and the answer is always the same.
auto plainness(const Gpu& row, const std::vector<std::string>& wanted) {
  const std::vector<std::string> name = tokens(row.name);
  const std::vector<std::string> alias = tokens(row.alias);
  const bool sxm = has(name, "sxm") || has(alias, "sxm");
  return std::tuple(std::min(strangers(name, wanted), strangers(alias, wanted)),
                    !row.memory_bytes.has_value(), !sxm, sxm ? 0 : std::min(name.size(), alias.size()),
                    -row.compute->major, -row.compute->minor);
}

// Whether each word stands anywhere in one of the names: what most rows fail, before they are cut into words.
bool may_have_all(const std::vector<std::string>& wanted, const Gpu& row) {
  const auto stands_in = [](std::string_view text, const std::string& word) {
    const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::search(text.begin(), text.end(), word.begin(), word.end(),
                       [small](char a, char b) { return small(a) == b; }) != text.end();
  };
  return std::ranges::all_of(wanted, [&](const std::string& word) {
    return stands_in(row.name, word) || stands_in(row.alias, word);
  });
}

const Gpu* by_words(const std::vector<Gpu>& gpus, const std::vector<std::string>& wanted) {
  const Gpu* best = nullptr;
  for (const Gpu& row : gpus) {
    if (!row.compute || !may_have_all(wanted, row) ||
        !has_all(wanted, tokens(fmt::format("{} {}", row.name, row.alias))))
      continue;
    if (best == nullptr || plainness(row, wanted) < plainness(*best, wanted)) best = &row;
  }
  return best;
}

// The name to offer when nothing was found; brands that were not typed are left out, so that they do not
// count as mistakes.
std::optional<std::string> nearest_name(const std::vector<Gpu>& gpus, std::string_view words) {
  std::vector<std::string> names;
  for (const Gpu& row : gpus) {
    std::string name(row.name);
    for (const std::string_view brand : {"GeForce ", "Tesla ", "Quadro "}) {
      if (name.starts_with(brand) && !base::lower(words).starts_with(base::lower(brand)))
        name.erase(0, brand.size());
    }
    names.push_back(std::move(name));
  }
  return base::nearest(words, names);
}

}  // namespace

Result<const Gpu*> Catalog::find_gpu(std::string_view words) const {
  std::string_view id = base::trim(words);
  const bool by_id = id.starts_with("10de:");
  if (by_id) id.remove_prefix(5);
  const auto number = id.size() == 4 ? base::to_hex(id) : std::nullopt;
  const Gpu* row = number ? gpu(static_cast<std::uint16_t>(*number)) : nullptr;
  if (by_id && row == nullptr)
    return Error(Errc::usage, fmt::format("no NVIDIA GPU has the PCI id 10de:{}", id));
  if (by_id) return row;
  std::vector<std::string> wanted = tokens(words);
  std::erase(wanted, "nvidia");
  if (wanted.empty()) return Error(Errc::usage, "no name of a GPU");
  // "2080" is a product before it is an id.
  if (const Gpu* named = by_words(gpus, wanted)) return named;
  if (row != nullptr) return row;
  const auto near = nearest_name(gpus, words);
  return Error(Errc::usage,
               fmt::format("no GPU in the catalog is called '{}'{}", base::harmless(base::trim(words)),
                           near ? fmt::format(" (did you mean '{}'?)", *near) : ""));
}

}  // namespace bringup::catalog
