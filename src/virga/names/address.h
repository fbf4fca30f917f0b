#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/result.h"

namespace virga::names {

// An IPv4 or IPv6 address. IPv4 is kept in its IPv6-mapped form (::ffff:0:0/96), so one set of rules judges both.
struct Address {
  std::array<std::uint8_t, 16> bytes{};  // in network order

  static Address v4(std::string_view four_bytes);
  static Address v6(std::string_view sixteen_bytes);
  static Result<Address> parse(const std::string& text);

  bool is_v4() const;
  std::string text() const;
  bool operator==(const Address&) const = default;
};

struct Range {
  Address first;
  int bits = 128;  // of the IPv6 form

  // "10.0.0.0/8", "fd00::/8", "192.0.2.1".
  static Result<Range> parse(std::string_view text);
  bool contains(const Address& address) const;
};

// Which addresses a name may have for a function: public ones that are not this host's, and those that were allowed by
// name. A name whose address changes to a private one while it is used (DNS rebinding) stops to resolve.
class AddressPolicy {
 public:
  explicit AddressPolicy(std::vector<Range> allowed = {}) : allowed_(std::move(allowed)) {}
  // The addresses of this host, in place of those set before.
  void set_host_addresses(std::vector<Address> addresses) { host_ = std::move(addresses); }
  bool allows(const Address& address) const;

 private:
  std::vector<Range> allowed_;
  std::vector<Address> host_;
};

// Of all interfaces that are up.
std::vector<Address> host_addresses();

}  // namespace virga::names
