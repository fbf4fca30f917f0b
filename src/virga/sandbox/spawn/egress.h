#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/result.h"

namespace virga::sandbox::spawn {

// The addresses of one sandbox's way out: a /30 out of 198.18.0.0/15, which RFC 2544 keeps for tests and nobody routes.
struct EgressAddresses {
  std::uint32_t host = 0;  // in host byte order
  std::uint32_t sandbox = 0;
};
EgressAddresses egress_addresses(std::uint32_t slot);
inline constexpr std::uint32_t kEgressSlots = 32768;

// An IPv4 range such as "10.1.0.0/16" or "10.1.0.7", rewritten from its numbers: it becomes part of a script for nft.
Result<std::string> read_range(const std::string& text);

// The way from sandboxes to the internet: a veth pair for each, and one nftables table with what they may reach: public
// IPv4 addresses, no mail port, nothing of this host, no private or link-local range unless it was allowed, no other
// sandbox.
class Egress {
 public:
  // Checks what is needed and installs the table. Unimplemented: not possible here; the message says what is missing.
  // `allowed`: ranges that read_range() made.
  static Result<Egress> open(std::string_view state_directory, const std::vector<std::string>& allowed);
  Egress(Egress&&) noexcept;
  Egress& operator=(Egress&&) = delete;
  ~Egress();  // removes the table

  // Makes the pair and puts one end, "eth0", into the network namespace of this process, which sets up its side itself.
  // Returns the slot it took.
  Result<std::uint32_t> connect(int pid);
  void disconnect(std::uint32_t slot);

 private:
  explicit Egress(std::string name) : name_(std::move(name)) {}
  std::string interface(std::uint32_t slot) const;

  std::string name_;  // of the table; interfaces begin with part of it
  std::uint32_t next_slot_ = 0;
};

// The sandbox's side, called by its first process.
Result<> set_up_egress(std::uint32_t slot);

}  // namespace virga::sandbox::spawn
