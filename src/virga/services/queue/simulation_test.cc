// Queues in simulated time, under seeds: crashes, a disk that loses what it had not written, receivers that delete,
// hide, forget or come too late. A failing seed gives the same run again:
//
//   VIRGA_SEED=17 virga_services_queue_test --gtest_filter=Simulation.*
//   VIRGA_SEEDS=10000 VIRGA_HOURS=4 virga_services_queue_test --gtest_filter=Simulation.*

#include "virga/base/testing/simulation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "virga/dispatch/testing/fake_instances.h"
#include "virga/io/task_group.h"
#include "virga/services/queue/queues.h"
#include "virga/store/testing/memory_store.h"
#include "virga/store/testing/simulated.h"

namespace virga::services::queue {
namespace {

using simulation::Chance;
using simulation::Journal;
using simulation::JumpingClock;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using store::testing::SlowStore;

constexpr const char* kPlain = "plain";
constexpr const char* kGroups = "groups.fifo";
constexpr const char* kDead = "dead";
constexpr seconds kVisibility{30};

class World {
 public:
  World(std::uint64_t seed, Journal& journal) : chance_(seed), journal_(journal) {
    boot();
    create(kDead, {});
    Settings settings;
    settings.visibility = kVisibility;
    settings.dead_letters = kDead;
    settings.max_receives = 6;
    create(kPlain, settings);
    settings = {};
    settings.visibility = kVisibility;
    settings.is_fifo = true;
    create(kGroups, settings);
  }
  ~World() { crash(); }

  void run(hours time) {
    auto end = clock_.steady() + time;
    while (clock_.steady() < end) step();
    // From here on everything is received and deleted.
    is_draining_ = true;
    for (int i = 0; i < 2000 && !is_empty(); ++i) {
      for (const auto* name : {kPlain, kGroups, kDead}) tasks_.add(receive(name));
      advance(seconds(5));
    }
  }

  void check() {
    EXPECT_TRUE(is_empty());
    for (const auto& [body, known] : messages_) {
      if (known.acknowledged != 0) EXPECT_TRUE(known.was_seen) << body << " is lost";
    }
  }
  std::uint64_t received() const { return received_; }

 private:
  struct Known {
    std::uint64_t sent = 0;          // when, as moments are counted here
    std::uint64_t acknowledged = 0;  // 0: never
    bool was_seen = false;
    bool is_deletion_asked = false;
    bool is_deleted = false;    // and that was acknowledged
    SteadyTime hidden_until{};  // as receivers were told
  };

  void create(const char* name, Settings settings) {
    tasks_.add(make(name, std::move(settings)));
    for (int i = 0; i < 20; ++i) advance(milliseconds(10));
    ASSERT_TRUE(queues_->describe(name));
  }
  io::Task<void> make(std::string name, Settings settings) {
    Tags tags;
    auto made = co_await queues_->create(std::move(name), std::move(settings), std::move(tags));
    EXPECT_TRUE(made);
  }

  void boot() {
    registry_ = std::make_unique<metrics::Registry>();
    store_.emplace(*loop_, disk_, chance_);
    queues_ = std::move(*Queues::open({*loop_, *store_, chance_, *registry_, "arn:aws:sqs:r:0:"}, {}, disk_));
    queues_->serve();
  }
  // As by `kill -9`: nothing is written any more, and nobody hears of anything.
  void crash() {
    tell("crash");
    store_->lose_power();
    queues_->close();
    dispatch::testing::settle(*loop_);
    io::run_until_done(*loop_, queues_->stop());
    dispatch::testing::settle(*loop_);
    queues_.reset();
    store_.reset();
  }

