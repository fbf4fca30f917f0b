#include "virga/sandbox/spawn/net.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

#include "virga/os/errno.h"

namespace virga::sandbox::spawn {
namespace {

constexpr std::uint16_t kRuntimeApiPort = 9001;  // where AWS runtime clients are told to look (AWS_LAMBDA_RUNTIME_API)

// What kResolvConf names; 53 is the port that every client asks (RFC 1035).
constexpr std::uint32_t kNameServer = 0x7f000035;
constexpr std::uint16_t kNamePort = 53;

Result<os::Descriptor> bind_to(int type, std::uint32_t where, std::uint16_t port) {
  os::Descriptor socket(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return os::fail_errno("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(where);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return os::fail_errno("bind port", std::to_string(port));
  }
  return socket;
}

}  // namespace

Result<> set_loopback(Link state) {
  os::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return os::fail_errno("socket");
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = state == Link::Up ? IFF_UP | IFF_RUNNING : 0;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return os::fail_errno("change the state of", "lo");
  return {};
}

Result<os::Descriptor> listen_for_runtime_api() {
  VIRGA_TRY_ASSIGN(auto socket, bind_to(SOCK_STREAM, INADDR_LOOPBACK, kRuntimeApiPort));
  if (::listen(socket.get(), 128) != 0) return os::fail_errno("listen", "127.0.0.1:9001");
  return socket;
}

Result<os::Descriptor> listen_for_services(std::uint16_t port) {
  VIRGA_TRY_ASSIGN(auto socket, bind_to(SOCK_STREAM, INADDR_LOOPBACK, port));
  if (::listen(socket.get(), 128) != 0) return os::fail_errno("listen", "127.0.0.1:" + std::to_string(port));
  return socket;
}

Result<NameSockets> open_name_sockets() {
  NameSockets sockets;
  VIRGA_TRY_ASSIGN(sockets.datagrams, bind_to(SOCK_DGRAM, kNameServer, kNamePort));
  VIRGA_TRY_ASSIGN(sockets.listener, bind_to(SOCK_STREAM, kNameServer, kNamePort));
  if (::listen(sockets.listener.get(), 16) != 0) return os::fail_errno("listen", "127.0.0.53:53");
  return sockets;
}

}  // namespace virga::sandbox::spawn
