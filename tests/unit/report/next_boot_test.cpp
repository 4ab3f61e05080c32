// SPDX-License-Identifier: Apache-2.0
// The forecast of the next boot as text and as a document.
#include <gmock/gmock.h>

#include <unit/report/values.hpp>

namespace {

using namespace bringup;
using diagnose::Outlook;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

diagnose::Forecast two_kernels() {
  return {
      .outlook = Outlook::unknown,
      .kernel = "",
      .driver = "",
      .parts = {
          {.part = "kernel", .outlook = Outlook::unknown, .text = "cannot be told", .fix = "run it as root"},
          {.part = "module",
           .kernel = "6.1",
           .outlook = Outlook::good,
           .text = "there",
           .evidence = {{.source = "/lib", .text = "580"}}},
          {.part = "module", .kernel = "6.2", .outlook = Outlook::bad, .text = "not there"}}};
}

TEST(NextBootText, NamesTheKernelThatAPartIsAboutWhenSeveralMayBoot) {
  EXPECT_EQ(report::next_boot_text(two_kernels(), {.columns = 80, .colour = false}),
            R"(how the next boot will go cannot be told

unknown  kernel: cannot be told
         fix   run it as root

If 6.1 boots
good     module: there
         seen  /lib: "580"

If 6.2 boots
bad      module: not there
)");
}

TEST(NextBootText, SaysInItsFirstLineWhatBoots) {
  diagnose::Forecast forecast{.outlook = Outlook::bad, .kernel = "6.1", .driver = "580.1", .parts = {}};
  EXPECT_THAT(report::next_boot_text(forecast, {}),
              StartsWith("the next boot will not have the GPUs: kernel 6.1, driver 580.1\n"));
  forecast.outlook = Outlook::good;
  EXPECT_THAT(report::next_boot_text(forecast, {}),
              StartsWith("the next boot will have the driver: kernel 6.1"));
  forecast.kernel = "\x1b[31m";
  EXPECT_THAT(report::next_boot_text(forecast, {}), Not(HasSubstr("\x1b[31m")));
}

TEST(NextBootJson, HasEveryKeyAndNullForNothing) {
  const json document = json::parse(report::next_boot_json(two_kernels()));
  EXPECT_EQ(document["schema"], "bringup.next-boot/1");
  EXPECT_EQ(document["outlook"], "unknown");
  EXPECT_TRUE(document["kernel"].is_null());
  EXPECT_TRUE(document["driver"].is_null());
  ASSERT_EQ(document["parts"].size(), 3U);
  EXPECT_TRUE(document["parts"][0]["kernel"].is_null());
  EXPECT_EQ(document["parts"][0]["fix"], "run it as root");
  EXPECT_EQ(document["parts"][1]["evidence"][0]["text"], "580");
  EXPECT_TRUE(document["parts"][2]["fix"].is_null());
  EXPECT_EQ(document["parts"][2]["outlook"], "bad");
}

}  // namespace
