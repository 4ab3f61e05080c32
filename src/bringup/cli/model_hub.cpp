// SPDX-License-Identifier: Apache-2.0
// A model on a hub, before a byte of its weights moves.
#include <bringup/base/text.hpp>
#include <bringup/catalog/catalog.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/cli/model.hpp>
#include <bringup/resolve/mirrors.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace bringup::cli {
namespace {

constexpr std::size_t kFirstPart = 128U << 10U;  // holds most headers whole

// A login page of a network says 200 to everything.
Result<> check_page(const host::Hub& hub, const host::HubAnswer& answer) {
  const std::string start = base::lower(std::string_view(answer.body).substr(0, 512));
  const bool page = base::contains(answer.type, "text/html") || base::contains(start, "<html");
  if (!page) return ok;
  return Error(Errc::unreachable, hub.endpoint +
                                      ": answers with a web page where data were expected: a network that "
                                      "wants a login, a proxy, or a wrong HF_ENDPOINT?");
}

Result<std::string> body_of(const HubModel& model, const host::HubRequest& request) {
  host::HubAnswer answer = TRY(host::ask_hub(model.hub, model.run, request));
  if (const auto trouble = host::hub_trouble(model.hub, model.name.repo, answer)) return *trouble;
  TRY(check_page(model.hub, answer));
  return std::move(answer.body);
}

std::string file_path(const HubModel& model, const std::string& name) {
  return fmt::format("/{}/resolve/{}/{}", model.repo.id, model.repo.commit, host::url_part(name));
}

Result<stacks::Layout> layout_of(const std::string& word) {
  if (word.empty()) return stacks::Layout::both;
  if (word == "safetensors") return stacks::Layout::safetensors;
  if (word == "original") return stacks::Layout::original;
  return Error(Errc::usage, fmt::format("--only '{}': expected safetensors or original", word));
}

const stacks::RepoFile* find(const stacks::Repo& repo, const std::string& name) {
  const auto file = std::ranges::find(repo.files, name, &stacks::RepoFile::path);
  return file == repo.files.end() ? nullptr : &*file;
}

// The beginning of the file that was read last is kept: its length and its header stand there together.
class Parts {
 public:
  explicit Parts(const HubModel& model) : model_(model) {}
  Result<std::string> get(const std::string& name, std::uint64_t offset, std::size_t size) {
    if (name != name_ || offset + size > start_.size()) {
      const std::uint64_t end = std::max<std::uint64_t>(offset + size, kFirstPart);
      start_ = TRY(body_of(model_, {.path = file_path(model_, name), .range = fmt::format("0-{}", end - 1)}));
      name_ = name;
    }
    return start_.substr(std::min<std::uint64_t>(offset, start_.size()), size);
  }

 private:
  HubModel model_;
  std::string name_;
  std::string start_;
};

}  // namespace

Result<std::string> usual_hub() {
  const catalog::Source* source = catalog::built_in().source("huggingface");
  return host::hub_endpoint(source == nullptr ? "" : source->url);
}

namespace {

// The mirror of the hub that the goal wishes for; nullopt: the hub itself. With "auto" all are asked at once
// and the first to answer is taken, the hub included.
Result<std::optional<facts::Source>> hub_mirror(const Options& options, const Doors& doors, bool token) {
  const catalog::Source* place = catalog::built_in().source("huggingface");
  const char* named = std::getenv("HF_ENDPOINT");
  if (place == nullptr || (named != nullptr && *named != '\0')) return std::optional<facts::Source>();
  const goal::Goal goal = TRY(read_goal(options, doors.view));
  facts::Machine asked;
  asked.sources = {{.name = place->name, .url = place->url}};
  const auto mirrors = resolve::mirrors_of(asked.sources, goal, catalog::built_in());
  if (mirrors.empty()) return std::optional<facts::Source>();
  if (goal.mirrors != "auto") return std::optional(mirrors.front());
  // Who has a token wants what a mirror is not to be shown.
  if (token || options.offline) return std::optional<facts::Source>();
  asked.sources.insert(asked.sources.end(), mirrors.begin(), mirrors.end());
  ask_sources(asked);
  const auto first = asked.sources.begin() + 1;
  const auto taken = resolve::settled({asked.sources.begin(), first}, {first, asked.sources.end()}, goal);
  return taken.front().mirror.empty() ? std::optional<facts::Source>() : std::optional(taken.front());
}

// Where it is asked, and with which token: a mirror of [mirrors] is shown none.
Result<> find_hub(const Options& options, const Doors& doors, const facts::User& user, host::Hub& hub) {
  hub.token = TRY(host::hub_token(doors.view, user.home));
  const auto mirror = TRY(hub_mirror(options, doors, hub.token.has_value()));
  if (!mirror) {
    hub.endpoint = TRY(usual_hub());
    return ok;
  }
  hub.endpoint = mirror->url;
  while (hub.endpoint.ends_with('/')) hub.endpoint.pop_back();
  say(options,
      fmt::format("the hub is asked by way of the mirror {} ({}); files are held against the hashes "
                  "that it gives{}",
                  mirror->mirror, hub.endpoint,
                  hub.token ? ", and it is not shown your token: HF_ENDPOINT names a hub that is" : ""));
  hub.token.reset();
  return ok;
}

}  // namespace

