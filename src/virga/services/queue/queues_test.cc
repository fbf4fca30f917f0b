#include "virga/services/queue/queues.h"

#include <gmock/gmock.h>

#include "virga/services/queue/target.h"
#include "virga/services/queue/testing/queue_world.h"

namespace virga::services::queue {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class QueuesTest : public testing::QueueWorld {};

// ---- refusals ----

TEST_F(QueuesTest, SaysWhatIsNotThere) {
  EXPECT_EQ(queues->describe("no").error().code(), ErrorCode::NotFound);
  EXPECT_EQ(send_all("no", {message("x")}).error().code(), ErrorCode::NotFound);
  EXPECT_EQ(erase("no", "receipt").error().code(), ErrorCode::NotFound);
  EXPECT_EQ(wait(queues->remove("no")).error().code(), ErrorCode::NotFound);
  create("q");
  EXPECT_EQ(erase("q", "receipt").error().code(), ErrorCode::PreconditionFailed);
  EXPECT_EQ(hide("q", "receipt", seconds(1)).error().code(), ErrorCode::PreconditionFailed);
}

TEST_F(QueuesTest, AQueueIsMadeOnce) {
  create("q");
  create("q");
  Settings other;
  other.delay = seconds(1);
  EXPECT_EQ(wait(queues->create("q", other, {})).error().code(), ErrorCode::AlreadyExists);
}

TEST_F(QueuesTest, WhatTheDiskRefusesIsNotAcknowledged) {
  create("q");
  tests.store.fail_commits(Error(ErrorCode::ResourceExhausted, "the disk is full"));
  EXPECT_FALSE(send_all("q", {message("lost")}));
  tests.store.fail_commits(std::nullopt);
  EXPECT_THAT(receive("q"), IsEmpty());
  send("q", "kept");
  tests.store.fail_commits(Error(ErrorCode::ResourceExhausted, "the disk is full"));
  EXPECT_FALSE(wait(queues->receive("q", {}, queues->make_listener())));
  tests.store.fail_commits(std::nullopt);
  auto received = receive("q");
  ASSERT_THAT(received, SizeIs(1));
  EXPECT_EQ(received[0].receives, 1u) << "a receive that was not answered does not count";
  tests.store.fail_commits(Error(ErrorCode::ResourceExhausted, "the disk is full"));
  EXPECT_FALSE(erase("q", received[0].receipt));
  tests.store.fail_commits(std::nullopt);
  turn(seconds(31));
  EXPECT_THAT(bodies("q"), ElementsAre("kept"));
}

TEST_F(QueuesTest, TakesNoMoreInFlightThanItMay) {
  stop();
  options.most_out = 2;
  start();
  create("q");
  for (const auto* body : {"1", "2", "3"}) send("q", body);
  EXPECT_THAT(bodies("q"), ElementsAre("1", "2"));
  EXPECT_EQ(wait(queues->receive("q", {}, queues->make_listener())).error().code(), ErrorCode::ResourceExhausted);
}

// ---- the way of a message ----

TEST_F(QueuesTest, AMessageIsSeenUntilItIsDeleted) {
  create("q");
  auto sent = send("q", "hello");
  auto received = receive("q");
  ASSERT_THAT(received, SizeIs(1));
  EXPECT_EQ(received[0].message.id, sent.id);
  EXPECT_EQ(received[0].message.body, "hello");
  EXPECT_EQ(received[0].first_received, tests.clock.wall());
  EXPECT_THAT(receive("q"), IsEmpty());
  turn(seconds(31));
  auto again = receive("q");
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].receives, 2u);
  EXPECT_EQ(again[0].first_received, received[0].first_received);
  EXPECT_TRUE(erase("q", received[0].receipt)) << "an old receipt is no error";
  EXPECT_EQ(queues->counts("q")->out, 1u) << "and deletes nothing";
  EXPECT_TRUE(erase("q", again[0].receipt));
  EXPECT_TRUE(erase("q", again[0].receipt)) << "once more is no error";
  turn(hours(1));
  EXPECT_THAT(receive("q"), IsEmpty());
  EXPECT_EQ(records("queues/message/"), 0u);
  EXPECT_EQ(records("queues/state/"), 0u);
}

TEST_F(QueuesTest, VisibilitySurvivesARestart) {
  create("q");
  send("q", "out");
  send("q", "there");
  auto received = receive("q", 1);
  ASSERT_TRUE(hide("q", received.at(0).receipt, seconds(100)));
  restart();
  EXPECT_THAT(bodies("q"), ElementsAre("there"));
  turn(seconds(50));
  auto counts = *queues->counts("q");
  EXPECT_EQ(counts.ready, 1u);
  EXPECT_EQ(counts.out, 1u);
  restart();
  EXPECT_TRUE(erase("q", received[0].receipt)) << "a receipt is good after a restart";
  turn(seconds(100));
  EXPECT_THAT(bodies("q"), ElementsAre("there"));
}

