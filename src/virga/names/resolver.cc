#include "virga/names/resolver.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "virga/io/network.h"
#include "virga/io/readiness.h"
#include "virga/names/message.h"
#include "virga/telemetry/log.h"

namespace virga::names {
namespace {

constexpr std::size_t kLargestQuery = 512;  // a name of 255 bytes and an EDNS record are far below it
constexpr int kBurst = 64;                  // datagrams taken in one go; then the loop's other work has its turn
constexpr std::chrono::milliseconds kPause{10};
constexpr std::chrono::seconds kIdleStream{10};
constexpr std::chrono::seconds kBetweenLooks{5};
constexpr std::chrono::seconds kBetweenReports{10};

}  // namespace

// One sandbox. Its tasks end after close(), the last of them when the questions under way are answered.
class Resolver::Client {
 public:
  Client(Resolver& owner, std::unique_ptr<io::Readiness> datagrams, io::Listener listener)
      : owner_(owner), datagrams_(std::move(datagrams)), listener_(std::move(listener)), tasks_(owner.loop_) {}

  void start() {
    tasks_.add(receive());
    tasks_.add(accept());
  }
  void close() {
    closed_ = true;
    datagrams_->close();
    listener_.close();
    for (auto* stream : streams_) stream->close();
  }
  io::TaskGroup& tasks() { return tasks_; }

 private:
  io::Task<void> receive();
  io::Task<void> answer_datagram(Query query, sockaddr_in from);
  io::Task<void> accept();
  io::Task<void> converse(io::Stream stream);
  // Counts a question in, or refuses it.
  bool admit();
  void leave();