  void step() {
    if (chance_.one_in(150)) {
      crash();
      boot();
    }
    if (chance_.one_in(3)) tasks_.add(send(kPlain));
    if (chance_.one_in(3)) tasks_.add(send(kGroups));
    if (chance_.one_in(3)) tasks_.add(receive(kPlain));
    if (chance_.one_in(3)) tasks_.add(receive(kGroups));
    advance(milliseconds(chance_.one_in(4) ? chance_.below(40'000) : chance_.below(300)));
  }
  void advance(milliseconds by) {
    clock_.turn(by);
    // A disk that is slow, and never slower than what is asked of it.
    for (int i = 0; i < (is_draining_ ? 60 : 6); ++i) {
      dispatch::testing::settle(*loop_);
      store_->work();
    }
    dispatch::testing::settle(*loop_);
  }
  bool is_empty() {
    for (const auto* name : {kPlain, kGroups, kDead}) {
      auto counts = queues_->counts(name);
      if (!counts || counts->ready + counts->out + counts->delayed > 0) return false;
    }
    return true;
  }

  // Bodies are "GROUP/NUMBER", so that they say their order.
  io::Task<void> send(std::string name) {
    std::vector<Queues::Outgoing> messages(1 + chance_.below(3));
    auto group = std::string(1, static_cast<char>('a' + chance_.below(3)));
    std::vector<std::string> bodies;
    for (auto& outgoing : messages) {
      auto number = std::to_string(1'000'000 + next_++);
      outgoing.message.body = name == kGroups ? group + "/" + number : "/" + number;
      if (name == kGroups) {
        outgoing.message.group = group;
        outgoing.message.deduplication = number;
      }
      bodies.push_back(outgoing.message.body);
      messages_[bodies.back()].sent = ++moments_;
    }
    auto sent = co_await queues_->send(name, std::move(messages));
    if (!sent) co_return;
    for (const auto& body : bodies) {
      messages_[body].acknowledged = ++moments_;
      tell("sent " + body);
    }
  }

  io::Task<void> receive(std::string name) {
    Queues::Wanted wanted;
    wanted.most = 1 + chance_.below(10);
    auto listener = queues_->make_listener();
    auto taken = loop_->now();
    auto received = co_await queues_->receive(name, wanted, listener);
    if (!received) co_return;
    auto now = loop_->now();
    std::set<std::string> together;
    for (const auto& one : *received) {
      ++received_;
      const auto& body = one.message.body;
      tell("received " + body + " from " + name);
      auto& known = messages_[body];
      known.was_seen = true;
      EXPECT_FALSE(known.is_deleted) << body << " was deleted";
      // A dead letter was not hidden where it is now.
      if (name != kDead) EXPECT_GE(now, known.hidden_until) << body << " is seen too early";
      if (name == kGroups) check_order(body, together);
      together.insert(body);
    }
    for (const auto& one : *received) {
      messages_[one.message.body].hidden_until = name == kDead ? SteadyTime() : taken + kVisibility;
    }
    for (const auto& one : *received) {
      const auto& body = one.message.body;
      auto asked = loop_->now();
      // Later, somebody else may have it.
      bool is_ours = name == kDead || asked < messages_[body].hidden_until;
      if (is_draining_ || chance_.one_in(2)) {
        messages_[body].is_deletion_asked = true;
        std::vector<std::string> receipts = {one.receipt};
        auto erased = co_await queues_->erase(name, std::move(receipts));
        if (!erased) co_return;
        if (erased->front() && is_ours && name != kDead) messages_[body].is_deleted = true;
      } else if (is_ours && chance_.one_in(3)) {
        auto until = asked + seconds(chance_.below(100));
        // It may be on the disk although nobody says so.
        messages_[body].hidden_until = std::min(messages_[body].hidden_until, until);
        std::vector<Queues::Hiding> hidings = {{one.receipt, std::chrono::duration_cast<seconds>(until - asked)}};
        auto hidden = co_await queues_->hide(name, std::move(hidings));
        if (!hidden) co_return;
        if (hidden->front()) messages_[body].hidden_until = until;
      }
    }
  }

  // Whatever of the group was acknowledged before has been deleted, or came along.
  void check_order(const std::string& body, const std::set<std::string>& together) {
    for (auto place = messages_.lower_bound(body.substr(0, 2)); place->first < body; ++place) {
      const auto& [other, known] = *place;
      bool came_before = known.acknowledged != 0 && known.acknowledged < messages_[body].sent;
      if (!came_before || together.contains(other)) continue;
      EXPECT_TRUE(known.is_deletion_asked) << body << " came before " << other;
    }
  }

  void tell(const std::string& line) { journal_.add(clock_.steady(), line); }

  Chance chance_;
  Journal& journal_;
  JumpingClock clock_;
  store::testing::MemoryStore disk_;
  std::unique_ptr<io::Loop> loop_ = io::Loop::create(clock_).value();
  std::unique_ptr<metrics::Registry> registry_;
  std::optional<SlowStore> store_;
  std::unique_ptr<Queues> queues_;
  io::TaskGroup tasks_{*loop_};
  std::map<std::string, Known> messages_;
  std::uint64_t moments_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t received_ = 0;
  bool is_draining_ = false;
};

TEST(Simulation, NoAcknowledgedMessageIsLostSeenTooEarlyOrOutOfOrder) {
  simulation::run_seeds("queues", 6, hours(2), [](std::uint64_t seed, hours time, Journal& journal) {
    World world(seed, journal);
    world.run(time);
    world.check();
    EXPECT_GT(world.received(), 10u);
  });
}

}  // namespace
}  // namespace virga::services::queue
