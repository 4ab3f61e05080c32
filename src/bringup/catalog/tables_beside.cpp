// SPDX-License-Identifier: Apache-2.0
// The tables beside the chain itself: companions of torch, stacks, the toolkit on PyPI, services of NVLink
// fabrics, installers of conda, keys and mirrors.
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>
#include <bringup/catalog/row.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::catalog {
namespace {

constexpr std::array<std::string_view, 9> kMirrored{
    "conda", "cuda", "debian", "debian-security", "huggingface", "miniforge", "pypi", "pytorch", "ubuntu"};

Result<> check_requirements(const Row& row, const std::vector<std::string>& texts) {
  constexpr std::array<std::string_view, 6> kRelations{"", "==", ">=", "<=", ">", "<"};
  for (const std::string& text : texts) {
    const Requirement one = requirement_of(text);
    const bool known = std::ranges::find(kRelations, std::string_view(one.relation)) != kRelations.end();
    if (one.package.empty() || !known || one.relation.empty() != one.version.empty())
      return row.bad(fmt::format("'{}' is no package with or without a version", text));
  }
  return ok;
}

// A companion is neither its own company, nor refuses what must be installed with it.
Result<> check_company(const Row& row, const Companion& one) {
  for (const auto* list : {&one.also, &one.refuses}) {
    for (const std::string& text : *list) {
      if (requirement_of(text).package == one.package)
        return row.bad(fmt::format("'{}' names {} itself", text, one.package));
    }
  }
  for (const std::string& text : one.also) {
    const Requirement with = requirement_of(text);
    for (const std::string& refused : one.refuses) {
      const Requirement without = requirement_of(refused);
      if (without.package == with.package && (without.relation.empty() || speaks_of(without, with.version)))
        return row.bad(fmt::format("'{}' must be there and '{}' must not", text, refused));
    }
  }
  return ok;
}

// "exllamav2.ext": words of Python's with dots between them; "" for none.
bool is_module(std::string_view text) {
  if (text.empty()) return true;
  for (const std::string_view word : base::split(text, '.')) {
    const bool clean = !word.empty() && std::ranges::all_of(word, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (!clean) return false;
  }
  return true;
}

Result<> check_torches(const Row& row, const Catalog& catalog, const std::vector<std::string>& torches) {
  for (const std::string& torch : torches) {
    const bool there = std::ranges::any_of(catalog.wheels,
                                           [&torch](const WheelSet& set) { return set.torch.text == torch; });
    if (!there) return row.bad(fmt::format("torch {} is in no row of wheels.toml", torch));
  }
  return ok;
}

Result<> check_https(const Row& row, const std::string& url) {
  if (!url.starts_with("https://") || !url.ends_with('/'))
    return row.bad(fmt::format("{} is not https, or has no '/' at its end", url));
  return ok;
}

}  // namespace

Result<> check_fingerprint(const Row& row, const std::string& fingerprint) {
  const bool hex = std::ranges::all_of(
      fingerprint, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); });
  if (fingerprint.size() != 40 || !hex) return row.bad("fingerprint is not 40 upper-case hexadecimal digits");
  return ok;
}

Result<> read_pypi_toolkit(Row& row, Catalog& catalog) {
  PypiToolkit one{.version = TRY(row.version("version", 99)),
                  .packages = TRY(row.texts("packages", true)),
                  .works = TRY(row.flag_or("works", true)),
                  .note = TRY(row.text_or("note", "")),
                  .from = TRY(row.provenance())};
  if (one.packages.empty()) return row.bad("packages is empty");
  if (!one.works && one.note.empty()) return row.bad("a set that does not work has a note that says why");
  if (catalog.toolkit(one.version) == nullptr)
    return row.bad(fmt::format("toolkit {} is in no row of its own", one.version.text));
  if (!catalog.pypi_toolkits.empty() && catalog.pypi_toolkits.back().version < one.version)
    return row.bad("the toolkits on PyPI are sorted, the newest first");
  catalog.pypi_toolkits.push_back(std::move(one));
  return ok;
}