Result<HubModel> ask_model(const Options& options, const Doors& doors, const facts::User& user) {
  HubModel model;
  model.name = TRY(stacks::parse_repo_name(options.words.at(1)));
  const stacks::Layout layout = TRY(layout_of(options.only));
  if (!doors.view.exists("/usr/bin/curl"))
    return Error(Errc::absent, "/usr/bin/curl is not here to ask a hub with: install the package curl");
  TRY(find_hub(options, doors, user, model.hub));
  model.run = [&doors](const host::Command& command) { return doors.view.ask(command); };
  std::string revision = host::url_part(model.name.revision);  // a branch's name may hold a slash
  for (std::size_t at = revision.find('/'); at != std::string::npos; at = revision.find('/', at))
    revision.replace(at, 1, "%2F");
  const std::string path = fmt::format("/api/models/{}/revision/{}?blobs=true", model.name.repo, revision);
  model.repo = TRY(stacks::parse_repo(TRY(body_of(model, {.path = path}))).within(model.hub.endpoint));
  // A repository that was renamed goes on under the name that it was asked by.
  model.repo.id = model.name.repo;
  model.wanted = stacks::wanted_files(model.repo, layout);
  if (model.wanted.empty())
    return Error(Errc::absent,
                 fmt::format("{}: holds nothing of what --only {} names", model.name.repo, options.only));
  const std::string& repo = model.name.repo;
  model.target = absolute(options.to.empty() ? repo.substr(repo.rfind('/') + 1) : options.to);
  model.free_bytes = TRY(doors.view.space(model.target)).free_bytes;
  return model;
}

report::HubSide side_of(const HubModel& model) {
  report::HubSide side{.endpoint = model.hub.endpoint,
                       .repository = model.name.repo,
                       .revision = model.name.revision,
                       .commit = model.repo.commit,
                       .licence = model.repo.licence,
                       .gated = model.repo.gated,
                       .token_from = model.hub.token ? model.hub.token->from : "",
                       .target = model.target,
                       .free_bytes = model.free_bytes,
                       .files = model.wanted};
  return side;
}

Result<> check_gate(const HubModel& model) {
  const auto& least = *std::ranges::min_element(model.wanted, {}, &stacks::RepoFile::size);
  const host::HubAnswer answer =
      TRY(host::ask_hub(model.hub, model.run, {.path = file_path(model, least.path), .head = true}));
  if (const auto trouble = host::hub_trouble(model.hub, model.name.repo, answer)) return *trouble;
  return ok;
}

bool names_repository(const host::View& view, const std::string& word) {
  if (word.starts_with('/') || word.starts_with('.') || word.starts_with('~')) return false;
  return !view.exists(absolute(word)) && stacks::parse_repo_name(word);
}

ModelFiles files_in(const host::View& view, const std::string& directory) {
  const std::string base = directory + "/";
  return {.where = base,
          .names = [&view, directory] { return view.list(directory); },
          .read = [&view, base](const std::string& name) { return view.read(base + name); },
          .part = [&view, base](const std::string& name, std::uint64_t offset,
                                std::size_t size) { return view.read_part(base + name, offset, size); },
          // Read and not asked for its size: the hub's cache is made of links.
          .has_bytes = [&view, base](const std::string& name, std::uint64_t size) -> Result<bool> {
            return !TRY(view.read_part(base + name, size - 1, 1)).empty();
          }};
}

ModelFiles files_on(const HubModel& model) {
  const auto absent = [](const std::string& name) {
    return Error(Errc::absent, name + ": the repository has none");
  };
  return {
      .where = model.name.repo + "/",
      .names = [model]() -> Result<std::vector<std::string>> {
        std::vector<std::string> names;
        for (const stacks::RepoFile& file : model.repo.files) {
          if (file.path.find('/') == std::string::npos) names.push_back(file.path);
        }
        return names;
      },
      .read = [model, absent](const std::string& name) -> Result<std::string> {
        if (find(model.repo, name) == nullptr) return absent(name);
        return body_of(model, {.path = file_path(model, name)});
      },
      .part = [model, absent, parts = std::make_shared<Parts>(model)](
                  const std::string& name, std::uint64_t offset, std::size_t size) -> Result<std::string> {
        if (find(model.repo, name) == nullptr) return absent(name);
        return parts->get(name, offset, size);
      },
      .has_bytes = [model, absent](const std::string& name, std::uint64_t size) -> Result<bool> {
        const stacks::RepoFile* file = find(model.repo, name);
        return file == nullptr ? Result<bool>(absent(name)) : Result<bool>(file->size >= size);
      }};
}

}  // namespace bringup::cli