TEST_F(QueuesTest, HidingIsOfMessagesInFlight) {
  create("q");
  send("q", "a");
  auto received = receive("q");
  ASSERT_TRUE(hide("q", received.at(0).receipt, seconds(0)));
  EXPECT_EQ(hide("q", received[0].receipt, seconds(9)).error().code(), ErrorCode::Conflict);
  EXPECT_THAT(bodies("q"), ElementsAre("a"));
  EXPECT_EQ(hide("q", received[0].receipt, seconds(9)).error().code(), ErrorCode::Conflict) << "an old receipt";
  auto removed = wait(queues->purge("q"));
  ASSERT_TRUE(removed);
  EXPECT_EQ(hide("q", received[0].receipt, seconds(9)).error().code(), ErrorCode::InvalidArgument);
}

TEST_F(QueuesTest, AMessageIsHiddenForTwelveHoursInAllAtMost) {
  create("q");
  send("q", "x");
  auto receipt = receive("q").at(0).receipt;
  ASSERT_TRUE(hide("q", receipt, hours(12)));
  turn(hours(11));
  ASSERT_TRUE(hide("q", receipt, minutes(60)));
  auto refused = hide("q", receipt, minutes(61));
  EXPECT_EQ(refused.error().code(), ErrorCode::InvalidArgument);
  EXPECT_NE(refused.error().message().find("beyond the limit [43200 seconds]"), std::string::npos);
  turn(minutes(61));
  auto again = receive("q").at(0).receipt;
  EXPECT_TRUE(hide("q", again, hours(12))) << "each receive counts anew";
}

TEST_F(QueuesTest, DelaysAreOfTheMessageOrTheQueue) {
  Settings settings;
  settings.delay = seconds(10);
  create("q", settings);
  send("q", "late");
  auto now = message("now");
  now.delay = seconds(0);
  send("q", std::move(now));
  EXPECT_EQ(queues->counts("q")->delayed, 1u);
  EXPECT_THAT(bodies("q"), ElementsAre("now"));
  restart();
  turn(seconds(9));
  EXPECT_THAT(receive("q"), IsEmpty());
  turn(milliseconds(1100));
  EXPECT_THAT(bodies("q"), ElementsAre("late"));
}

TEST_F(QueuesTest, WhatIsOverIsRemoved) {
  Settings settings;
  settings.retention = seconds(60);
  create("q", settings);
  send("q", "old");
  turn(seconds(59));
  send("q", "new");
  turn(seconds(2));
  EXPECT_THAT(bodies("q"), ElementsAre("new"));
  EXPECT_EQ(records("queues/message/"), 1u);
  turn(minutes(3));
  EXPECT_EQ(records("queues/message/"), 0u) << "also what nobody asks for";
}

TEST_F(QueuesTest, AReceiverWaitsForAMessage) {
  create("q");
  std::vector<std::string> got;
  auto listen = [&](std::chrono::seconds time) -> io::Task<void> {
    Queues::Wanted wanted;
    wanted.until = io::Deadline::in(*loop, time);
    auto received = co_await queues->receive("q", wanted, queues->make_listener());
    EXPECT_TRUE(received);
    for (const auto& one : *received) got.push_back(one.message.body);
    got.emplace_back("-");
  };
  io::TaskGroup group(*loop);
  group.add(listen(seconds(20)));
  group.add(listen(seconds(20)));
  turn(seconds(5));
  EXPECT_THAT(got, IsEmpty());
  send("q", "one");
  settle();
  EXPECT_THAT(got, ElementsAre("one", "-")) << "one message wakes one of them";
  turn(seconds(16));
  EXPECT_THAT(got, ElementsAre("one", "-", "-"));
}

TEST_F(QueuesTest, AReceiverSeesWhatBecomesVisibleWhileItWaits) {
  create("q");
  send("q", "a");
  auto first = receive("q");
  std::vector<std::string> got;
  auto listen = [&]() -> io::Task<void> {
    Queues::Wanted wanted;
    wanted.until = io::Deadline::in(*loop, seconds(60));
    auto received = co_await queues->receive("q", wanted, queues->make_listener());
    for (const auto& one : *received) got.push_back(one.message.body);
  };
  io::TaskGroup group(*loop);
  group.add(listen());
  turn(seconds(29));
  EXPECT_THAT(got, IsEmpty());
  turn(seconds(2));
  EXPECT_THAT(got, ElementsAre("a"));
}

