// SPDX-License-Identifier: Apache-2.0
#pragma once
// The one written form of the native proof: what children hand over, what `verify --json` shows and what a
// later run is compared with.

#include <bringup/facts/native.hpp>

#include <string>
#include <string_view>

namespace bringup::facts {

std::string native_to_json(const Reading<NativeProof>& proof);
// Errc::malformed for a text that is none; the error inside for a proof that could not be made.
Reading<NativeProof> native_from_json(std::string_view json);

// Of single GPUs, pairs and collectives, for what passes between processes. One line each.
template <typename T>
std::string part_to_json(const T& part);
template <typename T>
Reading<T> part_from_json(std::string_view json);

extern template std::string part_to_json(const NativeGpu&);
extern template std::string part_to_json(const std::vector<NativePair>&);
extern template std::string part_to_json(const std::vector<Collective>&);
extern template std::string part_to_json(const std::vector<CollectiveStep>&);
extern template Reading<NativeGpu> part_from_json(std::string_view);
extern template Reading<std::vector<NativePair>> part_from_json(std::string_view);
extern template Reading<std::vector<Collective>> part_from_json(std::string_view);
extern template Reading<std::vector<CollectiveStep>> part_from_json(std::string_view);

}  // namespace bringup::facts
