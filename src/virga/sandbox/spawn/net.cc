#include "virga/sandbox/spawn/net.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "virga/os/errno.h"

namespace virga::sandbox::spawn {
namespace {

constexpr std::uint16_t kRuntimeApiPort = 9001;  // where AWS runtime clients are told to look (AWS_LAMBDA_RUNTIME_API)

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
  os::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return os::fail_errno("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kRuntimeApiPort);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return os::fail_errno("bind", "127.0.0.1:9001");
  }
  if (::listen(socket.get(), 128) != 0) return os::fail_errno("listen", "127.0.0.1:9001");
  return socket;
}

}  // namespace virga::sandbox::spawn