  Resolver& owner_;
  std::unique_ptr<io::Readiness> datagrams_;
  io::Listener listener_;
  std::vector<io::Stream*> streams_;  // those that converse() holds
  std::size_t under_way_ = 0;
  bool closed_ = false;
  io::TaskGroup tasks_;
};

bool Resolver::Client::admit() {
  if (under_way_ >= owner_.options_.most_of_one || owner_.under_way_ >= owner_.options_.most) {
    ++owner_.counters_.refused;
    return false;
  }
  ++owner_.counters_.questions;
  ++under_way_;
  ++owner_.under_way_;
  return true;
}

void Resolver::Client::leave() {
  --under_way_;
  --owner_.under_way_;
}

io::Task<void> Resolver::Client::receive() {
  std::array<char, kLargestQuery> buffer;
  for (int taken = 0; !closed_; ++taken) {
    if (taken == kBurst) {
      taken = 0;
      auto deadline = io::Deadline::in(owner_.loop_, kPause);
      co_await io::sleep_until(owner_.loop_, deadline);
      if (closed_) co_return;
    }
    sockaddr_in from{};
    socklen_t size = sizeof(from);
    ssize_t count = ::recvfrom(datagrams_->descriptor().get(), buffer.data(), buffer.size(), MSG_TRUNC,
                               reinterpret_cast<sockaddr*>(&from), &size);
    if (count < 0 && errno == EAGAIN) {
      datagrams_->drained();
      auto ready = co_await datagrams_->readable();
      if (!ready) co_return;
      continue;
    }
    if (count < 0) continue;  // an earlier answer found nobody: the socket tells it once
    auto length = static_cast<std::size_t>(count);
    auto query = length <= buffer.size() ? parse_query({buffer.data(), length})
                                         : Result<Query>(fail(ErrorCode::TooLarge, "the query is too long"));
    if (!query) {
      ++owner_.counters_.malformed;
      continue;
    }
    // Beyond the limit nothing is said: the asker waits, and asks again.
    if (admit()) tasks_.add(answer_datagram(std::move(*query), from));
  }
}

io::Task<void> Resolver::Client::answer_datagram(Query query, sockaddr_in from) {
  auto bytes = co_await owner_.answer(query);
  leave();
  if (closed_) co_return;
  if (bytes.size() > query.most) bytes = encode_cut_answer(query);
  // If there is no room, the asker asks again.
  (void)::sendto(datagrams_->descriptor().get(), bytes.data(), bytes.size(), MSG_NOSIGNAL,
                 reinterpret_cast<sockaddr*>(&from), sizeof(from));
}

io::Task<void> Resolver::Client::accept() {
  while (!closed_) {
    auto stream = co_await listener_.accept();
    if (closed_ || (!stream && stream.error().code() == ErrorCode::Cancelled)) co_return;
    if (stream && streams_.size() < owner_.options_.most_of_one) {
      tasks_.add(converse(std::move(*stream)));
      continue;
    }
    // Too many, or no descriptor for one more: this one goes, and the next has to wait a little.
    auto deadline = io::Deadline::in(owner_.loop_, kPause);
    co_await io::sleep_until(owner_.loop_, deadline);
  }
}

io::Task<void> Resolver::Client::converse(io::Stream stream) {
  streams_.push_back(&stream);
  std::string buffer;
  while (!closed_) {
    auto deadline = io::Deadline::in(owner_.loop_, kIdleStream);
    std::array<char, kLargestQuery> part;
    // RFC 1035 section 4.2.2: two bytes of length before each message.
    std::size_t wanted = buffer.size() < 2 ? 2
                                           : 2 + (static_cast<std::size_t>(static_cast<std::uint8_t>(buffer[0])) << 8 |
                                                  static_cast<std::uint8_t>(buffer[1]));
    if (wanted > kLargestQuery) break;
    if (buffer.size() < wanted) {
      auto count = co_await stream.read_some(std::span(part.data(), wanted - buffer.size()), deadline);
      if (!count || *count == 0) break;
      buffer.append(part.data(), *count);
      continue;
    }
    auto query = parse_query(std::string_view(buffer).substr(2));
    buffer.clear();
    if (!query || !admit()) {
      if (!query) ++owner_.counters_.malformed;
      break;
    }
    auto bytes = co_await owner_.answer(*query);
    leave();
    if (closed_) break;
    std::string message = {static_cast<char>(bytes.size() >> 8), static_cast<char>(bytes.size() & 0xff)};
    message += bytes;
    auto written = co_await stream.write(message, deadline);
    if (!written) break;
  }
  std::erase(streams_, &stream);
}

Resolver::Resolver(io::Loop& loop, Random& random, Options options)
    : loop_(loop), options_(std::move(options)), upstream_(loop, random, options_.upstream), tasks_(loop) {}

Resolver::~Resolver() = default;

Result<> Resolver::serve(std::uint64_t id, os::Descriptor datagrams, os::Descriptor listener) {
  VIRGA_TRY_ASSIGN(auto readiness, io::Readiness::create(loop_, std::move(datagrams)));
  VIRGA_TRY_ASSIGN(auto adopted, io::Listener::adopt(loop_, std::move(listener)));
  auto client = std::make_shared<Client>(*this, std::move(readiness), std::move(adopted));
  clients_.emplace(id, client);
  client->start();
  return {};
}

void Resolver::end(std::uint64_t id) {
  auto found = clients_.find(id);
  if (found == clients_.end()) return;
  auto client = std::move(found->second);
  clients_.erase(found);
  client->close();
  tasks_.add(bury(std::move(client)));
}

io::Task<void> Resolver::bury(std::shared_ptr<Client> client) {
  (void)co_await client->tasks().join();
}

io::Task<void> Resolver::stop() {
  while (!clients_.empty()) end(clients_.begin()->first);
  upstream_.close();
  (void)co_await tasks_.join();
}

void Resolver::refresh_host_addresses() {
  if (loop_.now() < next_look_) return;
  next_look_ = loop_.now() + kBetweenLooks;
  options_.policy.set_host_addresses(host_addresses());
}

io::Task<std::string> Resolver::answer(Query query) {
  auto reply = co_await upstream_.ask(query);
  if (!reply) {
    ++counters_.failed;
    log::debug("no name server answered", {{"name", readable(query.question)}, {"error", reply.error()}});
    co_return encode_empty_answer(query, Code::ServerFailed);
  }
  refresh_host_addresses();
  auto closed = std::ranges::find_if(reply->answer.addresses,
                                     [this](const Address& address) { return !options_.policy.allows(address); });
  if (closed == reply->answer.addresses.end()) {
    set_id(reply->bytes, query.id);
    co_return std::move(reply->bytes);
  }
  ++counters_.withheld;
  if (loop_.now() >= next_report_) {
    next_report_ = loop_.now() + kBetweenReports;
    log::warn("a name's address was withheld from a function",
              {{"name", readable(query.question)}, {"address", closed->text()}, {"withheld", counters_.withheld}});
  }
  co_return encode_empty_answer(query, Code::None);
}

}  // namespace virga::names
