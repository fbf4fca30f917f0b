#include "virga/sandbox/spawn/egress.h"

#include <gtest/gtest.h>

namespace virga::sandbox::spawn {
namespace {

TEST(EgressRange, IsRewrittenFromItsNumbers) {
  EXPECT_EQ(read_range("10.1.0.0/16"), "10.1.0.0/16");
  EXPECT_EQ(read_range("192.168.1.7"), "192.168.1.7/32");
  EXPECT_EQ(read_range("0.0.0.0/0"), "0.0.0.0/0");
}

TEST(EgressRange, RefusesWhatNftCouldReadDifferently) {
  for (const char* text : {"", "10.1.0.0/", "10.1.0.0/33", "10.1.0.0/-1", "10.1.0.0/+8", "10.1.0.0/8 ", " 10.1.0.0/8",
                           "10.1.0.0/8; flush ruleset", "10.1/16", "fd00::/8", "example.org", "10.1.0.0-10.2.0.0"}) {
    EXPECT_FALSE(read_range(text)) << text;
  }
}

TEST(EgressAddresses, AreAPairOutOfTheRangeForTests) {
  EXPECT_EQ(egress_addresses(0).host, 0xc6120001u);
  EXPECT_EQ(egress_addresses(0).sandbox, 0xc6120002u);
  EXPECT_EQ(egress_addresses(kEgressSlots - 1).sandbox, 0xc613fffeu);
  EXPECT_EQ(egress_addresses(kEgressSlots).host, egress_addresses(0).host);
}

}  // namespace
}  // namespace virga::sandbox::spawn
