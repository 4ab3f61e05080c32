// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/digest.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace bringup::base {
namespace {

std::uint32_t big_endian(const char* at) {
  const auto byte = [at](int i) { return std::uint32_t{static_cast<unsigned char>(at[i])}; };
  return byte(0) << 24U | byte(1) << 16U | byte(2) << 8U | byte(3);
}

constexpr std::array<std::uint32_t, 64> kRound{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

using State = std::array<std::uint32_t, 8>;
constexpr std::size_t kBlock = 64;

void take_sha256(State& state, const char* block) {
  std::array<std::uint32_t, 64> w{};
  for (std::size_t i = 0; i < 16; ++i) w[i] = big_endian(block + 4 * i);
  for (std::size_t i = 16; i < 64; ++i) {
    const std::uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3U);
    const std::uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10U);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = state;
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const std::uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + kRound[i] + w[i];
    const std::uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const std::uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  const State add{a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) state[i] += add[i];
}

// The last three words of the state are not SHA-1's.
void take_sha1(State& state, const char* block) {
  std::array<std::uint32_t, 80> w{};
  for (std::size_t i = 0; i < 16; ++i) w[i] = big_endian(block + 4 * i);
  for (std::size_t i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  auto [a, b, c, d, e, unused0, unused1, unused2] = state;
  for (std::size_t i = 0; i < 80; ++i) {
    const std::uint32_t f = i < 20   ? ((b & c) | (~b & d))
                            : i < 40 ? (b ^ c ^ d)
                            : i < 60 ? ((b & c) | (b & d) | (c & d))
                                     : (b ^ c ^ d);
    const std::uint32_t k = i < 20 ? 0x5a827999U : i < 40 ? 0x6ed9eba1U : i < 60 ? 0x8f1bbcdcU : 0xca62c1d6U;
    const std::uint32_t t = std::rotl(a, 5) + f + e + k + w[i];
    e = d, d = c, c = std::rotl(b, 30), b = a, a = t;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

std::string hex_of(Digest::Kind kind, std::string_view bytes) {
  Digest digest(kind);
  digest.add(bytes);
  return digest.hex();
}

}  // namespace

Digest::Digest(Kind kind) : kind_(kind) {
  if (kind == Kind::sha256)
    state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  else
    state_ = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
}

void Digest::take(const char* block) {
  kind_ == Kind::sha256 ? take_sha256(state_, block) : take_sha1(state_, block);
}

void Digest::add(std::string_view bytes) {
  const std::size_t used = size_ % kBlock;
  size_ += bytes.size();
  if (used > 0) {
    const std::size_t more = std::min(bytes.size(), kBlock - used);
    std::ranges::copy(bytes.substr(0, more), rest_.begin() + static_cast<std::ptrdiff_t>(used));
    bytes.remove_prefix(more);
    if (used + more < kBlock) return;
    take(rest_.data());
  }
  for (; bytes.size() >= kBlock; bytes.remove_prefix(kBlock)) take(bytes.data());
  std::ranges::copy(bytes, rest_.begin());
}

// Both hashes pad alike: 0x80, zeros, the length in bits as 64 bits, big-endian, to a multiple of 64 bytes.
std::string Digest::hex() {
  const std::uint64_t bits = size_ * 8;
  std::string padding(1, '\x80');
  padding.append((kBlock + 55 - size_ % kBlock) % kBlock, '\0');
  for (int shift = 56; shift >= 0; shift -= 8)
    padding += static_cast<char>((bits >> static_cast<unsigned>(shift)) & 0xFFU);
  add(padding);
  std::string out;
  for (std::size_t i = 0; i < (kind_ == Kind::sha256 ? 8U : 5U); ++i) out += fmt::format("{:08x}", state_[i]);
  return out;
}

std::string sha256_hex(std::string_view bytes) {
  return hex_of(Digest::Kind::sha256, bytes);
}
std::string sha1_hex(std::string_view bytes) {
  return hex_of(Digest::Kind::sha1, bytes);
}

namespace {
bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
}  // namespace

bool is_sha256(std::string_view text) {
  return is_hex(text, 64);
}
bool is_sha1(std::string_view text) {
  return is_hex(text, 40);
}

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
  }
  return ~crc;
}

}  // namespace bringup::base