TEST_F(QueuesTest, AReceiverWhoGaveUpGetsNothing) {
  create("q");
  auto listener = queues->make_listener();
  std::optional<std::size_t> got;
  auto listen = [&]() -> io::Task<void> {
    Queues::Wanted wanted;
    wanted.until = io::Deadline::in(*loop, seconds(20));
    auto received = co_await queues->receive("q", wanted, listener);
    got = received->size();
  };
  io::TaskGroup group(*loop);
  group.add(listen());
  settle();
  listener->cancel();
  settle();
  EXPECT_EQ(got, 0u);
  send("q", "a");
  EXPECT_THAT(bodies("q"), ElementsAre("a"));
}

TEST_F(QueuesTest, PurgeAndRemovalLeaveNothing) {
  create("q");
  for (const auto* body : {"1", "2", "3"}) send("q", body);
  (void)receive("q", 1);
  ASSERT_TRUE(wait(queues->purge("q")));
  EXPECT_EQ(records("queues/message/") + records("queues/state/"), 0u);
  send("q", "4");
  EXPECT_THAT(bodies("q"), ElementsAre("4"));
  ASSERT_TRUE(wait(queues->remove("q")));
  EXPECT_EQ(records("queues/message/") + records("queues/state/") + records("queues/queue/"), 0u);
  EXPECT_THAT(queues->names(""), IsEmpty());
  restart();
  EXPECT_THAT(queues->names(""), IsEmpty());
}

// ---- groups ----

TEST_F(QueuesTest, AGroupKeepsItsOrderOverARestart) {
  create("q.fifo");
  for (const auto* body : {"1", "2", "3"}) send("q.fifo", message(body, "g", body));
  send("q.fifo", message("other", "h", "other"));
  auto first = receive("q.fifo", 1);
  EXPECT_EQ(first.at(0).message.body, "1");
  restart();
  EXPECT_THAT(bodies("q.fifo"), ElementsAre("other")) << "2 waits for 1";
  ASSERT_TRUE(erase("q.fifo", first[0].receipt));
  EXPECT_THAT(bodies("q.fifo"), ElementsAre("2", "3"));
}

TEST_F(QueuesTest, AnExpiredReceiptOfAGroupIsAnError) {
  create("q.fifo");
  send("q.fifo", message("1", "g", "1"));
  auto first = receive("q.fifo");
  turn(seconds(31));
  EXPECT_EQ(erase("q.fifo", first.at(0).receipt).error().code(), ErrorCode::InvalidArgument);
}

TEST_F(QueuesTest, AReceiveThatIsAskedForAgainByItsNameGivesTheSame) {
  create("q.fifo");
  for (const auto* body : {"1", "2"}) send("q.fifo", message(body, "g", body));
  Queues::Wanted wanted;
  wanted.attempt = "a";
  auto receive_named = [&] { return wait(queues->receive("q.fifo", wanted, queues->make_listener())).value(); };
  auto first = receive_named();
  ASSERT_THAT(first, SizeIs(1));
  turn(seconds(20));
  auto again = receive_named();
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].receipt, first[0].receipt);
  EXPECT_EQ(again[0].message.body, "1");
  EXPECT_EQ(again[0].receives, 1u);
  turn(seconds(20));
  EXPECT_THAT(receive("q.fifo"), IsEmpty()) << "it is hidden anew";
  EXPECT_TRUE(erase("q.fifo", first[0].receipt));
  // What was deleted is not given again: this is a receive like any other.
  auto next = receive_named();
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(next[0].message.body, "2");
  ASSERT_TRUE(hide("q.fifo", next[0].receipt, seconds(100)));
  EXPECT_THAT(receive_named(), IsEmpty()) << "nor is what was hidden otherwise";
}

TEST_F(QueuesTest, ARepeatIsTheFirstMessage) {
  Settings settings;
  settings.dedup_by_content = true;
  create("q.fifo", settings);
  auto first = send("q.fifo", message("same", "g"));
  auto repeat = send("q.fifo", message("same", "g"));
  EXPECT_EQ(repeat.id, first.id);
  EXPECT_EQ(repeat.number, first.number);
  EXPECT_TRUE(repeat.is_repeat);
  restart();
  EXPECT_TRUE(send("q.fifo", message("same", "g")).is_repeat);
  auto both = send_all("q.fifo", {message("twice", "g"), message("twice", "g")});
  EXPECT_EQ(both->at(0).id, both->at(1).id);
  EXPECT_THAT(bodies("q.fifo"), ElementsAre("same", "twice"));
  turn(minutes(6));
  EXPECT_FALSE(send("q.fifo", message("same", "g")).is_repeat);
  EXPECT_EQ(records("queues/dedup/"), 1u) << "what is over is forgotten";
}

// ---- dead letters ----

