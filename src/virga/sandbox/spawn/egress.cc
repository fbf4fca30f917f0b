#include "virga/sandbox/spawn/egress.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "virga/base/problems.h"
#include "virga/os/descriptor.h"
#include "virga/os/errno.h"
#include "virga/os/file.h"
#include "virga/os/socket.h"
#include "virga/sandbox/internal/cgroup_files.h"

namespace virga::sandbox::spawn {
namespace {

constexpr std::uint32_t kFirstAddress = 0xc6120000;  // 198.18.0.0/15
constexpr const char* kNft = "/usr/sbin/nft";

Result<> run_nft(const std::string& script) {
  VIRGA_TRY_ASSIGN(auto input, os::make_pipe());
  pid_t child = ::fork();
  if (child < 0) return os::fail_errno("fork");
  if (child == 0) {
    int null = ::open("/dev/null", O_WRONLY);
    ::dup2(input.reader.get(), 0);
    ::dup2(null, 1);
    ::dup2(null, 2);
    ::close_range(3, ~0u, 0);
    char* const arguments[] = {const_cast<char*>(kNft), const_cast<char*>("-f"), const_cast<char*>("-"), nullptr};
    char* const environment[] = {nullptr};
    ::execve(kNft, arguments, environment);
    ::_exit(127);
  }
  input.reader.reset();
  bool written = ::write(input.writer.get(), script.data(), script.size()) == static_cast<ssize_t>(script.size());
  input.writer.reset();
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (written && WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(problem::kEgressNeedsNft, "nft did not take the rules for sandboxes' way out; see that nf_tables works");
}

std::string rules(const std::string& name, const std::string& prefix, const std::vector<std::string>& allowed) {
  std::string elements;
  for (const auto& range : allowed) elements += (elements.empty() ? "elements = { " : ", ") + range;
  if (!elements.empty()) elements += " }";
  // An earlier daemon's table with this name goes in the same transaction.
  std::string text =
      "table inet NAME {}\ndelete table inet NAME\n"
      "table inet NAME {\n"
      "  set closed { type ipv4_addr; flags interval; elements = { 0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, "
      "127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.0.0.0/24, 192.168.0.0/16, 198.18.0.0/15, "
      "224.0.0.0/3 } }\n"
      "  set allowed { type ipv4_addr; flags interval; auto-merge; ALLOWED }\n"
      "  chain from_sandbox {\n"
      "    meta nfproto ipv6 drop\n"
      "    ip saddr != 198.18.0.0/15 drop\n"
      "    ip daddr @closed ip daddr != @allowed drop\n"
      "    tcp dport 25 drop\n"
      "    meta l4proto { tcp, udp, icmp } accept\n"
      "    drop\n"
      "  }\n"
      "  chain forward { type filter hook forward priority -10; policy accept;\n"
      "    iifname \"PREFIX*\" jump from_sandbox\n"
      "    oifname \"PREFIX*\" ct state established,related accept\n"
      "    oifname \"PREFIX*\" drop\n"
      "  }\n"
      "  chain input { type filter hook input priority -10; policy accept; iifname \"PREFIX*\" drop; }\n"
      "  chain output { type filter hook output priority -10; policy accept; oifname \"PREFIX*\" drop; }\n"
      "  chain out { type nat hook postrouting priority 100; policy accept;\n"
      "    ip saddr 198.18.0.0/15 oifname != \"PREFIX*\" masquerade\n"
      "  }\n"
      "}\n";
  for (auto [word, value] :
       {std::pair<std::string_view, const std::string&>("NAME", name), {"PREFIX", prefix}, {"ALLOWED", elements}}) {
    for (std::size_t at = 0; (at = text.find(word, at)) != text.npos; at += value.size()) {
      text.replace(at, word.size(), value);
    }
  }
  return text;
}

// One rtnetlink request (rtnetlink(7)), built in place.
class LinkRequest {
 public:
  LinkRequest(std::uint16_t type, std::uint16_t flags) {
    auto* head = header();
    head->nlmsg_len = NLMSG_LENGTH(sizeof(ifinfomsg));
    head->nlmsg_type = type;
    head->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  }
  void add(std::uint16_t type, const void* data, std::size_t size) {
    auto* attribute = reinterpret_cast<rtattr*>(end());
    attribute->rta_type = type;
    attribute->rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
    if (size > 0) std::memcpy(RTA_DATA(attribute), data, size);
    header()->nlmsg_len = NLMSG_ALIGN(header()->nlmsg_len) + RTA_ALIGN(attribute->rta_len);
  }
  void add(std::uint16_t type, const std::string& text) { add(type, text.c_str(), text.size() + 1); }
  // What `body` adds lies inside this attribute.
  template <typename Body>
  void nest(std::uint16_t type, Body body) {
    char* begin = end();
    add(type, nullptr, 0);
    body();
    reinterpret_cast<rtattr*>(begin)->rta_len = static_cast<std::uint16_t>(end() - begin);
  }
  void add_link_head() {
    std::memset(end(), 0, sizeof(ifinfomsg));
    header()->nlmsg_len += sizeof(ifinfomsg);
  }
  Result<> send(const char* what) {
    os::Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!socket.valid()) return os::fail_errno("socket");
    if (::send(socket.get(), bytes_.data(), header()->nlmsg_len, 0) < 0) return os::fail_errno(what);
    alignas(nlmsghdr) std::array<char, 1024> answer{};
    if (::recv(socket.get(), answer.data(), answer.size(), 0) < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) {
      return os::fail_errno(what);
    }
    auto* error = static_cast<nlmsgerr*>(NLMSG_DATA(reinterpret_cast<nlmsghdr*>(answer.data())));
    if (error->error != 0) return fail(os::errno_error(-error->error, what, ""));
    return {};
  }

 private:
  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(bytes_.data()); }
  char* end() { return bytes_.data() + NLMSG_ALIGN(header()->nlmsg_len); }
  alignas(nlmsghdr) std::array<char, 512> bytes_{};
};

// Address, /30 mask and "up" by the old ioctls (netdevice(7)).
Result<> configure(const std::string& name, std::uint32_t address) {
  os::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return os::fail_errno("socket");
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  auto set = [&](unsigned long what, std::uint32_t value) {
    sockaddr_in internet{};
    internet.sin_family = AF_INET;
    internet.sin_addr.s_addr = htonl(value);
    std::memcpy(&request.ifr_addr, &internet, sizeof(internet));
    return ::ioctl(socket.get(), what, &request) == 0;
  };
  if (!set(SIOCSIFADDR, address) || !set(SIOCSIFNETMASK, 0xfffffffc)) return os::fail_errno("set the address of", name);
  std::memset(&request.ifr_ifru, 0, sizeof(request.ifr_ifru));
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return os::fail_errno("raise", name);
  return {};
}

void set_option(const std::string& path, const char* value) {
  os::Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.valid()) (void)!::write(file.get(), value, std::strlen(value));
}

}  // namespace

