// SPDX-License-Identifier: Apache-2.0
#include <bringup/measure/libraries.hpp>

#include <unistd.h>

namespace bringup::measure {
namespace {

// `inside`: places in a site-packages folder of wheels; "../../" leads to conda's own lib.
std::vector<std::string> candidates(const std::vector<std::string>& site_packages,
                                    const std::vector<std::string>& inside,
                                    const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const std::string& folder : site_packages) {
    for (const std::string& place : inside) {
      std::string path = folder;
      path.append("/").append(place);
      if (::access(path.c_str(), R_OK) == 0) found.push_back(path);
    }
  }
  // A path is tried only where there is a file, so that an error about it is one about the file.
  for (const std::string& name : names) {
    if (!name.starts_with('/') || ::access(name.c_str(), R_OK) == 0) found.push_back(name);
  }
  return found;
}

}  // namespace

std::vector<std::string> cublaslt_in(const std::vector<std::string>& site_packages, bool elsewhere) {
  return candidates(site_packages,
                    {"nvidia/cu13/lib/libcublasLt.so.13", "nvidia/cublas/lib/libcublasLt.so.12",
                     "nvidia/cublas/lib/libcublasLt.so.11", "torch/lib/libcublasLt.so.11",
                     "../../libcublasLt.so.13", "../../libcublasLt.so.12"},
                    elsewhere ? std::vector<std::string>{"libcublasLt.so.13", "libcublasLt.so.12",
                                                         "/usr/local/cuda/lib64/libcublasLt.so.13",
                                                         "/usr/local/cuda/lib64/libcublasLt.so.12"}
                              : std::vector<std::string>());
}

std::vector<std::string> nccl_in(const std::vector<std::string>& site_packages, bool elsewhere) {
  return candidates(site_packages, {"nvidia/nccl/lib/libnccl.so.2", "../../libnccl.so.2"},
                    elsewhere ? std::vector<std::string>{"libnccl.so.2"} : std::vector<std::string>());
}

}  // namespace bringup::measure
