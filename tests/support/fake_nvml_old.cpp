// SPDX-License-Identifier: Apache-2.0
// An NVML from before most of what is asked for: only the functions that cannot be missing.
#define FAKE_NVML_OLD
#include "fake_nvml.cpp"