EgressAddresses egress_addresses(std::uint32_t slot) {
  std::uint32_t base = kFirstAddress + 4 * (slot % kEgressSlots);
  return {base + 1, base + 2};
}

Result<std::string> read_range(const std::string& text) {
  auto refuse = [&] { return fail(ErrorCode::InvalidArgument, "'" + text + "' is no IPv4 range such as 10.1.0.0/16"); };
  std::size_t slash = std::min(text.find('/'), text.size());
  in_addr address{};
  if (::inet_pton(AF_INET, text.substr(0, slash).c_str(), &address) != 1) return refuse();
  int bits = 32;
  if (slash < text.size()) {
    const char* end = text.data() + text.size();
    auto [last, error] = std::from_chars(text.data() + slash + 1, end, bits);
    if (error != std::errc() || last != end || bits < 0 || bits > 32) return refuse();
  }
  char canonical[INET_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET, &address, canonical, sizeof(canonical));
  return std::string(canonical) + "/" + std::to_string(bits);
}

Result<Egress> Egress::open(std::string_view state_directory, const std::vector<std::string>& allowed) {
  if (::access(kNft, X_OK) != 0) {
    return fail(problem::kEgressNeedsNft, "egress needs the program /usr/sbin/nft: install the package nftables");
  }
  auto forwards = os::read_file("/proc/sys/net/ipv4/ip_forward");
  if (!forwards || !forwards->starts_with('1')) {
    return fail(problem::kEgressNeedsForwarding,
                "egress needs a host that forwards packets: sysctl net.ipv4.ip_forward=1");
  }
  std::string name = cgroup_name_for(state_directory);
  name[name.find('-')] = '_';
  Egress egress(std::move(name));
  VIRGA_TRY(run_nft(rules(egress.name_, egress.interface(kEgressSlots), allowed)));
  return egress;
}

