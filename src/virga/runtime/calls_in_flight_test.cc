#include "virga/runtime/calls_in_flight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace virga::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class InFlight : public ::testing::Test {
 protected:
  Call& call() {
    return *calls_.emplace_back(std::make_unique<Call>(*loop_, model::Invocation(), std::chrono::seconds(1)));
  }
  static SteadyTime at(int seconds) { return SteadyTime(std::chrono::seconds(seconds)); }

  std::unique_ptr<io::Loop> loop_ = io::Loop::create().value();
  std::vector<std::unique_ptr<Call>> calls_;
  CallsInFlight flight_;
};

TEST_F(InFlight, OneAtATimeBeginsWhenTheOneBeforeIsAnswered) {
  auto &a = call(), &b = call();
  EXPECT_EQ(flight_.add(a, at(1)), 1u);
  EXPECT_EQ(flight_.add(b, at(2)), 2u);
  EXPECT_EQ(flight_.running(1), &a);
  EXPECT_EQ(flight_.running(2), nullptr);
  EXPECT_EQ(b.started, SteadyTime());
  flight_.remove(1, at(5));
  EXPECT_EQ(flight_.running(1), nullptr);
  EXPECT_EQ(flight_.running(2), &b);
  EXPECT_EQ(b.started, at(5));
  EXPECT_EQ(flight_.size(), 1u);
}

TEST_F(InFlight, SeveralAtATimeAreAnsweredInAnyOrder) {
  flight_.set_limit(3);
  auto &a = call(), &b = call(), &c = call();
  for (auto* each : {&a, &b, &c}) flight_.add(*each, at(1));
  EXPECT_EQ(c.started, at(1));
  flight_.remove(2, at(2));
  EXPECT_EQ(flight_.running(2), nullptr);
  EXPECT_EQ(flight_.oldest(), &a);
  flight_.remove(1, at(3));
  EXPECT_EQ(flight_.oldest(), &c);
  EXPECT_EQ(flight_.oldest_number(), 3u);
  auto& d = call();
  EXPECT_EQ(flight_.add(d, at(4)), 4u);
  EXPECT_THAT(flight_.take_all(), ElementsAre(&c, &d));
  EXPECT_TRUE(flight_.empty());
  EXPECT_EQ(flight_.running(4), nullptr);
  EXPECT_EQ(flight_.add(call(), at(5)), 5u);
}

TEST_F(InFlight, NumbersThatWereNeverGivenAreNobodys) {
  EXPECT_EQ(flight_.running(0), nullptr);
  EXPECT_EQ(flight_.running(1), nullptr);
  flight_.add(call(), at(1));
  EXPECT_EQ(flight_.running(0), nullptr);
  EXPECT_EQ(flight_.running(UINT64_MAX), nullptr);
  flight_.remove(1, at(1));
  EXPECT_THAT(flight_.take_all(), IsEmpty());
}

}  // namespace
}  // namespace virga::runtime