Result<> read_companions(std::string_view text, Catalog& catalog) {
  return each(text, "companions.toml", {"companion"}, [&catalog](std::string_view, Row& row) -> Result<> {
    Companion one{.package = TRY(row.text("package")),
                  .version = TRY(row.version("version", 999)).text,
                  .works_with = TRY(row.texts("works_with", false)),
                  .breaks_with = TRY(row.texts("breaks_with", false)),
                  .also = TRY(row.texts("also", false)),
                  .refuses = TRY(row.texts("refuses", false)),
                  .note = TRY(row.text_or("note", "")),
                  .from = TRY(row.provenance())};
    TRY(check_requirements(row, one.also));
    TRY(check_requirements(row, one.refuses));
    TRY(check_company(row, one));
    TRY(check_torches(row, catalog, one.works_with));
    TRY(check_torches(row, catalog, one.breaks_with));
    for (const std::string& torch : one.works_with) {
      if (std::ranges::find(one.breaks_with, torch) != one.breaks_with.end())
        return row.bad(fmt::format("torch {} stands in works_with and in breaks_with", torch));
    }
    if (!one.breaks_with.empty() && one.note.empty())
      return row.bad("breaks_with needs a note that says how");
    if (!catalog.companions.empty()) {
      const Companion& before = catalog.companions.back();
      const bool newer =
          before.package == one.package && *Version::parse(before.version) <= *Version::parse(one.version);
      if (before.package > one.package || newer)
        return row.bad("companions are sorted by package, the newest first, and unique");
    }
    catalog.companions.push_back(std::move(one));
    return ok;
  });
}

Result<> read_stacks(std::string_view text, Catalog& catalog) {
  return each(text, "stacks.toml", {"stack"}, [&catalog](std::string_view, Row& row) -> Result<> {
    Stack one{.name = TRY(row.text("name")),
              .use = TRY(row.text("use")),
              .summary = TRY(row.text("summary")),
              .packages = TRY(row.texts("packages", true)),
              .torches = TRY(row.texts("torches", true)),
              .notice = TRY(row.text_or("notice", "")),
              .extension = TRY(row.text_or("extension", "")),
              .imports = TRY(row.text_or("imports", "")),
              .min_cuda = {},
              .min_compute = {},
              .from = TRY(row.provenance())};
    if (row.has("min_compute")) one.min_compute = TRY(row.compute("min_compute"));
    if (row.has("min_cuda")) one.min_cuda = TRY(row.version("min_cuda", 99));
    if (one.min_cuda && one.extension.empty())
      return row.bad("min_cuda is about an extension, and there is none");
    if (one.use != "train" && one.use != "generate")
      return row.bad(fmt::format("use = \"{}\": expected train or generate", one.use));
    if (one.extension.empty() != one.imports.empty())
      return row.bad("extension and imports stand together: what is compiled, and the import that does it");
    if (!is_module(one.extension) || !is_module(one.imports))
      return row.bad("extension and imports are names of Python's, with dots between them");
    TRY(check_torches(row, catalog, one.torches));
    if (std::ranges::find(one.packages, "torch") == one.packages.end())
      return row.bad("packages has no torch without a version; torches says which");
    for (const std::string& package : one.packages) {
      const bool of_set = package == "torch" || package == "torchvision" || package == "torchaudio";
      if (!of_set && requirement_of(package).relation != "==")
        return row.bad(fmt::format("'{}' has no exact version", package));
    }
    if (!catalog.stacks.empty() && catalog.stacks.back().name >= one.name)
      return row.bad("stacks are sorted by name and unique");
    catalog.stacks.push_back(std::move(one));
    return ok;
  });
}

