#include "bench/load/testing/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <list>
#include <vector>

#include "virga/os/errno.h"

namespace virga::load {
namespace {

constexpr int kPollMilliseconds = 20;
constexpr int kBacklog = 1024;

struct Client {
  os::Descriptor socket;
  std::string received;
};

}  // namespace

ScriptedServer::Reply ScriptedServer::ok() {
  return {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"};
}

Result<std::unique_ptr<ScriptedServer>> ScriptedServer::start(Script script) {
  os::Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (!listener.valid() || bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener.get(), kBacklog) != 0 ||
      getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return os::fail_errno("listen on", "127.0.0.1");
  }
  return std::unique_ptr<ScriptedServer>(
      new ScriptedServer(std::move(listener), ntohs(address.sin_port), std::move(script)));
}

ScriptedServer::ScriptedServer(os::Descriptor listener, std::uint16_t port, Script script)
    : listener_(std::move(listener)), port_(port), script_(std::move(script)), thread_([this] { serve(); }) {}

ScriptedServer::~ScriptedServer() {
  stop_ = true;
  thread_.join();
}

std::string ScriptedServer::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

void ScriptedServer::serve() {
  std::list<Client> clients;
  std::uint64_t number = 0;
  while (!stop_) {
    std::vector<pollfd> polled{{.fd = listener_.get(), .events = POLLIN, .revents = 0}};
    for (const auto& client : clients) polled.push_back({.fd = client.socket.get(), .events = POLLIN, .revents = 0});
    if (poll(polled.data(), polled.size(), kPollMilliseconds) <= 0) continue;
    std::size_t index = 1;
    for (auto client = clients.begin(); client != clients.end();) {
      bool keep = true;
      if (polled[index++].revents != 0) {
        std::array<char, 4096> buffer;
        ssize_t got = recv(client->socket.get(), buffer.data(), buffer.size(), 0);
        keep = got > 0;
        if (keep) client->received.append(buffer.data(), static_cast<std::size_t>(got));
        // The tests send requests without a body.
        for (std::size_t end; keep && (end = client->received.find("\r\n\r\n")) != std::string::npos;) {
          Reply reply = script_(number++, client->received.substr(0, end + 4));
          client->received.erase(0, end + 4);
          send(client->socket.get(), reply.bytes.data(), reply.bytes.size(), MSG_NOSIGNAL);
          keep = reply.then == Then::KeepOpen;
        }
      }
      client = keep ? std::next(client) : clients.erase(client);
    }
    while (polled[0].revents != 0) {
      os::Descriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket.valid()) break;
      int on = 1;
      setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      clients.push_back({std::move(socket), {}});
    }
  }
}

}  // namespace virga::load
