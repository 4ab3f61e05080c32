// SPDX-License-Identifier: Apache-2.0
// xids.tsv, codes.tsv and messages.tsv. Their heads hold what many rows share: "# from KEY: SOURCE AS_OF
// KNOWN" and
// "# text KEY: WORDS", which a cell names as @KEY.
#include <bringup/catalog/messages.hpp>
#include <bringup/catalog/row.hpp>
#include <bringup/catalog/signed.hpp>
#include <bringup/catalog/tsv.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

namespace bringup::catalog {
namespace {

constexpr std::array<std::string_view, 5> kBlames{"hardware", "program", "driver", "link", "nobody"};
constexpr std::array<std::string_view, 3> kApis{"CUDA", "NVML", "NCCL"};
constexpr std::array<std::string_view, 14> kShows{"",       "=cuda",  "=nvml", "=xid", "disk",
                                                  "driver", "gcc",    "glibc", "gpus", "kernel",
                                                  "memory", "python", "shm",   "torch"};

// What rows share, by key.
class Shared {
 public:
  static Result<Shared> of(const TsvTable& table) {
    Shared out;
    for (const auto& [key, value] : table.heads()) {
      if (key.starts_with("text ")) out.texts_.emplace(key.substr(5), value);
      if (!key.starts_with("from ")) continue;
      const auto words = base::words(value);
      if (words.size() != 3 || !is_date(words[1]) || words[1].size() != 10)
        return table.bad(fmt::format("'{}' is no source, date and known", key));
      Provenance from{.source = std::string(words[0]), .as_of = std::string(words[1]), .known = Known::read};
      from.known = TRY(parse_known(words[2]).within(table.here()));
      out.from_.emplace(key.substr(5), std::move(from));
    }
    return out;
  }
  Result<std::string> text(const TsvTable& table, std::string_view cell, std::string_view column) const {
    if (cell.empty() || cell == "-") return table.bad(fmt::format("{} is missing", column));
    if (!cell.starts_with('@')) return std::string(cell);
    const auto at = texts_.find(cell.substr(1));
    if (at == texts_.end()) return table.bad(fmt::format("the head has no text '{}'", cell.substr(1)));
    return std::string(at->second);
  }
  Result<Provenance> from(const TsvTable& table, std::string_view cell) const {
    const auto at = from_.find(cell);
    if (at == from_.end()) return table.bad(fmt::format("the head has no from '{}'", cell));
    return at->second;
  }