Egress::Egress(Egress&& other) noexcept : name_(std::move(other.name_)), next_slot_(other.next_slot_) {
  other.name_.clear();
}

Egress::~Egress() {
  if (!name_.empty()) (void)run_nft("delete table inet " + name_ + "\n");
}

// "vg", four digits of the daemon, the slot; without one: what all of them begin with.
std::string Egress::interface(std::uint32_t slot) const {
  std::string prefix = "vg" + name_.substr(name_.size() - 4) + "-";
  return slot == kEgressSlots ? prefix : prefix + std::to_string(slot);
}

Result<std::uint32_t> Egress::connect(int pid) {
  std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
  os::Descriptor space(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!space.valid()) return os::fail_errno("open", path);
  int number = space.get();
  for (int attempt = 0; attempt < 64; ++attempt) {
    std::uint32_t slot = next_slot_;
    next_slot_ = (next_slot_ + 1) % kEgressSlots;
    std::string name = interface(slot);
    LinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    request.add(IFLA_IFNAME, name);
    request.nest(IFLA_LINKINFO, [&] {
      request.add(IFLA_INFO_KIND, "veth");
      request.nest(IFLA_INFO_DATA, [&] {
        request.nest(VETH_INFO_PEER, [&] {
          request.add_link_head();
          request.add(IFLA_IFNAME, "eth0");
          request.add(IFLA_NET_NS_FD, &number, sizeof(number));
        });
      });
    });
    auto made = request.send("make a veth pair");
    if (!made && made.error().code() == ErrorCode::AlreadyExists) continue;  // its last user is still going
    if (!made) return std::unexpected(made.error());
    set_option("/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6", "1");
    set_option("/proc/sys/net/ipv4/conf/" + name + "/rp_filter", "1");  // only its own address comes out of it
    if (auto configured = configure(name, egress_addresses(slot).host); !configured) {
      disconnect(slot);
      return std::unexpected(configured.error());
    }
    return slot;
  }
  return fail(ErrorCode::ResourceExhausted, "no address for a sandbox's way out is free");
}

void Egress::disconnect(std::uint32_t slot) {
  LinkRequest request(RTM_DELLINK, 0);
  request.add(IFLA_IFNAME, interface(slot));
  (void)request.send("remove a veth pair");  // it goes with the sandbox's namespace anyhow, only later
}

Result<> set_up_egress(std::uint32_t slot) {
  auto addresses = egress_addresses(slot);
  VIRGA_TRY(configure("eth0", addresses.sandbox));
  os::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return os::fail_errno("socket");
  rtentry route{};
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  auto put = [](sockaddr& where, std::uint32_t address) {
    sockaddr_in internet{};
    internet.sin_family = AF_INET;
    internet.sin_addr.s_addr = htonl(address);
    std::memcpy(&where, &internet, sizeof(internet));
  };
  put(route.rt_dst, 0);
  put(route.rt_genmask, 0);
  put(route.rt_gateway, addresses.host);
  if (::ioctl(socket.get(), SIOCADDRT, &route) != 0) return os::fail_errno("add the default route");
  return {};
}

}  // namespace virga::sandbox::spawn
