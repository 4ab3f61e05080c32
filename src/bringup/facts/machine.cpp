// SPDX-License-Identifier: Apache-2.0
// What copies, moves and ends a machine, once: each file that holds one would compile it for itself.
#include <bringup/facts/machine.hpp>

namespace bringup::facts {

Machine::Machine() = default;
Machine::Machine(const Machine&) = default;
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(const Machine&) = default;
Machine& Machine::operator=(Machine&&) noexcept = default;
Machine::~Machine() = default;
bool Machine::operator==(const Machine&) const = default;

}  // namespace bringup::facts