Result<> read_fabric(std::string_view text, Catalog& catalog) {
  return each(text, "fabric.toml", {"fabric"}, [&catalog](std::string_view, Row& row) -> Result<> {
    FabricService one{.name = TRY(row.text("name")),
                      .needed_by = TRY(row.text("needed_by")),
                      .detect = TRY(row.text("detect")),
                      .packages = TRY(row.texts("packages", true)),
                      .old_packages = TRY(row.texts("old_packages", false)),
                      .renamed_from = 0,
                      .same_version = TRY(row.flag_or("same_version", false)),
                      .modules = TRY(row.texts("modules", false)),
                      .service = TRY(row.text("service")),
                      .note = TRY(row.text_or("note", "")),
                      .from = TRY(row.provenance())};
    if (row.has("renamed_from")) one.renamed_from = TRY(row.number("renamed_from", 300, 999));
    if (one.old_packages.empty() != (one.renamed_from == 0))
      return row.bad("old_packages and renamed_from go together");
    if (one.renamed_from != 0 && catalog.branch(one.renamed_from) == nullptr)
      return row.bad(fmt::format("renamed_from {} is no driver branch", one.renamed_from));
    if (!catalog.fabric.empty() && catalog.fabric.back().name >= one.name)
      return row.bad("services are sorted by name and unique");
    catalog.fabric.push_back(std::move(one));
    return ok;
  });
}

Result<> read_installers(std::string_view text, Catalog& catalog) {
  return each(text, "installers.toml", {"installer"}, [&catalog](std::string_view, Row& row) -> Result<> {
    constexpr int kLargest = 2'000'000'000;
    Installer one{.name = TRY(row.text("name")),
                  .arch = TRY(row.text("arch")),
                  .version = TRY(row.version("version", 99)).text,
                  .file = TRY(row.text("file")),
                  .sha256 = TRY(row.text("sha256")),
                  .terms = TRY(row.text_or("terms", "")),
                  .from = TRY(row.provenance())};
    if (row.has("size")) one.size = TRY(row.number("size", 10'000'000, kLargest));
    if (!base::is_sha256(one.sha256)) return row.bad("sha256 is not 64 lower-case hexadecimal digits");
    if (catalog.source(one.name) == nullptr)
      return row.bad(fmt::format("{} is no source of sources.toml", one.name));
    if (!one.file.ends_with(".sh")) return row.bad(fmt::format("file {} does not end in .sh", one.file));
    if (!catalog.installers.empty() &&
        std::pair(catalog.installers.back().name, catalog.installers.back().arch) >=
            std::pair(one.name, one.arch))
      return row.bad("installers are sorted by name and arch, and unique");
    catalog.installers.push_back(std::move(one));
    return ok;
  });
}

Result<> read_keys(std::string_view text, Catalog& catalog) {
  return each(text, "keys.toml", {"key"}, [&catalog](std::string_view, Row& row) -> Result<> {
    SigningKey one{.file = TRY(row.text("file")),
                   .fingerprint = TRY(row.text("fingerprint")),
                   .used_by = TRY(row.text("used_by")),
                   .revoked = TRY(row.flag_or("revoked", false)),
                   .from = TRY(row.provenance())};
    TRY(check_fingerprint(row, one.fingerprint));
    if (std::ranges::find(catalog.keys, one.fingerprint, &SigningKey::fingerprint) != catalog.keys.end())
      return row.bad(fmt::format("the key {} stands twice", one.fingerprint));
    catalog.keys.push_back(std::move(one));
    return ok;
  });
}

Result<> read_mirrors(std::string_view text, Catalog& catalog) {
  return each(text, "mirrors.toml", {"mirror"}, [&catalog](std::string_view, Row& row) -> Result<> {
    Mirror one{.profile = TRY(row.text("profile")),
               .what = TRY(row.text("what")),
               .url = TRY(row.text("url")),
               .form = TRY(row.text_or("form", "")),
               .note = TRY(row.text_or("note", "")),
               .from = TRY(row.provenance())};
    TRY(check_https(row, one.url));
    if (std::ranges::find(kMirrored, std::string_view(one.what)) == kMirrored.end())
      return row.bad(fmt::format("what '{}' is nothing that is mirrored", one.what));
    const bool for_pip = one.what == "pypi" || one.what == "pytorch";
    if (for_pip ? one.form != "index" && one.form != "links" : !one.form.empty())
      return row.bad("form is index or links for pypi and pytorch, and nothing for the others");
    if (!catalog.mirrors.empty() && std::pair(catalog.mirrors.back().profile, catalog.mirrors.back().what) >=
                                        std::pair(one.profile, one.what))
      return row.bad("mirrors are sorted by profile and what, and unique");
    catalog.mirrors.push_back(std::move(one));
    return ok;
  });
}

}  // namespace bringup::catalog
