// SPDX-License-Identifier: Apache-2.0
// What may leave a machine: nothing that names it is left, wherever it stands and whatever stood around it.
#include <bringup/probe/redact.hpp>

#include <gmock/gmock.h>

namespace {

using namespace bringup;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kId = "0123456789abcdef0123456789abcdef";
constexpr const char* kNone = "00000000000000000000000000000000";

probe::Redactor redactor() {
  return {"zaphod", "/home/zaphod", "beeblebrox", kId};
}

TEST(Redactor, LooksIntoWideText) {
  const std::string wide("\7\0\0\0z\0a\0p\0h\0o\0d\0", 16);
  EXPECT_EQ(redactor().wide(wide), std::string("\7\0\0\0u\0s\0e\0r\0", 12));
  EXPECT_EQ(redactor().wide("ab"), "ab");
}

TEST(Redactor, FindsTheMachinesIdInsideOfLongerWords) {
  const std::string id = kId;
  const std::string none = kNone;
  EXPECT_EQ(redactor().text("x" + id + "0"), "x" + none + "0");
  EXPECT_EQ(redactor().text(id + id), none + none);
  EXPECT_EQ(redactor().text("id_" + id + "\n"), "id_" + none + "\n");
  EXPECT_EQ(redactor().path("/boot/loader/entries/a_" + id + "-6.1.conf"),
            "/boot/loader/entries/a_" + none + "-6.1.conf");
}

// Taking one thing out joins what stood around it.
TEST(Redactor, FindsWhatTakingOutPutsTogether) {
  const std::string id = kId;
  const std::string joined = redactor().text("0123456789abcdef://a@0123456789abcdef " + id.substr(0, 16) +
                                             "://zaphod:secret@" + id.substr(16));
  EXPECT_THAT(joined, Not(HasSubstr(id)));
  const std::string twice = redactor().text("https://a:b@c:d@zaphod.example/");
  EXPECT_EQ(twice, "https://user.example/");
  EXPECT_EQ(redactor().text("beeblebrox-zaphod zaphod://zaphod@zaphod"), "host-user user://user");
}

TEST(Redactor, ChangesNothingTheSecondTime) {
  probe::Redactor one = redactor();
  const std::string text =
      "GPU-0123abcd-0123-4567-89ab-0123456789ab 11111111-2222-3333-4444-555555555555 00:11:22:33:44:55\n"
      "/home/zaphod /home/trillian https://zaphod:x@y@pypi/ token=hf_abcdefghijklmnop enx0011223344ff\n" +
      std::string(kId) + " beeblebrox";
  const std::string once = one.text(text);
  EXPECT_THAT(once, HasSubstr("GPU-00000000-0000-0000-0000-000000000001"));
  EXPECT_THAT(once, HasSubstr(" 00000000-0000-0000-0000-000000000002"));
  EXPECT_EQ(one.text(once), once);
  // A board's own UUID that ends in a MAC address is none of our numbers.
  EXPECT_EQ(one.text("00000000-0000-0000-0000-0c9d92001122"), "00000000-0000-0000-0000-000000000003");
}

TEST(Redactor, LeavesAnIdThatIsNone) {
  probe::Redactor none("zaphod", "/home", "beeblebrox", "");
  EXPECT_EQ(none.text("/home/trillian " + std::string(kNone)), "/home/someone " + std::string(kNone));
}

}  // namespace
