#include "virga/names/resolver.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <functional>

#include "virga/io/network.h"
#include "virga/io/readiness.h"
#include "virga/names/testing/messages.h"
#include "virga/os/file.h"

namespace virga::names {
namespace {

using std::chrono::milliseconds;
using testing::Message;
using testing::number;
using testing::v4;

// Invalid if the port is taken.
os::Descriptor bound(int type, std::uint16_t port = 0) {
  os::Descriptor socket(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return {};
  if (type == SOCK_STREAM) EXPECT_EQ(::listen(socket.get(), 8), 0);
  return socket;
}

std::uint16_t port_of(const os::Descriptor& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

// UDP and TCP on the same port, as name servers have them: one that is free for both.
struct BothSockets {
  BothSockets() {
    for (int attempt = 0; attempt < 100 && !listener.valid(); ++attempt) {
      datagrams = bound(SOCK_DGRAM);
      port = port_of(datagrams);
      listener = bound(SOCK_STREAM, port);
    }
    EXPECT_TRUE(listener.valid());
  }
  os::Descriptor datagrams;
  os::Descriptor listener;
  std::uint16_t port = 0;
};

// A name server on loopback that says what the test tells it to.
class FakeServer {
 public:
  // The answers to a question that came over UDP, and the one over TCP; "" for none.
  using Script = std::function<std::vector<std::string>(const std::string& question)>;

  explicit FakeServer(io::Loop& loop) : tasks_(loop) {
    BothSockets sockets;
    server_ = {"127.0.0.1", sockets.port};
    datagrams_ = io::Readiness::create(loop, std::move(sockets.datagrams)).value();
    listener_.emplace(io::Listener::adopt(loop, std::move(sockets.listener)).value());
    tasks_.add(answer_datagrams());
    tasks_.add(answer_streams());
  }
  io::Task<void> stop() {
    datagrams_->close();
    listener_->close();
    (void)co_await tasks_.join();
  }

  const Server& server() const { return server_; }
  Script over_udp;
  Script over_tcp;
  std::vector<std::string> heard;

 private:
  io::Task<void> answer_datagrams() {
    std::string buffer(4096, '\0');
    while (true) {
      sockaddr_in from{};
      socklen_t size = sizeof(from);
      ssize_t count = ::recvfrom(datagrams_->descriptor().get(), buffer.data(), buffer.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &size);
      if (count < 0) {
        datagrams_->drained();
        auto ready = co_await datagrams_->readable();
        if (!ready) co_return;
        continue;
      }
      heard.push_back(buffer.substr(0, static_cast<std::size_t>(count)));
      for (const auto& answer : over_udp(heard.back())) {
        (void)::sendto(datagrams_->descriptor().get(), answer.data(), answer.size(), 0,
                       reinterpret_cast<sockaddr*>(&from), sizeof(from));
      }
    }
  }
  io::Task<void> answer_streams() {
    while (true) {
      auto stream = co_await listener_->accept();
      if (!stream) co_return;
      std::string buffer(4096, '\0');
      auto count = co_await stream->read_some(buffer);
      if (!count || *count < 3) continue;
      auto answers = over_tcp(buffer.substr(2, *count - 2));
      for (const auto& answer : answers) {
        auto message = number(answer.size()) + answer;
        (void)co_await stream->write(message);
      }
    }
  }

  Server server_;
  std::unique_ptr<io::Readiness> datagrams_;
  std::optional<io::Listener> listener_;
  io::TaskGroup tasks_;
};

// The answer to a question with these addresses.
std::string reply(const std::string& question, const std::vector<std::string>& addresses) {
  Message message;
  message.flags = 0x8180;
  for (const auto& address : addresses) message.answers.push_back({1, address});
  auto bytes = message.bytes();
  bytes[0] = question[0];
  bytes[1] = question[1];
  return bytes;
}

struct Fixture {
  std::unique_ptr<io::Loop> loop = io::Loop::create().value();
  FakeServer first{*loop};
  FakeServer second{*loop};
  std::optional<Resolver> resolver;
  std::uint16_t port = 0;

  void start() { start(Resolver::Options()); }
  void start(Resolver::Options options) {
    options.upstream.servers = {first.server(), second.server()};
    options.upstream.try_time = milliseconds(100);
    options.upstream.whole_time = milliseconds(500);
    resolver.emplace(*loop, system_random(), std::move(options));
    BothSockets sockets;
    port = sockets.port;
    ASSERT_TRUE(resolver->serve(1, std::move(sockets.datagrams), std::move(sockets.listener)));
  }
  void run(const std::function<io::Task<void>()>& work) {
    auto all = [](Fixture& fixture, const std::function<io::Task<void>()>& part) -> io::Task<void> {
      co_await part();
      co_await fixture.resolver->stop();
      co_await fixture.first.stop();
      co_await fixture.second.stop();
    };
    io::run_until_done(*loop, all(*this, work));
  }

  // What the sandbox hears over UDP; "" after a while without an answer.
  io::Task<std::string> ask(std::string question, milliseconds patience = milliseconds(3000)) {
    auto socket = bound(SOCK_DGRAM);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    EXPECT_GT(::send(socket.get(), question.data(), question.size(), 0), 0);
    auto readiness = io::Readiness::create(*loop, std::move(socket)).value();
    std::string buffer(4096, '\0');
    auto deadline = io::Deadline::in(*loop, patience);
    while (true) {
      ssize_t size = ::recv(readiness->descriptor().get(), buffer.data(), buffer.size(), 0);
      if (size >= 0) co_return buffer.substr(0, static_cast<std::size_t>(size));
      readiness->drained();
      auto ready = co_await readiness->readable(deadline);
      if (!ready) co_return std::string();
    }
  }
};

Query asked(std::uint16_t id = 7) {
  Message message;
  message.id = id;
  return parse_query(message.bytes()).value();
}

TEST(Resolver, PassesAPublicAddressOn) {
  Fixture fixture;
  fixture.first.over_udp = [](const std::string& q) { return std::vector{reply(q, {v4(93, 184, 216, 34)})}; };
  fixture.start();
  fixture.run([&]() -> io::Task<void> {
    auto bytes = co_await fixture.ask(Message{}.bytes());
    auto answer = parse_answer(bytes, asked(), 7);
    EXPECT_TRUE(answer);
    EXPECT_EQ(answer ? answer->addresses.size() : 0, 1u);
  });
  ASSERT_EQ(fixture.first.heard.size(), 1u);
  // Nothing of the function's own bytes but the question goes out.
  auto question = parse_query(fixture.first.heard[0]);
  ASSERT_TRUE(question);
  EXPECT_EQ(readable(question->question), "www.example.org");
}

TEST(Resolver, WithholdsPrivateAddresses) {
  for (const auto& address : {v4(10, 0, 0, 1), v4(127, 0, 0, 1), v4(169, 254, 169, 254), v4(192, 168, 1, 1)}) {
    Fixture fixture;
    fixture.first.over_udp = [&](const std::string& q) {
      return std::vector{reply(q, {v4(93, 184, 216, 34), address})};
    };
    fixture.start();
    fixture.run([&]() -> io::Task<void> {
      auto bytes = co_await fixture.ask(Message{}.bytes());
      auto answer = parse_answer(bytes, asked(), 7);
      EXPECT_TRUE(answer);
      EXPECT_TRUE(answer && answer->addresses.empty() && answer->code == Code::None);
    });
    EXPECT_EQ(fixture.resolver->counters().withheld, 1u);
  }
}

TEST(Resolver, PassesAPrivateAddressThatWasAllowed) {
  Fixture fixture;
  fixture.first.over_udp = [](const std::string& q) { return std::vector{reply(q, {v4(10, 1, 0, 1)})}; };
  Resolver::Options options;
  options.policy = AddressPolicy({Range::parse("10.1.0.0/16").value()});
  fixture.start(std::move(options));
  fixture.run([&]() -> io::Task<void> {
    auto bytes = co_await fixture.ask(Message{}.bytes());
    auto answer = parse_answer(bytes, asked(), 7);
    EXPECT_EQ(answer ? answer->addresses.size() : 0, 1u);
  });
}

TEST(Resolver, IgnoresForgedAnswersAndTakesTheRightOne) {
  Fixture fixture;
  fixture.first.over_udp = [](const std::string& q) {
    auto other_id = reply(q, {v4(6, 6, 6, 6)});
    other_id[0] = static_cast<char>(other_id[0] ^ 1);
    auto other_name = reply(q, {v4(6, 6, 6, 6)});
    other_name[13] = 'x';
    return std::vector<std::string>{other_id, other_name, "junk", reply(q, {v4(1, 1, 1, 1)})};
  };
  fixture.start();
  fixture.run([&]() -> io::Task<void> {
    auto bytes = co_await fixture.ask(Message{}.bytes());
    auto answer = parse_answer(bytes, asked(), 7);
    EXPECT_TRUE(answer && answer->addresses.size() == 1 && answer->addresses[0].text() == "1.1.1.1");
  });
}

TEST(Resolver, AsksTheNextServerWhenOneIsSilentOrUnable) {
  for (bool is_silent : {true, false}) {
    Fixture fixture;
    fixture.first.over_udp = [&](const std::string& q) {
      auto unable = reply(q, {});
      unable[3] = static_cast<char>(0x82);  // SERVFAIL
      return is_silent ? std::vector<std::string>() : std::vector{unable};
    };
    fixture.second.over_udp = [](const std::string& q) { return std::vector{reply(q, {v4(1, 1, 1, 1)})}; };
    fixture.start();
    fixture.run([&]() -> io::Task<void> {
      auto bytes = co_await fixture.ask(Message{}.bytes());
      auto answer = parse_answer(bytes, asked(), 7);
      EXPECT_EQ(answer ? answer->addresses.size() : 0, 1u);
    });
    EXPECT_EQ(fixture.first.heard.size(), 1u);
  }
}

TEST(Resolver, SaysSoWhenNoServerAnswers) {
  Fixture fixture;
  fixture.first.over_udp = fixture.second.over_udp = [](const std::string&) { return std::vector<std::string>(); };
  fixture.start();
  fixture.run([&]() -> io::Task<void> {
    auto bytes = co_await fixture.ask(Message{}.bytes());
    auto answer = parse_answer(bytes, asked(), 7);
    EXPECT_TRUE(answer && answer->code == Code::ServerFailed);
  });
  EXPECT_EQ(fixture.resolver->counters().failed, 1u);
}

TEST(Resolver, FetchesALongAnswerOverTcpAndHandsItOverInTheSameWay) {
  Fixture fixture;
  std::vector<std::string> many(60, v4(1, 1, 1, 1));
  fixture.first.over_udp = [](const std::string& q) {
    auto cut = reply(q, {});
    cut[2] = static_cast<char>(0x83);
    return std::vector{cut};
  };
  fixture.first.over_tcp = [&](const std::string& q) { return std::vector{reply(q, many)}; };
  fixture.start();
  fixture.run([&]() -> io::Task<void> {
    auto bytes = co_await fixture.ask(Message{}.bytes());
    auto answer = parse_answer(bytes, asked(), 7);
    EXPECT_TRUE(answer && answer->is_cut && bytes.size() <= kPlainDatagram);
    auto deadline = io::Deadline::in(*fixture.loop, std::chrono::seconds(3));
    auto stream = co_await io::connect(*fixture.loop, "127.0.0.1", fixture.port, deadline);
    if (!stream) {
      ADD_FAILURE() << stream.error().message();
      co_return;
    }
    auto question = Message{}.bytes();
    auto sent = number(question.size()) + question;
    // In two parts, as a stream may deliver it.
    (void)co_await stream->write(std::string_view(sent).substr(0, 1));
    (void)co_await stream->write(std::string_view(sent).substr(1));
    std::string whole;
    std::string buffer(4096, '\0');
    std::size_t wanted = 2 + reply(question, many).size();
    while (whole.size() < wanted) {
      auto count = co_await stream->read_some(buffer, deadline);
      if (!count || *count == 0) break;
      whole += buffer.substr(0, *count);
    }
    auto long_answer = parse_answer(std::string_view(whole).substr(std::min<std::size_t>(2, whole.size())), asked(), 7);
    EXPECT_EQ(long_answer ? long_answer->addresses.size() : 0, many.size());
  });
}

TEST(Resolver, SaysNothingToWhatIsNoQuestion) {
  Fixture fixture;
  fixture.start();
  fixture.run([&]() -> io::Task<void> {
    auto bytes = co_await fixture.ask("junk", milliseconds(50));
    EXPECT_EQ(bytes, "");
  });
  EXPECT_EQ(fixture.resolver->counters().malformed, 1u);
  EXPECT_TRUE(fixture.first.heard.empty());
}

TEST(Resolver, BoundsTheQuestionsUnderWay) {
  Fixture fixture;
  fixture.first.over_udp = fixture.second.over_udp = [](const std::string&) { return std::vector<std::string>(); };
  Resolver::Options options;
  options.most_of_one = 2;
  fixture.start(std::move(options));
  fixture.run([&]() -> io::Task<void> {
    io::TaskGroup group(*fixture.loop);
    auto ask = [](Fixture& f) -> io::Task<void> { (void)co_await f.ask(Message{}.bytes(), milliseconds(1000)); };
    for (int i = 0; i < 5; ++i) group.add(ask(fixture));
    (void)co_await group.join();
  });
  EXPECT_EQ(fixture.resolver->counters().questions, 2u);
  EXPECT_EQ(fixture.resolver->counters().refused, 3u);
}

TEST(Resolver, EndsASandboxWithQuestionsUnderWay) {
  Fixture fixture;
  fixture.first.over_udp = fixture.second.over_udp = [](const std::string&) { return std::vector<std::string>(); };
  fixture.start();
  fixture.run([&]() -> io::Task<void> {
    auto none = co_await fixture.ask(Message{}.bytes(), milliseconds(20));
    EXPECT_EQ(none, "");
    fixture.resolver->end(1);
    fixture.resolver->end(1);  // again: nothing
  });
}

TEST(ResolvConf, NamesTheServers) {
  auto servers = parse_resolv_conf(
      "# a comment\nsearch example.org\nnameserver 192.168.1.1\n nameserver\t2001:db8::1 # more\nnameserver nonsense\n"
      "nameserver 1.1.1.1\r\nnameserver 9.9.9.9\n");
  EXPECT_EQ(servers, (std::vector<Server>{{"192.168.1.1"}, {"2001:db8::1"}, {"1.1.1.1"}}));
  EXPECT_EQ(parse_resolv_conf(""), (std::vector<Server>{{"127.0.0.1"}}));
}

TEST(Upstream, ReadsTheListOfServersFromTheFile) {
  Fixture fixture;
  auto folder = os::TemporaryDirectory::create().value();
  ASSERT_TRUE(os::write_file_durably(folder.path() + "/resolv.conf", "nameserver nonsense\n"));
  Upstream::Options options;
  options.resolv_conf = folder.path() + "/resolv.conf";
  options.try_time = options.whole_time = milliseconds(50);
  Upstream upstream(*fixture.loop, system_random(), options);
  fixture.start();
  fixture.run([&]() -> io::Task<void> {
    auto query = asked();
    // 127.0.0.1, where nobody answers on port 53, or somebody refuses to.
    auto reply = co_await upstream.ask(query);
    EXPECT_TRUE(!reply || reply->answer.code != Code::None || reply->answer.addresses.size() > 0);
  });
}

}  // namespace
}  // namespace virga::names