TEST_F(QueuesTest, WhatFailsTooOftenBecomesADeadLetter) {
  create("dead");
  Settings settings;
  settings.dead_letters = "dead";
  settings.max_receives = 2;
  settings.visibility = seconds(1);
  create("q", settings);
  auto sent = send("q", "bad");
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(bodies("q"), ElementsAre("bad"));
    turn(seconds(2));
  }
  EXPECT_THAT(receive("q"), IsEmpty());
  auto dead = receive("dead");
  ASSERT_THAT(dead, SizeIs(1));
  EXPECT_EQ(dead[0].message.id, sent.id);
  EXPECT_EQ(dead[0].message.dead_letter_source, std::string(kArns) + "q");
  EXPECT_THAT(queues->dead_letter_sources("dead"), ElementsAre("q"));
  EXPECT_EQ(records("queues/message/"), 1u);
}

TEST_F(QueuesTest, DeadLettersAreMovedBack) {
  create("dead");
  Settings settings;
  settings.dead_letters = "dead";
  settings.max_receives = 1;
  settings.visibility = seconds(0);
  create("q", settings);
  EXPECT_EQ(wait(queues->start_move("q", "", 0)).error().code(), ErrorCode::InvalidArgument);
  for (int i = 0; i < 25; ++i) send("q", std::to_string(i));
  for (int i = 0; i < 4; ++i) (void)receive("q");
  for (int i = 0; i < 4; ++i) (void)receive("q");
  auto in_grave = queues->counts("dead")->ready;
  ASSERT_GT(in_grave, 10u);
  auto id = wait(queues->start_move("dead", "", 0));
  ASSERT_TRUE(id);
  settle();
  auto tasks = queues->moves("dead");
  ASSERT_THAT(*tasks, SizeIs(1));
  EXPECT_EQ(name(tasks->at(0).status), "COMPLETED");
  EXPECT_EQ(tasks->at(0).moved, in_grave);
  EXPECT_EQ(queues->counts("dead")->ready, 0u);
  EXPECT_EQ(queues->counts("q")->ready, 25u);
  EXPECT_EQ(wait(queues->cancel_move(*id)).error().code(), ErrorCode::Conflict);
  restart();
  EXPECT_THAT(*queues->moves("dead"), SizeIs(1));
}

TEST_F(QueuesTest, ASlowMoveGoesOnAfterARestartAndCanBeCancelled) {
  create("dead");
  create("there");
  Settings settings;
  settings.dead_letters = "dead";
  settings.max_receives = 1;
  create("q", settings);
  for (int i = 0; i < 10; ++i) send("dead", std::to_string(i));
  auto id = wait(queues->start_move("dead", "there", 2));
  ASSERT_TRUE(id);
  settle();
  EXPECT_EQ(queues->counts("there")->ready, 2u);
  EXPECT_EQ(wait(queues->start_move("dead", "there", 2)).error().code(), ErrorCode::Conflict);
  restart();
  turn(milliseconds(1100));
  EXPECT_GT(queues->counts("there")->ready, 2u);
  ASSERT_TRUE(wait(queues->cancel_move(*id)));
  turn(seconds(2));
  turn(seconds(2));
  EXPECT_EQ(name(queues->moves("dead")->at(0).status), "CANCELLED");
  auto moved = queues->counts("there")->ready;
  EXPECT_LT(moved, 10u);
  EXPECT_EQ(queues->counts("there")->ready + queues->counts("dead")->ready, 10u);
}

// ---- as a target ----

TEST_F(QueuesTest, AParcelIsAMessageOnceItsBatchIsWritten) {
  create("q");
  create("q.fifo");
  QueueTarget target(*queues);
  auto arn = std::string(kArns) + "q";
  EXPECT_TRUE(target.takes(arn));
  EXPECT_FALSE(target.takes("arn:aws:lambda:r:0:function:q"));
  EXPECT_TRUE(target.check(arn));
  EXPECT_EQ(target.check(std::string(kArns) + "no").error().code(), ErrorCode::NotFound);
  store::Batch batch;
  events::Parcel parcel{R"({"a":1})", {{"ErrorCode", "200"}, {"Empty", ""}}, "arn:sender", ""};
  auto arrived = target.send(arn, parcel, batch);
  auto in_group = target.send(arn + ".fifo", parcel, batch);
  ASSERT_TRUE(arrived && in_group);
  EXPECT_THAT(receive("q"), IsEmpty());
  ASSERT_TRUE(tests.store.commit(std::move(batch), store::Durability::Synced));
  (*arrived)();
  (*in_group)();
  auto received = receive("q");
  ASSERT_THAT(received, SizeIs(1));
  EXPECT_EQ(received[0].message.body, R"({"a":1})");
  ASSERT_THAT(received[0].message.attributes, SizeIs(1));
  EXPECT_EQ(received[0].message.attributes[0].name, "ErrorCode");
  EXPECT_EQ(receive("q.fifo").at(0).message.group, "arn:sender");
}

}  // namespace
}  // namespace virga::services::queue
