// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the parts of a plan put their steps in.

#include <bringup/facts/machine.hpp>
#include <bringup/resolve/resolve.hpp>
#include <bringup/steps/step.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::plan {

inline bool to_do(resolve::Action action) {
  return action == resolve::Action::install || action == resolve::Action::upgrade;
}

inline std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

inline std::string manager_of(const facts::Machine& machine) {
  return machine.packages.manager == "rpm" ? "dnf" : "apt";
}

// Collects steps; each new one may need those that were added under the names given, as far as they were
// added at all.
class Builder {
 public:
  void add(steps::Step step, std::vector<std::string> after = {}) {
    for (std::string& id : after) {
      if (has(id)) step.needs.push_back(std::move(id));
    }
    steps_.push_back(std::move(step));
  }
  bool has(std::string_view id) const {
    return std::ranges::find(steps_, id, &steps::Step::id) != steps_.end();
  }
  std::vector<steps::Step> take() { return std::move(steps_); }

 private:
  std::vector<steps::Step> steps_;
};

// What packages of a source that is added need first.
inline const std::vector<std::string> kSourceSteps{"archive-component", "vendor-source", "vendor-pin"};

// The driver's packages, what keeps them and the kernel as they are, its key and its module (driver.cpp).
void add_driver_steps(Builder& builder, const facts::Machine& machine, const resolve::Choice& choice);

// What boards with NVSwitches need beside the driver (fabric.cpp); no service: nothing.
struct FabricNeed {
  std::vector<std::string> packages;  // to install; empty when what is there fits
  std::string service;
  bool from_vendor = false;  // out of NVIDIA's own repository
};
FabricNeed fabric_need(const facts::Machine& machine, const goal::Goal& goal, const catalog::Catalog& catalog,
                       const resolve::Choice& choice);
void add_fabric_steps(Builder& builder, const facts::Machine& machine, const FabricNeed& need,
                      const resolve::Choice& choice);

}  // namespace bringup::plan
