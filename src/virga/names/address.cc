#include "virga/names/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace virga::names {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Not for the public internet: IANA's registries of special-purpose addresses (RFC 6890), and multicast. The same IPv4
// ranges are closed for packets in sandbox/spawn/egress.cc.
constexpr std::string_view kClosed[] = {
    "0.0.0.0/8",      "10.0.0.0/8",   "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24",   "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",  "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/3",  "::/96",          "100::/64",       "2001::/23",      "2001:db8::/32",
    "fc00::/7",       "fe80::/10",    "fec0::/10",      "ff00::/8"};

// IPv6 addresses that stand for an IPv4 one: where in them it lies (RFC 6052, RFC 3056, RFC 5214 is link-local).
struct Embedding {
  Range range;
  std::size_t at = 0;
};
const std::vector<Embedding>& embeddings() {
  static const std::vector<Embedding> list = {{Range::parse("64:ff9b::/96").value(), 12},
                                              {Range::parse("64:ff9b:1::/48").value(), 12},
                                              {Range::parse("2002::/16").value(), 2}};
  return list;
}

const std::vector<Range>& closed() {
  static const std::vector<Range> ranges = [] {
    std::vector<Range> list;
    for (auto text : kClosed) list.push_back(Range::parse(text).value());
    return list;
  }();
  return ranges;
}

bool is_public(const Address& address) {
  auto holds = [&](const Range& range) { return range.contains(address); };
  return std::ranges::none_of(closed(), holds);
}

}  // namespace

Address Address::v4(std::string_view four_bytes) {
  Address address;
  std::ranges::copy(kMapped, address.bytes.begin());
  std::memcpy(address.bytes.data() + 12, four_bytes.data(), 4);
  return address;
}

Address Address::v6(std::string_view sixteen_bytes) {
  Address address;
  std::memcpy(address.bytes.data(), sixteen_bytes.data(), 16);
  return address;
}

Result<Address> Address::parse(const std::string& text) {
  std::array<char, 16> bytes{};
  if (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return v4({bytes.data(), 4});
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return v6({bytes.data(), 16});
  return fail(ErrorCode::InvalidArgument, "'" + text + "' is no IPv4 or IPv6 address");
}

bool Address::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

std::string Address::text() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (is_v4()) {
    ::inet_ntop(AF_INET, bytes.data() + 12, text, sizeof(text));
  } else {
    ::inet_ntop(AF_INET6, bytes.data(), text, sizeof(text));
  }
  return text;
}

Result<Range> Range::parse(std::string_view text) {
  std::size_t slash = std::min(text.find('/'), text.size());
  VIRGA_TRY_ASSIGN(auto first, Address::parse(std::string(text.substr(0, slash))));
  int most = first.is_v4() ? 32 : 128;
  int bits = most;
  if (slash < text.size()) {
    const char* end = text.data() + text.size();
    auto [last, error] = std::from_chars(text.data() + slash + 1, end, bits);
    if (error != std::errc() || last != end || bits < 0 || bits > most) {
      return fail(ErrorCode::InvalidArgument,
                  "'" + std::string(text) + "': behind the slash stands a number from 0 to " + std::to_string(most));
    }
  }
  return Range{first, bits + 128 - most};
}

bool Range::contains(const Address& address) const {
  auto whole = static_cast<std::size_t>(bits / 8);
  if (std::memcmp(first.bytes.data(), address.bytes.data(), whole) != 0) return false;
  int rest = bits % 8;
  return rest == 0 || (first.bytes[whole] ^ address.bytes[whole]) >> (8 - rest) == 0;
}

bool AddressPolicy::allows(const Address& address) const {
  auto holds = [&](const Range& range) { return range.contains(address); };
  if (std::ranges::any_of(allowed_, holds)) return true;
  if (!is_public(address) || std::ranges::find(host_, address) != host_.end()) return false;
  for (const auto& [range, at] : embeddings()) {
    if (!range.contains(address)) continue;
    const auto* inner = reinterpret_cast<const char*>(address.bytes.data() + at);
    return allows(Address::v4({inner, 4}));
  }
  return true;
}

std::vector<Address> host_addresses() {
  std::vector<Address> list;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return list;
  for (ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    if (entry->ifa_addr->sa_family == AF_INET) {
      const auto* internet = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
      list.push_back(Address::v4({reinterpret_cast<const char*>(&internet->sin_addr), 4}));
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      const auto* internet = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
      list.push_back(Address::v6({reinterpret_cast<const char*>(&internet->sin6_addr), 16}));
    }
  }
  ::freeifaddrs(first);
  return list;
}

}  // namespace virga::names
