// SPDX-License-Identifier: Apache-2.0
#include <bringup/host/signature.hpp>

#include <array>
#include <cstddef>
#include <dlfcn.h>

namespace bringup::host {
namespace {

// What is used of OpenSSL's EVP interface; the same since 1.1.1.
struct Crypto {
  void* (*new_key)(int, void*, const unsigned char*, std::size_t) = nullptr;
  void (*free_key)(void*) = nullptr;
  void* (*new_context)() = nullptr;
  void (*free_context)(void*) = nullptr;
  int (*begin)(void*, void**, const void*, void*, void*) = nullptr;
  int (*verify)(void*, const unsigned char*, std::size_t, const unsigned char*, std::size_t) = nullptr;
};

constexpr int kEd25519 = 1087;  // EVP_PKEY_ED25519

template <typename F>
bool find(void* library, const char* name, F& function) {
  function =
      reinterpret_cast<F>(::dlsym(library, name));  // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast)
  return function != nullptr;
}

Result<Crypto> open_crypto() {
  // Absolute names first: what LD_LIBRARY_PATH offers is not asked who signs.
  constexpr std::array kNames{"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
                              "/usr/lib64/libcrypto.so.3",
                              "/lib64/libcrypto.so.3",
                              "/usr/lib/x86_64-linux-gnu/libcrypto.so.1.1",
                              "/usr/lib64/libcrypto.so.1.1",
                              "libcrypto.so.3",
                              "libcrypto.so.1.1"};
  for (const char* name : kNames) {
    void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    Crypto crypto;
    if (library != nullptr && find(library, "EVP_PKEY_new_raw_public_key", crypto.new_key) &&
        find(library, "EVP_PKEY_free", crypto.free_key) &&
        find(library, "EVP_MD_CTX_new", crypto.new_context) &&
        find(library, "EVP_MD_CTX_free", crypto.free_context) &&
        find(library, "EVP_DigestVerifyInit", crypto.begin) &&
        find(library, "EVP_DigestVerify", crypto.verify))
      return crypto;
  }
  return Error(Errc::unsupported,
               "no libcrypto of OpenSSL 1.1.1 or later is here to check a signature with: install libssl3 or "
               "openssl-libs");
}

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(
      text.data());  // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast)
}

}  // namespace

Result<bool> ed25519_ok(const std::string& key, std::string_view message, const std::string& signature) {
  if (key.size() != 32 || signature.size() != 64)
    return Error(Errc::malformed, "a key of Ed25519 has 32 bytes, and a signature 64");
  const Crypto crypto = TRY(open_crypto());
  void* public_key = crypto.new_key(kEd25519, nullptr, bytes(key), key.size());
  void* context = crypto.new_context();
  const bool ready = public_key != nullptr && context != nullptr &&
                     crypto.begin(context, nullptr, nullptr, nullptr, public_key) == 1;
  const bool good = ready && crypto.verify(context, bytes(signature), signature.size(), bytes(message),
                                           message.size()) == 1;
  crypto.free_context(context);
  crypto.free_key(public_key);
  if (!ready) return Error(Errc::unsupported, "the libcrypto that is here knows no Ed25519");
  return good;
}

}  // namespace bringup::host
