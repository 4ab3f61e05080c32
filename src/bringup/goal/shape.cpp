// SPDX-License-Identifier: Apache-2.0
// Words for GPUs that are not here: "4x RTX 4090", "2xH200", "V100 SXM2 32GB + RTX 4090", "10de:2b85".
#include <bringup/base/text.hpp>
#include <bringup/goal/goal.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::goal {
namespace {

constexpr std::int64_t kMostGpus = 16;
constexpr std::uint32_t kDisplay = 0x030000;    // VGA controller, as consumer cards say
constexpr std::uint32_t kComputing = 0x030200;  // 3D controller, as data-centre cards say

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

struct Part {
  std::int64_t count = 1;
  std::string_view words;
};

// "4x RTX 4090" -> 4 and "RTX 4090". Digits count only when an x follows, and no digit or letter right behind
// would make it part of a name such as "10de:2684".
Result<Part> parse_part(std::string_view text) {
  const std::string_view whole = base::trim(text);
  const auto end = std::ranges::find_if_not(whole, is_digit);
  const std::string_view digits = whole.substr(0, static_cast<std::size_t>(end - whole.begin()));
  std::string_view rest = base::trim(whole.substr(digits.size()));
  constexpr std::string_view kTimes = "\xc3\x97";  // the multiplication sign
  Part part{.count = 1, .words = whole};
  const bool letter = !rest.empty() && (rest[0] == 'x' || rest[0] == 'X');
  if (!digits.empty() && (letter || rest.starts_with(kTimes))) {
    const auto count = base::to_integer(digits);
    if (!count || *count < 1 || *count > kMostGpus)
      return Error(Errc::usage, fmt::format("'{}': expected 1 to {} GPUs, found {}", base::harmless(whole),
                                            kMostGpus, digits));
    rest.remove_prefix(letter ? 1 : kTimes.size());
    part = {.count = *count, .words = base::trim(rest)};
  }
  if (part.words.empty())
    return Error(Errc::usage,
                 fmt::format("'{}': expected a GPU such as \"4x RTX 4090\" or \"10de:2684\", found none",
                             base::harmless(text)));
  return part;
}

facts::PciFunction function_of(const catalog::Gpu& gpu, std::size_t index) {
  facts::PciFunction function;
  function.address = fmt::format("0000:{:02x}:00.0", index + 1);
  function.kind = facts::PciKind::gpu;
  function.device_id = gpu.device_id;
  function.class_code = gpu.geforce ? kDisplay : kComputing;
  function.name = gpu.name;
  function.architecture = std::string(catalog::architecture_name(gpu.architecture));
  function.compute_capability = gpu.compute ? gpu.compute->text() : "";
  function.kernel_driver = Error(Errc::absent, "not here: given by its name");
  function.link = Error(Errc::absent, "not here: given by its name");
  function.numa_node = Error(Errc::absent, "not here: given by its name");
  return function;
}

}  // namespace

Result<std::vector<facts::PciFunction>> parse_shape(std::string_view shape, const catalog::Catalog& catalog) {
  std::vector<facts::PciFunction> out;
  for (const std::string_view text : base::split(shape, '+')) {
    const Part part = TRY(parse_part(text));
    const auto found = catalog.find_gpu(part.words);
    if (!found)
      return Error(Errc::usage,
                   fmt::format("'{}': {}", base::harmless(base::trim(text)), found.error().message()));
    for (std::int64_t i = 0; i < part.count; ++i) out.push_back(function_of(**found, out.size()));
    if (static_cast<std::int64_t>(out.size()) > kMostGpus)
      return Error(Errc::usage,
                   fmt::format("'{}': expected at most {} GPUs in all", base::harmless(shape), kMostGpus));
  }
  return out;
}

}  // namespace bringup::goal
