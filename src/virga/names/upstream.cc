#include "virga/names/upstream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "virga/io/network.h"
#include "virga/os/errno.h"
#include "virga/os/file.h"
#include "virga/telemetry/log.h"

namespace virga::names {
namespace {

constexpr std::size_t kMostServers = 3;  // as in the C library
constexpr int kRounds = 2;
constexpr std::chrono::seconds kBetweenLooks{10};

// Connected, so that the kernel hands out answers of this server only; the port is the kernel's choice, at random.
Result<os::Descriptor> open_socket(const Server& server) {
  sockaddr_storage storage{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  socklen_t size = sizeof(sockaddr_in);
  if (::inet_pton(AF_INET, server.address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(server.port);
  } else if (::inet_pton(AF_INET6, server.address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(server.port);
    size = sizeof(sockaddr_in6);
  } else {
    return fail(ErrorCode::InvalidArgument, "'" + server.address + "' is no address of a name server");
  }
  os::Descriptor socket(::socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return os::fail_errno("socket");
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0) {
    return os::fail_errno("connect to the name server", server.address);
  }
  return socket;
}

// Says nothing about the name, or at least another server may say more.
bool is_final(const Answer& answer) {
  return answer.code == Code::None || answer.code == Code::NoSuchName;
}

io::Task<Result<>> read_all(io::Stream& stream, std::span<char> buffer, io::Deadline deadline) {
  while (!buffer.empty()) {
    auto count = co_await stream.read_some(buffer, deadline);
    if (!count) co_return fail(std::move(count).error());
    if (*count == 0) co_return fail(ErrorCode::Unavailable, "the name server closed the connection");
    buffer = buffer.subspan(*count);
  }
  co_return Result<>();
}

}  // namespace

std::vector<Server> parse_resolv_conf(std::string_view text) {
  std::vector<Server> servers;
  while (!text.empty() && servers.size() < kMostServers) {
    std::size_t end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    auto word = [&line] {
      std::size_t begin = std::min(line.find_first_not_of(" \t\r"), line.size());
      line.remove_prefix(begin);
      auto found = line.substr(0, std::min(line.find_first_of(" \t\r"), line.size()));
      line.remove_prefix(found.size());
      return std::string(found);
    };
    if (word() != "nameserver") continue;
    auto address = word();
    if (Address::parse(address)) servers.push_back({std::move(address)});
  }
  if (servers.empty()) servers.push_back({"127.0.0.1"});
  return servers;
}

Upstream::Upstream(io::Loop& loop, Random& random, Options options)
    : loop_(loop), random_(random), options_(std::move(options)), servers_(options_.servers) {}

void Upstream::refresh() {
  if (!options_.servers.empty() || loop_.now() < next_look_) return;
  next_look_ = loop_.now() + kBetweenLooks;
  auto text = os::read_file(options_.resolv_conf);
  // Said once; what was known stays.
  if (!text && !is_stale_) log::warn("the list of name servers cannot be read", {{"error", text.error()}});
  is_stale_ = !text;
  if (!text && !servers_.empty()) return;
  servers_ = parse_resolv_conf(text ? *text : std::string());
}

void Upstream::close() {
  is_closed_ = true;
  for (auto* socket : waiting_) socket->close();
}

io::Task<Result<Upstream::Reply>> Upstream::ask(Query query) {
  refresh();
  auto servers = servers_;
  auto end = io::Deadline::in(loop_, options_.whole_time);
  Result<Reply> last = fail(ErrorCode::Unavailable, "there is no name server");
  for (std::size_t attempt = 0; attempt < servers.size() * kRounds; ++attempt) {
    if (is_closed_ || loop_.clock().steady() >= end.time()) break;
    auto one = io::Deadline::in(loop_, options_.try_time);
    auto deadline = one.time() < end.time() ? one : end;
    const auto& server = servers[attempt % servers.size()];
    auto reply = co_await ask_by_datagram(server, query, deadline);
    if (reply && reply->answer.is_cut) {
      auto whole = co_await ask_by_stream(server, query, end);
      reply = std::move(whole);
    }
    if (reply && is_final(reply->answer)) co_return reply;
    // An answer that says little is better than none.
    if (reply || !last) last = std::move(reply);
  }
  co_return last;
}

io::Task<Result<Upstream::Reply>> Upstream::ask_by_datagram(Server server, Query query, io::Deadline deadline) {
  VIRGA_CO_TRY_ASSIGN(auto socket, open_socket(server));
  VIRGA_CO_TRY_ASSIGN(auto readiness, io::Readiness::create(loop_, std::move(socket)));
  auto id = static_cast<std::uint16_t>(random_.next());
  auto question = encode_query(query, id);
  int fd = readiness->descriptor().get();
  if (::send(fd, question.data(), question.size(), MSG_NOSIGNAL) < 0) {
    co_return os::fail_errno("ask the name server", server.address);
  }
  std::array<char, 4096> buffer;  // more than was asked for, so that a longer one is seen as such
  while (true) {
    ssize_t size = ::recv(fd, buffer.data(), buffer.size(), MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno != EAGAIN) co_return os::fail_errno("hear from the name server", server.address);
    if (size < 0) {
      readiness->drained();
      waiting_.insert(readiness.get());
      auto ready = co_await readiness->readable(deadline);
      waiting_.erase(readiness.get());
      if (!ready) co_return fail(ready.error().with_context("ask the name server " + server.address));
      continue;
    }
    if (static_cast<std::size_t>(size) > buffer.size()) continue;
    std::string bytes(buffer.data(), static_cast<std::size_t>(size));
    auto answer = parse_answer(bytes, query, id);
    // Somebody else's, or forged: the right one may still come.
    if (!answer) continue;
    co_return Reply{std::move(bytes), std::move(*answer)};
  }
}

io::Task<Result<Upstream::Reply>> Upstream::ask_by_stream(Server server, Query query, io::Deadline deadline) {
  auto connected = co_await io::connect(loop_, server.address, server.port, deadline);
  if (!connected) co_return fail(std::move(connected).error());
  auto stream = std::move(*connected);
  auto id = static_cast<std::uint16_t>(random_.next());
  auto question = encode_query(query, id);
  // RFC 1035 section 4.2.2: two bytes of length before each message.
  std::string message = {static_cast<char>(question.size() >> 8), static_cast<char>(question.size() & 0xff)};
  message += question;
  auto written = co_await stream.write(message, deadline);
  if (!written) co_return fail(std::move(written).error());
  std::array<char, 2> length{};
  auto head = co_await read_all(stream, length, deadline);
  if (!head) co_return fail(std::move(head).error());
  std::string bytes(
      static_cast<std::size_t>(static_cast<std::uint8_t>(length[0]) << 8 | static_cast<std::uint8_t>(length[1])), '\0');
  auto body = co_await read_all(stream, bytes, deadline);
  if (!body) co_return fail(std::move(body).error());
  auto answer = parse_answer(bytes, query, id);
  if (!answer) co_return fail(answer.error().with_context("ask the name server " + server.address));
  if (answer->is_cut) co_return fail(ErrorCode::Unavailable, "the name server cuts its answers over TCP as well");
  co_return Reply{std::move(bytes), std::move(*answer)};
}

}  // namespace virga::names
