// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/result.hpp>

#include <stdexcept>

namespace bringup::base {

void wrong_half() {
  throw std::logic_error(
      "a result was taken for what it is not: a value for an error, or an error for a value");
}

}  // namespace bringup::base
