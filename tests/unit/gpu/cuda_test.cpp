// SPDX-License-Identifier: Apache-2.0
#include <bringup/gpu/cuda.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <support/environment.hpp>

namespace bringup::gpu {
namespace {

using testing_support::Variable;

TEST(Cuda, IsAbsentWithoutItsLibrary) {
  EXPECT_EQ(Cuda::open("libcuda-of-nobody.so.1").error().code(), Errc::absent);
}

TEST(Cuda, LacksAFunctionInAnotherLibrary) {
  EXPECT_EQ(Cuda::open("libm.so.6").error(), Error(Errc::unsupported, "the library has no function cuInit"));
}

TEST(Cuda, IsReadThroughALibrary) {
  const Variable devices("FAKE_CUDA_DEVICES", "3");
  const Variable faults("FAKE_CUDA_FAULTS", std::nullopt);
  const auto cuda = Cuda::open(BRINGUP_FAKE_CUDA);
  ASSERT_TRUE(cuda) << cuda.error().message();
  ASSERT_TRUE(cuda->init());
  EXPECT_EQ(*cuda->driver_version(), 13000);
  EXPECT_EQ(*cuda->device_count(), 3);
  EXPECT_EQ(*cuda->name(*cuda->device(2)), "Fake GPU 2");
  EXPECT_EQ(*cuda->pci_address(0), "0000:a0:00.0");
  EXPECT_EQ(*cuda->pci_address(1), "0000:a1:00.0") << "a domain with eight digits is written with four";
}

TEST(Cuda, KeepsNoDeviceApartFromARefusal) {
  const Variable faults("FAKE_CUDA_FAULTS", "nodevice");
  EXPECT_EQ(Cuda::open(BRINGUP_FAKE_CUDA)->init().error().code(), Errc::absent);
  const Variable others("FAKE_CUDA_FAULTS", "init");
  EXPECT_EQ(Cuda::open(BRINGUP_FAKE_CUDA)->init().error().code(), Errc::failed);
}

TEST(Cuda, CopiesThereAndBack) {
  const Variable faults("FAKE_CUDA_FAULTS", std::nullopt);
  const auto cuda = Cuda::open(BRINGUP_FAKE_CUDA);
  ASSERT_TRUE(cuda && cuda->init());
  const auto context = cuda->retain_primary(0);
  ASSERT_TRUE(context);
  const auto address = cuda->allocate(16);
  ASSERT_TRUE(address);
  const std::array<char, 16> sent{"fifteen letters"};
  std::array<char, 16> back{};
  EXPECT_TRUE(cuda->to_device(*address, sent.data(), sent.size()));
  EXPECT_TRUE(cuda->to_host(back.data(), *address, back.size()));
  EXPECT_EQ(sent, back);
  EXPECT_FALSE(cuda->load_ptx("no PTX"));
  EXPECT_FALSE(cuda->free(*address + 1));
  EXPECT_TRUE(cuda->free(*address));
  EXPECT_TRUE(cuda->release_primary(0));
}

}  // namespace
}  // namespace bringup::gpu
