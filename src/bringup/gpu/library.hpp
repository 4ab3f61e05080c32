// SPDX-License-Identifier: Apache-2.0
#pragma once
// A vendor library as an object: opened by name, its functions bound by a table, closed by its destructor.

#include <bringup/base/result.hpp>

#include <dlfcn.h>
#include <memory>
#include <string>

namespace bringup::gpu {

class Library {
 public:
  // Errc::absent when the dynamic linker does not find it.
  static Result<Library> open(const std::string& name) {
    void* handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) return Library(handle);
    const char* why = ::dlerror();
    return Error(Errc::absent, why == nullptr ? name + ": cannot be opened" : why);
  }

  // Puts the function `name` into `slot`, whose type is the function's own. Errc::unsupported when the
  // library has no such function.
  template <typename F>
  Result<> bind(F*& slot, const char* name) const {
    slot = reinterpret_cast<F*>(::dlsym(handle_.get(), name));
    return bound(slot != nullptr, name);
  }
  // The same for one that older libraries lack; the slot stays null then.
  template <typename F>
  void bind_optional(F*& slot, const char* name) const {
    slot = reinterpret_cast<F*>(::dlsym(handle_.get(), name));
  }
  // The file that was opened.
  std::string path_of(const void* symbol) const {
    Dl_info info{};
    return ::dladdr(symbol, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "";
  }

 private:
  struct Close {
    void operator()(void* handle) const { ::dlclose(handle); }
  };
  // Out of line: it is called for each of hundreds of functions.
  [[gnu::noinline]] static Result<> bound(bool found, const char* name) {
    if (!found) return Error(Errc::unsupported, std::string("the library has no function ") + name);
    return ok;
  }
  explicit Library(void* handle) : handle_(handle) {}
  std::unique_ptr<void, Close> handle_;
};

}  // namespace bringup::gpu
