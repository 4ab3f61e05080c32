// SPDX-License-Identifier: Apache-2.0
// Room for packages, looked at before the first is fetched: a disk that fills between two of them leaves dpkg
// half-way.
#include <bringup/apply/packages.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

constexpr const char* kArchives = "/var/cache/apt/archives";

// Free space on the file system of `path`; none when it cannot be told, which refuses nothing.
std::optional<host::DiskSpace> space_at(const host::View& view, const char* path) {
  const auto space = view.space(path);
  return space && space->total_bytes > 0 ? std::optional(*space) : std::nullopt;
}

Error too_little(std::string_view what, std::uint64_t needed, std::string_view where, std::uint64_t free) {
  return {Errc::io,
          fmt::format("{} needs {} below {}, and {} is free there; nothing was installed. Make room, then "
                      "'bringup resume'",
                      what, base::human_bytes(needed), where, base::human_bytes(free))};
}

}  // namespace

Room parse_apt_sizes(std::string_view output) {
  Room room;
  for (const std::string_view line : base::lines(output)) {
    const auto words = base::words(line);
    if (words.size() < 2) continue;
    const auto number =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, base::to_integer(words[1]).value_or(0)));
    if (words[0] == "Installed-Size:") room.unpacked += number * 1024;  // deb-control(5): in KiB
    if (words[0] == "Size:") room.archives += number;
  }
  return room;
}

Result<> check_room(const Room& room, const host::View& view) {
  const auto system = space_at(view, "/usr");
  const auto archives = space_at(view, kArchives);
  if (!system) return ok;
  // File systems are told apart by their figures: two of the same size with the same room are taken for one,
  // which asks for more than is needed and never for less.
  const bool one =
      archives && archives->total_bytes == system->total_bytes && archives->free_bytes == system->free_bytes;
  const std::uint64_t needed = room.unpacked + (one ? room.archives : 0);
  if (needed > system->free_bytes)
    return too_little("installing these packages", needed, "/usr", system->free_bytes);
  if (archives && room.archives > archives->free_bytes)
    return too_little("fetching these packages", room.archives, kArchives, archives->free_bytes);
  return ok;
}

Result<> check_room_at(const char* path, const Room& room, const host::View& view) {
  const auto space = space_at(view, path);
  if (!space || room.unpacked <= space->free_bytes) return ok;
  return too_little("the unpacked repository", room.unpacked, path, space->free_bytes);
}

Result<> check_boot_room(const std::vector<std::string>& releases, const host::View& view) {
  const auto boot = space_at(view, "/boot");
  if (!boot) return ok;
  for (const std::string& release : releases) {
    // The new image is written beside the old one before it takes its place.
    const auto image = view.status(fmt::format("/boot/initrd.img-{}", release));
    if (image && image->size > boot->free_bytes)
      return too_little(fmt::format("the new start image of kernel {}", release), image->size, "/boot",
                        boot->free_bytes);
  }
  return ok;
}

}  // namespace bringup::apply
