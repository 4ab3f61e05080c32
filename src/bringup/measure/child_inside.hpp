// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a forked child does first. For .cpp files.

namespace bringup::measure {

// Dies with its parent, prints nowhere, has no file of its parent's open but `kept`, and heeds signals again.
// Returns where `kept` is now.
int become_child(int kept);

}  // namespace bringup::measure
