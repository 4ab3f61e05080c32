// SPDX-License-Identifier: Apache-2.0
// Prototypes and constants are NVML's public interface (docs.nvidia.com/deploy/nvml-api).
#include <bringup/gpu/nvml_peers.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace bringup::gpu {
namespace {

using Handle = void*;
constexpr int kSuccess = 0;
constexpr int kNotSupported = 3;
constexpr int kNoPermission = 4;
constexpr unsigned kMostNvlinks = 18;
constexpr unsigned kActive = 1;
constexpr int kRead = 0;  // NVML_P2P_CAPS_INDEX_READ
constexpr int kCan = 0;   // NVML_P2P_STATUS_OK

struct Api {
  int (*handle)(unsigned, Handle*) = nullptr;
  const char* (*error_string)(int) = nullptr;
  int (*nvlink_state)(Handle, unsigned, unsigned*) = nullptr;
  int (*remote_type)(Handle, unsigned, int*) = nullptr;
  int (*remote_pci)(Handle, unsigned, PciInfo*) = nullptr;
  int (*p2p)(Handle, Handle, int, int*) = nullptr;

  Error no(int code) const {
    const Errc kind = code == kNotSupported   ? Errc::unsupported
                      : code == kNoPermission ? Errc::denied
                                              : Errc::failed;
    const char* words = error_string == nullptr ? nullptr : error_string(code);
    return {kind, fmt::format("NVML: {} ({})", words == nullptr ? "error" : words, code)};
  }
};

Error missing() {
  return {Errc::unsupported, "this version of NVML does not have it"};
}

facts::NvlinkEnd end_of(int type) {
  return type == 0 ? facts::NvlinkEnd::gpu : type == 2 ? facts::NvlinkEnd::nvswitch : facts::NvlinkEnd::other;
}

void add(std::vector<facts::NvlinkPeer>& peers, std::string pci, facts::NvlinkEnd kind) {
  const auto known = std::ranges::find(peers, pci, &facts::NvlinkPeer::pci);
  if (known == peers.end())
    peers.push_back({.pci = std::move(pci), .kind = kind, .links = 1});
  else
    ++known->links;
}

facts::Reading<std::vector<facts::NvlinkPeer>> nvlink_peers(const Api& api, Handle handle) {
  if (api.nvlink_state == nullptr || api.remote_type == nullptr || api.remote_pci == nullptr)
    return missing();
  std::vector<facts::NvlinkPeer> peers;
  for (unsigned link = 0; link < kMostNvlinks; ++link) {
    unsigned state = 0;
    const int code = api.nvlink_state(handle, link, &state);
    if (code != kSuccess && link == 0) return api.no(code);
    if (code != kSuccess) break;  // past the last one
    if (state != kActive) continue;
    int type = -1;
    PciInfo pci{};
    if (const int no = api.remote_type(handle, link, &type); no != kSuccess) return api.no(no);
    if (const int no = api.remote_pci(handle, link, &pci); no != kSuccess) return api.no(no);
    add(peers, kernel_address(pci), end_of(type));
  }
  std::ranges::sort(peers, {}, &facts::NvlinkPeer::pci);
  return peers;
}

facts::Reading<std::vector<std::string>> reads_from(const Api& api, const std::vector<Handle>& handles,
                                                    const std::vector<facts::NvmlGpu>& gpus,
                                                    std::size_t reader) {
  if (api.p2p == nullptr) return missing();
  std::vector<std::string> addresses;
  for (std::size_t other = 0; other < gpus.size(); ++other) {
    if (other == reader || handles[other] == nullptr) continue;
    int status = -1;
    if (const int code = api.p2p(handles[reader], handles[other], kRead, &status); code != kSuccess)
      return api.no(code);
    if (status == kCan) addresses.push_back(gpus[other].pci);
  }
  return addresses;
}

}  // namespace

std::string kernel_address(const PciInfo& pci) {
  std::string_view bus_id(pci.bus_id.data(), ::strnlen(pci.bus_id.data(), pci.bus_id.size()));
  if (bus_id.size() == 16 && bus_id.starts_with("0000")) bus_id.remove_prefix(4);
  std::string address(bus_id);
  for (char& c : address) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return address;
}

void read_peers(const Library& library, std::vector<facts::NvmlGpu>& gpus) {
  Api api;
  library.bind_optional(api.handle, "nvmlDeviceGetHandleByIndex_v2");
  library.bind_optional(api.error_string, "nvmlErrorString");
  library.bind_optional(api.nvlink_state, "nvmlDeviceGetNvLinkState");
  library.bind_optional(api.remote_type, "nvmlDeviceGetNvLinkRemoteDeviceType");
  library.bind_optional(api.remote_pci, "nvmlDeviceGetNvLinkRemotePciInfo_v2");
  library.bind_optional(api.p2p, "nvmlDeviceGetP2PStatus");
  std::vector<Handle> handles(gpus.size(), nullptr);
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    // A GPU that did not answer before keeps that reason.
    const bool known = api.handle != nullptr && !gpus[i].pci.empty();
    if (!known || api.handle(static_cast<unsigned>(gpus[i].index), &handles[i]) != kSuccess)
      handles[i] = nullptr;
  }
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    if (handles[i] == nullptr) continue;
    gpus[i].nvlink_peers = nvlink_peers(api, handles[i]);
    gpus[i].reads_from = reads_from(api, handles, gpus, i);
  }
}

}  // namespace bringup::gpu