 private:
  std::map<std::string_view, std::string_view, std::less<>> texts_;
  std::map<std::string_view, Provenance, std::less<>> from_;
};

std::string or_nothing(std::string_view cell) {
  return cell == "-" ? std::string{} : std::string(cell);
}

Result<int> number_of(const TsvTable& table, std::string_view cell) {
  const auto number = base::to_integer(cell);
  if (!number || *number < 0 || *number > 9999)
    return table.bad(fmt::format("number '{}' is not between 0 and 9999", cell));
  return static_cast<int>(*number);
}

Result<std::string> show_of(const TsvTable& table, std::string_view cell) {
  std::string show = or_nothing(cell);
  if (std::ranges::find(kShows, std::string_view(show)) == kShows.end())
    return table.bad(fmt::format("show '{}' is nothing of a machine", cell));
  return show;
}

Result<> check_columns(const TsvTable& table, std::size_t columns) {
  if (table.columns().size() != columns)
    return table.bad(fmt::format("{} columns in the head, expected {}", table.columns().size(), columns));
  return ok;
}

Result<> read_xids(std::string_view text, Messages& messages) {
  TsvTable table = TRY(TsvTable::open(text, "xids.tsv"));
  TRY(check_columns(table, 7));
  const Shared shared = TRY(Shared::of(table));
  while (table.more()) {
    const auto& cells = *TRY(table.row());
    const auto* blame = std::ranges::find(kBlames, cells[2]);
    if (blame == kBlames.end()) return table.bad(fmt::format("'{}' is nobody to blame", cells[2]));
    Xid xid{.number = TRY(number_of(table, cells[0])),
            .name = or_nothing(cells[1]),
            .blame = static_cast<Blame>(blame - kBlames.begin()),
            .cause = TRY(shared.text(table, cells[3], "cause")),
            .todo = TRY(shared.text(table, cells[4], "do")),
            .rule = or_nothing(cells[5]),
            .from = TRY(shared.from(table, cells[6]))};
    if (!messages.xids.empty() && messages.xids.back().number >= xid.number)
      return table.bad(fmt::format("{} does not come after {}: rows are sorted and unique", xid.number,
                                   messages.xids.back().number));
    messages.xids.push_back(std::move(xid));
  }
  return ok;
}

// Texts that may stand once, whatever their case.
using Once = std::set<std::string, std::less<>>;

Result<> add_code(const TsvTable& table, Code code, Messages& messages, Once& names) {
  if (code.names.empty()) return table.bad("names are missing");
  for (const std::string& name : code.names) {
    if (!names.insert(base::lower(name)).second) return table.bad(fmt::format("{} stands twice", name));
  }
  if (!messages.codes.empty() &&
      std::pair(messages.codes.back().api, messages.codes.back().number) >= std::pair(code.api, code.number))
    return table.bad(fmt::format("{} {} is not in order or stands twice", api_name(code.api), code.number));
  messages.codes.push_back(std::move(code));
  return ok;
}

Result<> read_codes(std::string_view text, Messages& messages) {
  TsvTable table = TRY(TsvTable::open(text, "codes.tsv"));
  TRY(check_columns(table, 9));
  const Shared shared = TRY(Shared::of(table));
  Once names;
  while (table.more()) {
    const auto& cells = *TRY(table.row());
    const auto* api = std::ranges::find(kApis, cells[0]);
    if (api == kApis.end()) return table.bad(fmt::format("'{}' is neither CUDA, NVML nor NCCL", cells[0]));
    Code code{.api = static_cast<Api>(api - kApis.begin()),
              .number = TRY(number_of(table, cells[1])),
              .names = {},
              .message = or_nothing(cells[3]),
              .cause = TRY(shared.text(table, cells[4], "cause")),
              .todo = TRY(shared.text(table, cells[5], "do")),
              .rule = or_nothing(cells[6]),
              .show = TRY(show_of(table, cells[7])),
              .from = TRY(shared.from(table, cells[8]))};
    for (const std::string_view name : base::words(cells[2])) code.names.emplace_back(name);
    TRY(add_code(table, std::move(code), messages, names));
  }
  return ok;
}

// {1} and so on in what is told of a message must be holes that it has.
Result<> check_places(const TsvTable& table, std::string_view told, std::size_t holes) {
  for (std::size_t at = told.find('{'); at != std::string_view::npos; at = told.find('{', at + 1)) {
    const bool place = at + 2 < told.size() && told[at + 2] == '}' && told[at + 1] >= '1' &&
                       static_cast<std::size_t>(told[at + 1] - '0') <= holes;
    if (!place) return table.bad(fmt::format("'{}' is no hole of the pattern", told.substr(at, 3)));
  }
  return ok;
}

Result<> check_signature(const TsvTable& table, const Signature& one, const Messages& messages,
                         Once& patterns) {
  TRY(check_places(table, one.cause, one.pattern.holes()));
  TRY(check_places(table, one.todo, one.pattern.holes()));
  if (one.show.starts_with('=') && one.pattern.holes() == 0)
    return table.bad(fmt::format("show '{}' needs a hole that leads to a row", one.show));
  if (!patterns.insert(base::lower(one.pattern.text())).second)
    return table.bad(fmt::format("the pattern '{}' stands twice", one.pattern.text()));
  if (!messages.signatures.empty() && messages.signatures.back().id >= one.id)
    return table.bad(fmt::format("'{}' does not come after '{}': rows are sorted and unique", one.id,
                                 messages.signatures.back().id));
  return ok;
}

Result<> read_signatures(std::string_view text, Messages& messages) {
  TsvTable table = TRY(TsvTable::open(text, "messages.tsv"));
  TRY(check_columns(table, 7));
  const Shared shared = TRY(Shared::of(table));
  Once patterns;
  while (table.more()) {
    const auto& cells = *TRY(table.row());
    if (cells[0].empty()) return table.bad("id is missing");
    Signature one{.id = std::string(cells[0]),
                  .pattern = TRY(Pattern::parse(cells[1]).within(table.here())),
                  .cause = TRY(shared.text(table, cells[2], "cause")),
                  .todo = TRY(shared.text(table, cells[3], "do")),
                  .rule = or_nothing(cells[4]),
                  .show = TRY(show_of(table, cells[5])),
                  .from = TRY(shared.from(table, cells[6]))};
    TRY(check_signature(table, one, messages, patterns));
    messages.signatures.push_back(std::move(one));
  }
  return ok;
}

}  // namespace

std::string_view blame_name(Blame blame) {
  return kBlames.at(static_cast<std::size_t>(blame));
}
std::string_view api_name(Api api) {
  return kApis.at(static_cast<std::size_t>(api));
}

const Xid* Messages::xid(std::int64_t number) const {
  const auto at = std::ranges::find(xids, number, &Xid::number);
  return at == xids.end() ? nullptr : &*at;
}

std::vector<const Code*> Messages::codes_of(std::int64_t number) const {
  std::vector<const Code*> out;
  for (const Code& code : codes) {
    if (code.number == number) out.push_back(&code);
  }
  return out;
}

const Code* Messages::code(std::string_view name) const {
  const std::string wanted = base::lower(name);
  for (const Code& code : codes) {
    for (const std::string& own : code.names) {
      if (own.size() == wanted.size() && find_folded(own, wanted) == 0) return &code;
    }
  }
  return nullptr;
}

Result<Messages> load_messages(const Files& files) {
  static constexpr std::array<std::pair<std::string_view, Result<> (*)(std::string_view, Messages&)>, 3>
      kReaders{{{"xids.tsv", read_xids}, {"codes.tsv", read_codes}, {"messages.tsv", read_signatures}}};
  Messages messages;
  for (const auto& [name, read] : kReaders) {
    const auto file = files.find(name);
    if (file == files.end()) return Error(Errc::absent, fmt::format("the catalog has no file {}", name));
    TRY(read(file->second, messages));
  }
  return messages;
}

const Messages& messages() {
  // Never freed, as the other tables.
  static const Messages& all = *new Messages([] {
    auto loaded = load_messages(files_in_use());
    if (!loaded) loaded = load_messages(compiled_in());
    if (!loaded) {  // a test loads the same files: this is a broken build
      static_cast<void>(std::fputs(
          fmt::format("bringup: the compiled-in catalog is damaged: {}\n", loaded.error().message()).c_str(),
          stderr));
      std::abort();
    }
    return std::move(loaded).take();
  }());
  return all;
}

}  // namespace bringup::catalog
