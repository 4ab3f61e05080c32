// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/measure/answer.hpp>
#include <bringup/measure/env_told.hpp>

#include <algorithm>
#include <cmath>

namespace bringup::measure {
namespace {

using facts::EnvDeed;
using nlohmann::json;

constexpr std::string_view kMarker = "bringup-proof: ";

const json& field(const json& record, const char* key) {
  static const json kNothing;
  const auto at = record.find(key);
  return at == record.end() ? kNothing : *at;
}

std::optional<int> integer_in(const json& record, const char* key) {
  const json& value = field(record, key);
  if (!value.is_number_integer()) return std::nullopt;
  const auto number = value.get<std::int64_t>();
  constexpr std::int64_t kMost = 1'000'000;
  return number < -1 || number > kMost ? std::nullopt : std::optional(static_cast<int>(number));
}

std::optional<double> number_in(const json& value) {
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

// The error of a record, by the kind that Python gives it; nullopt when it has none.
std::optional<Error> error_in(const json& record) {
  const std::string why = text_in(record, "error");
  if (why.empty()) return std::nullopt;
  const std::string kind = text_in(record, "kind");
  const Errc code = kind == "absent"        ? Errc::absent
                    : kind == "unsupported" ? Errc::unsupported
                    : kind == "busy"        ? Errc::busy
                    : kind == "timeout"     ? Errc::timeout
                                            : Errc::failed;
  return Error(code, why);
}

// A time that is no time is no proof.
facts::Reading<double> seconds_in(const json& record) {
  if (const auto error = error_in(record)) return *error;
  const auto seconds = number_in(field(record, "seconds"));
  if (!seconds || *seconds <= 0) return Error(Errc::malformed, "Python gave neither a time nor an error");
  return *seconds;
}

bool begun(const json& record) {
  return field(record, "begun") == json(true);
}

void read_loss(const json& record, EnvDeed& deed) {
  const auto steps = integer_in(record, "steps");
  const auto first = number_in(field(record, "first"));
  const auto last = number_in(field(record, "last"));
  if (!steps || *steps < 1 || !first || !last || *last >= *first)
    deed.seconds = Error(Errc::malformed, "Python told of a training without a loss that falls");
  else
    deed.loss = facts::LossFall{.steps = *steps, .first = *first, .last = *last};
}

void read_reduced(const json& record, EnvDeed& deed) {
  const json& sizes = field(record, "reduced");
  for (std::size_t i = 0; sizes.is_array() && i < sizes.size(); ++i) {
    const json& size = sizes[i];
    if (!size.is_array() || size.size() != 2 || !size[0].is_number_unsigned()) continue;
    const auto seconds = number_in(size[1]);
    if (seconds && *seconds > 0)
      deed.reduced.push_back({.bytes = size[0].get<std::uint64_t>(), .seconds = *seconds});
  }
  if (deed.reduced.empty() || deed.ranks < 2)
    deed.seconds = Error(Errc::malformed, "Python told of an all-reduce without a size or without ranks");
}

void read_loaded(const json& record, EnvDeed& deed) {
  deed.workers = integer_in(record, "workers").value_or(0);
  if (const json& bytes = field(record, "shared_memory"); bytes.is_number_unsigned())
    deed.shared_memory = bytes.get<std::uint64_t>();
  if (deed.workers < 1) deed.seconds = Error(Errc::malformed, "Python told of a data loader without workers");
}

EnvDeed deed_of(const json& record) {
  EnvDeed deed{.name = text_in(record, "deed"),
               .index = integer_in(record, "index").value_or(-1),
               .seconds = seconds_in(record),
               .how = text_in(record, "how"),
               .ranks = integer_in(record, "ranks").value_or(0),
               .loss = std::nullopt,
               .reduced = {},
               .shared_memory = std::nullopt};
  if (!deed.seconds) return deed;
  if (deed.name == "training") read_loss(record, deed);
  if (deed.name == "all-reduce") read_reduced(record, deed);
  if (deed.name == "data loader") read_loaded(record, deed);
  return deed;
}

std::string place(int index) {
  return index < 0 ? "the CPU" : fmt::format("cuda:{}", index);
}

class Reader {
 public:
  explicit Reader(const Error& open) : open_(open) {
    told_.proof.device_count = Error(Errc::failed, "torch could not be imported");
  }

  void add(const json& record) {
    if (!record.is_object()) return;
    if (field(record, "end") == json(true)) {
      told_.whole = true;
    } else if (!text_in(record, "import").empty()) {
      add_import(record);
    } else if (record.contains("counting")) {
      add_count(record);
    } else if (const auto device = integer_in(record, "device")) {
      add_device(record, *device);
    } else if (!text_in(record, "deed").empty()) {
      add_deed(record);
    }
  }

  EnvTold finish() && {
    told_.doing = base::join(doing_, ", ");
    return std::move(told_);
  }

 private:
  // Notes that something began or ended; the error or the value is the caller's.
  void note(const json& record, const std::string& words) {
    if (begun(record)) {
      doing_.push_back(words);
      return;
    }
    std::erase(doing_, words);
    told_.any = true;
  }

  template <typename T, typename Same>
  static void put(std::vector<T>& list, T value, Same same) {
    const auto at = std::ranges::find_if(list, same);
    if (at == list.end())
      list.push_back(std::move(value));
    else
      *at = std::move(value);
  }

  void add_import(const json& record) {
    facts::ImportProof proof{.module = text_in(record, "import"), .version = open_, .cuda = std::nullopt};
    const auto error = error_in(record);
    if (error)
      proof.version = *error;
    else if (!begun(record))
      proof.version = text_in(record, "version");
    if (const std::string cuda = text_in(record, "cuda"); !cuda.empty()) proof.cuda = cuda;
    note(record, "importing " + proof.module);
    put(told_.proof.imports, proof,
        [&](const facts::ImportProof& other) { return other.module == proof.module; });
  }

  void add_count(const json& record) {
    facts::Reading<int>& count = told_.proof.device_count;
    const auto number = integer_in(record, "count");
    const auto error = error_in(record);
    count = begun(record) ? open_
            : error       ? *error
            : number && *number >= 0
                ? facts::Reading<int>(*number)
                : facts::Reading<int>(Error(Errc::malformed, "Python gave neither a count nor an error"));
    note(record, "counting devices");
  }

  void add_device(const json& record, int index) {
    const facts::DeviceProof proof{.index = index, .seconds = begun(record) ? open_ : seconds_in(record)};
    note(record, "multiplying matrices on " + place(index));
    put(told_.proof.devices, proof, [&](const facts::DeviceProof& other) { return other.index == index; });
  }

  void add_deed(const json& record) {
    EnvDeed deed = deed_of(record);
    if (begun(record)) deed.seconds = open_;
    note(record, fmt::format("{} on {}", deed.name, deed.ranks > 1 ? deed.how : place(deed.index)));
    put(told_.proof.deeds, deed,
        [&](const EnvDeed& other) { return other.name == deed.name && other.index == deed.index; });
  }

  const Error& open_;
  EnvTold told_;
  std::vector<std::string> doing_;
};

}  // namespace

EnvTold read_told(std::string_view out, const Error& open) {
  Reader reader(open);
  for (std::string_view line : base::lines(out)) {
    if (!line.starts_with(kMarker)) continue;
    line.remove_prefix(kMarker.size());
    reader.add(json::parse(line, nullptr, false));
  }
  return std::move(reader).finish();
}

}  // namespace bringup::measure
