#include "virga/names/address.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace virga::names {
namespace {

Address address(const char* text) {
  return Address::parse(text).value();
}

TEST(AddressPolicy, RefusesWhatIsNotPublic) {
  AddressPolicy policy;
  for (const char* text : {"0.0.0.0",
                           "10.1.2.3",
                           "100.64.0.1",
                           "127.0.0.1",
                           "127.255.255.255",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "198.18.0.1",
                           "224.0.0.1",
                           "255.255.255.255",
                           "100.100.100.200",
                           "::",
                           "::1",
                           "::ffff:10.0.0.1",
                           "::ffff:127.0.0.1",
                           "::7f00:1",
                           "fd00:ec2::254",
                           "fc00::1",
                           "fe80::1",
                           "ff02::1",
                           "64:ff9b::a00:1",
                           "64:ff9b::7f00:1",
                           "64:ff9b:1::a00:1",
                           "2002:a00:1::",
                           "2002:7f00:1::1",
                           "2001:db8::1"}) {
    EXPECT_FALSE(policy.allows(address(text))) << text;
  }
}

TEST(AddressPolicy, AllowsWhatIsPublic) {
  AddressPolicy policy;
  for (const char* text :
       {"1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.0", "192.167.0.1", "99.255.255.255", "100.128.0.0",
        "223.255.255.255", "2606:4700::1111", "64:ff9b::101:101", "2002:101:101::1"}) {
    EXPECT_TRUE(policy.allows(address(text))) << text;
  }
}

TEST(AddressPolicy, RefusesTheHostsOwnAddresses) {
  AddressPolicy policy;
  policy.set_host_addresses({address("93.184.216.34"), address("2606:4700::1")});
  EXPECT_FALSE(policy.allows(address("93.184.216.34")));
  EXPECT_FALSE(policy.allows(address("2606:4700::1")));
  EXPECT_FALSE(policy.allows(address("64:ff9b::5db8:d822")));  // the first one, by way of NAT64
  EXPECT_TRUE(policy.allows(address("93.184.216.35")));
}

TEST(AddressPolicy, AllowsWhatWasAllowedByName) {
  AddressPolicy policy({Range::parse("10.1.0.0/16").value(), Range::parse("fd00:1::/32").value()});
  EXPECT_TRUE(policy.allows(address("10.1.255.1")));
  EXPECT_TRUE(policy.allows(address("fd00:1::5")));
  EXPECT_FALSE(policy.allows(address("10.2.0.1")));
  EXPECT_FALSE(policy.allows(address("fd00:2::5")));
}

TEST(Range, RefusesWhatIsNone) {
  for (const char* text : {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "::/129", "example.org"}) {
    EXPECT_FALSE(Range::parse(text)) << text;
  }
}

TEST(Address, ReadsAndWritesText) {
  for (const char* text : {"192.0.2.1", "2001:db8::1", "::1"}) EXPECT_EQ(address(text).text(), text);
  EXPECT_EQ(address("::ffff:192.0.2.1").text(), "192.0.2.1");
}

TEST(HostAddresses, HoldLoopback) {
  auto list = host_addresses();
  EXPECT_NE(std::ranges::find(list, address("127.0.0.1")), list.end());
}

}  // namespace
}  // namespace virga::names
