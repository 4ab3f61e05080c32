// SPDX-License-Identifier: Apache-2.0
#pragma once
// A recorded machine: files/ (a tree as seen from "/"), answers/ (what programs said), gpus.json (what NVML
// said), recording.toml.

#include <bringup/host/view.hpp>

namespace bringup::host {

// Opens the recording in `directory`; errors name what is missing.
Result<std::unique_ptr<View>> open_recording(const std::string& directory);

// The file name below answers/ that holds the answer to `argv`: the words joined by "_", every other
// character than letters, digits, ".", "-" and "+" made "~", cut to 150 characters.
std::string answer_name(const std::vector<std::string>& argv);

// The content of one answer file, and back: first line "exit N", then "out <bytes>", the bytes, "err
// <bytes>", the bytes.
std::string encode_answer(const Outcome& outcome);
Result<Outcome> decode_answer(std::string_view text);

}  // namespace bringup::host
