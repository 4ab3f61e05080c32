// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model in a directory, weighed: for the verb model, and before a stack trains it.

#include <bringup/facts/machine.hpp>
#include <bringup/host/view.hpp>
#include <bringup/report/model.hpp>

namespace bringup::cli {

// An option's whole number above 0; Errc::usage for anything else.
Result<std::int64_t> number_of(std::string_view option, const std::string& text);

// Its shape, its parameters and the memory that each use takes; a context of 0 is the model's own, at most
// 8192. Errc::unsupported for what is no directory of a model.
Result<report::ModelPlan> weigh_model(const host::View& view, const std::string& directory,
                                      stacks::MemoryAsk ask);

// The smallest GPU decides; NVML knows the card, the catalog the product. nullopt: none that can be seen.
std::optional<std::uint64_t> smallest_gpu(const facts::Machine& machine);

}  // namespace bringup::cli
