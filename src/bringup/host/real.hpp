// SPDX-License-Identifier: Apache-2.0
#pragma once
// The real doors with another directory for "/": for tests, which so use the very code that ships.

#include <bringup/host/control.hpp>

namespace bringup::host {

std::unique_ptr<View> real_view_below(const std::string& root);
std::unique_ptr<Control> real_control_below(const std::string& root);

}  // namespace bringup::host
