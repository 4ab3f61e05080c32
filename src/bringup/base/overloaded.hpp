// SPDX-License-Identifier: Apache-2.0
#pragma once
// One visitor made of several lambdas: std::visit(overloaded{[](A) {...}, [](B) {...}}, value).

namespace bringup::base {

template <typename... F>
struct overloaded : F... {
  using F::operator()...;
};
template <typename... F>
overloaded(F...) -> overloaded<F...>;  // clang 14 needs the guide

}  // namespace bringup::base
