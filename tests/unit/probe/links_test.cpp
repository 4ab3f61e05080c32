// SPDX-License-Identifier: Apache-2.0
// Which CUDA libraries torch asks the loader for, and what else lies where it looks; files that are none, or
// hostile.
#include <bringup/probe/internal.hpp>

#include <gmock/gmock.h>

#include "tree.hpp"

namespace {

using namespace bringup;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing_support::Tree;

constexpr const char* kSite = "/home/user/dl/lib/python3.11/site-packages";

std::string torch_file() {
  return std::string(kSite) + "/torch/lib/libtorch_cuda.so";
}

// As the wheel of torch 2.11.0+cu130 has them.
facts::TorchLinks links(bool first) {
  return {.file = torch_file(),
          .needs = {"libcudart.so.13", "libcublas.so.13", "libcudnn.so.9", "libnccl.so.2"},
          .search = {std::string(kSite) + "/nvidia/cudnn/lib", std::string(kSite) + "/nvidia/cu13/lib",
                     std::string(kSite) + "/torch/lib"},
          .first = first};
}

TEST(TorchLinks, AreReadFromTheDynamicSection) {
  for (const bool first : {true, false}) {
    Tree tree;
    tree.file(torch_file(), probe::links_file(links(first)));
    const auto read = probe::read_links(tree.view(), torch_file());
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(*read, links(first));
  }
}

TEST(TorchLinks, LeaveOutTheDriverAndEverybodyElse) {
  facts::TorchLinks all = links(true);
  all.needs = {"libcuda.so.1", "libc.so.6", "libnccl.so", "libcublas.so.13"};
  all.search.emplace_back("/home/somebody/lib");
  Tree tree;
  tree.file(torch_file(), probe::links_file(all));
  const auto read = probe::read_links(tree.view(), torch_file());
  ASSERT_TRUE(read);
  EXPECT_THAT(read->needs, ElementsAre("libcublas.so.13"));
  EXPECT_EQ(read->search, links(true).search);  // what a recording keeps names nobody
}

TEST(TorchLinks, OfAnythingElseAreAnError) {
  const std::string whole = probe::links_file(links(true));
  Tree tree;
  EXPECT_EQ(probe::read_links(tree.view(), torch_file()).error().code(), Errc::absent);
  for (std::size_t size = 0; size < whole.size(); size += 3) {
    tree.file(torch_file(), whole.substr(0, size));
    static_cast<void>(probe::read_links(tree.view(), torch_file()));  // says something, and dies of nothing
  }
  for (std::size_t at = 16; at < whole.size(); at += 3) {
    std::string bent = whole;
    bent[at] = '\xff';
    tree.file(torch_file(), bent);
    static_cast<void>(probe::read_links(tree.view(), torch_file()));
  }
  tree.file(torch_file(), "#!/bin/sh\n" + std::string(100, ' '));
  EXPECT_EQ(probe::read_links(tree.view(), torch_file()).error().code(), Errc::unsupported);
}

facts::Machine machine_with(const std::string& line) {
  facts::Machine machine;
  machine.shells.settings = {
      {.file = "/home/user/.bashrc", .line = 3, .variable = "LD_LIBRARY_PATH", .text = line}};
  machine.envs = {
      {.path = "/home/user/dl", .site_packages = kSite, .torch = "2.11.0+cu130", .variant = "cu130"}};
  return machine;
}

TEST(LibraryDirectories, AreThoseThatLeadToCudaAndTorchsOwn) {
  Tree tree;
  tree.file(torch_file(), probe::links_file(links(true)));
  tree.file(std::string(kSite) + "/nvidia/cu13/lib/libcublas.so.13");
  tree.file("/usr/local/cuda/lib64/libcublas.so.12").file("/usr/local/cuda/lib64/libcublas.so");
  tree.file("/usr/local/cuda/lib64/libcudnn_graph.so.9").file("/usr/local/cuda/lib64/libcuda.so.1");
  facts::Machine machine =
      machine_with("export LD_LIBRARY_PATH=\"/usr/local/cuda/lib64/:/opt/none:$HOME/lib:$LD_LIBRARY_PATH\"");
  probe::read_library_directories(tree.view(), machine);
  EXPECT_THAT(machine.library_directories,
              ElementsAre(facts::LibraryDirectory{.path = "/usr/local/cuda/lib64",
                                                  .libraries = {"libcublas.so.12", "libcudnn_graph.so.9"}},
                          Field(&facts::LibraryDirectory::path, std::string(kSite) + "/nvidia/cu13/lib")));
  ASSERT_TRUE(machine.envs[0].links);
  EXPECT_TRUE(machine.envs[0].links->first);
}

TEST(LibraryDirectories, AreNotLookedForWhereNothingLeadsAway) {
  Tree tree;
  tree.file(torch_file(), probe::links_file(links(true)));
  tree.file("/usr/local/nvidia/lib64/libcuda.so.1");
  facts::Machine machine = machine_with("LD_LIBRARY_PATH=/usr/local/nvidia/lib64");
  probe::read_library_directories(tree.view(), machine);
  EXPECT_THAT(machine.library_directories, IsEmpty());
  EXPECT_FALSE(machine.envs[0].links);
}

}  // namespace
