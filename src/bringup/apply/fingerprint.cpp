// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/fingerprint.hpp>
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::apply {
namespace {

Result<std::string> decode_base64(std::string_view text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    const std::size_t value = kDigits.find(c);
    if (value == std::string_view::npos)
      return Error(Errc::malformed, "the key's armour holds a character that is not base64");
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xFFU);
  }
  return out;
}

Result<std::string> without_armour(std::string_view bytes) {
  const std::size_t begin = bytes.find("-----BEGIN PGP PUBLIC KEY BLOCK-----");
  if (begin == std::string_view::npos) return std::string(bytes);
  std::string body;
  bool in_body = false;
  for (const std::string_view line : base::lines(bytes.substr(begin))) {
    if (line.starts_with("-----END")) return decode_base64(body);
    if (in_body && line.starts_with("=")) continue;  // checksum of the armour
    if (in_body) body += base::trim(line);
    if (base::trim(line).empty()) in_body = true;  // headers end at the empty line
  }
  return Error(Errc::malformed, "the key's armour has no end");
}

struct Packet {
  unsigned tag = 0;
  std::string_view body;
};

// Takes one packet off the front.
Result<Packet> take_packet(std::string_view& rest) {
  const Error cut(Errc::malformed, "the key is cut off");
  const auto byte = [&rest](std::size_t at) {
    return static_cast<unsigned>(static_cast<unsigned char>(rest[at]));
  };
  if ((byte(0) & 0x80U) == 0) return Error(Errc::malformed, "no OpenPGP key");
  const bool is_new = (byte(0) & 0x40U) != 0;
  Packet packet{.tag = is_new ? byte(0) & 0x3FU : (byte(0) >> 2U) & 0x0FU, .body = {}};
  std::size_t head = 2;
  std::size_t size = 0;
  if (rest.size() < 6 && rest.size() < 2) return cut;
  const std::size_t length_bytes = is_new ? (byte(1) < 192   ? 0
                                             : byte(1) < 224 ? 1
                                                             : 4)
                                          : std::array<std::size_t, 4>{1, 2, 4, 99}[byte(0) & 3U];
  if (length_bytes == 99 || (is_new && byte(1) >= 224 && byte(1) != 255))
    return Error(Errc::unsupported, "the key has a packet of unknown length");
  if (rest.size() < 2 + length_bytes) return cut;
  if (is_new && length_bytes == 0)
    size = byte(1);
  else if (is_new && length_bytes == 1)
    size = ((byte(1) - 192U) << 8U) + byte(2) + 192U, head = 3;
  else {
    const std::size_t from = is_new ? 2 : 1;
    for (std::size_t i = 0; i < length_bytes; ++i) size = size << 8U | byte(from + i);
    head = from + length_bytes;
  }
  if (rest.size() < head || rest.size() - head < size) return cut;
  packet.body = rest.substr(head, size);
  rest.remove_prefix(head + size);
  return packet;
}

}  // namespace

Result<std::vector<std::string>> key_fingerprints(std::string_view bytes) {
  constexpr unsigned kPublicKey = 6;
  const std::string raw = TRY(without_armour(bytes));
  std::string_view rest(raw);
  std::vector<std::string> found;
  while (!rest.empty()) {
    const Packet packet = TRY(take_packet(rest));
    if (packet.tag != kPublicKey) continue;
    if (packet.body.empty() || packet.body[0] != 4)
      return Error(Errc::unsupported, "the key is not of version 4");
    std::string hashed = "\x99";
    hashed += static_cast<char>(packet.body.size() >> 8U);
    hashed += static_cast<char>(packet.body.size() & 0xFFU);
    hashed += packet.body;
    std::string fingerprint = base::sha1_hex(hashed);
    std::ranges::transform(fingerprint, fingerprint.begin(),
                           [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
    found.push_back(std::move(fingerprint));
  }
  if (found.empty()) return Error(Errc::malformed, "no public key in it");
  return found;
}

Result<> check_fingerprint(std::string_view bytes, std::string_view wanted) {
  const auto found = TRY(key_fingerprints(bytes));
  if (found.size() != 1) return Error(Errc::refused, fmt::format("{} keys, expected one", found.size()));
  if (found.front() != wanted)
    return Error(Errc::refused,
                 fmt::format("the key's fingerprint is {} and should be {}", found.front(), wanted));
  return ok;
}

}  // namespace bringup::apply
