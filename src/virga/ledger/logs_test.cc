#include "virga/ledger/logs.h"

#include <gtest/gtest.h>

#include "virga/io/task_group.h"

namespace virga::ledger {
namespace {

using std::chrono::microseconds;

const model::FunctionName kName("hello");

LogRecord record_of(std::string text) {
  LogRecord record;
  record.id = model::RequestId("id");
  record.text = std::move(text);
  return record;
}

TEST(ReportLine, HasLambdasForm) {
  Report report;
  report.duration = microseconds(12340);
  report.init_duration = microseconds(150100);
  report.memory_size = model::mebibytes(128);
  report.max_memory_used = model::Bytes{64u << 20};
  EXPECT_EQ(
      report_line(model::RequestId("id"), report),
      "REPORT RequestId: id\tDuration: 12.34 ms\tBilled Duration: 163 ms\tMemory Size: 128 MB\tMax Memory Used: 64 "
      "MB\tInit Duration: 150.10 ms\t");
  report.init_duration = microseconds(0);
  report.duration = microseconds(7);
  EXPECT_EQ(
      report_line(model::RequestId("id"), report),
      "REPORT RequestId: id\tDuration: 0.01 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\t");
}

TEST(Logs, KeepTheNewestUpToTheirSize) {
  auto loop = io::Loop::create().value();
  Logs logs(*loop, 2000);
  for (int i = 0; i < 100; ++i) logs.append(kName, record_of("line " + std::to_string(i) + "\n"));
  auto records = logs.read(kName, 0, 1000);
  ASSERT_EQ(records.size(), 9u);
  EXPECT_EQ(records.back().text, "line 99\n");
  EXPECT_EQ(records.back().sequence, 100u);
  EXPECT_EQ(logs.read(kName, 99, 1000).size(), 1u);
  EXPECT_EQ(logs.read(kName, 100, 1000).size(), 0u);
  EXPECT_EQ(logs.read(model::FunctionName("other"), 0, 1000).size(), 0u);
}

TEST(Logs, GiveBackWhatTheyWereGiven) {
  auto loop = io::Loop::create().value();
  Logs logs(*loop);
  for (std::string id : {"", "id", "00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000000-1"}) {
    for (const char* text : {"", "line\n"}) {
      auto record = record_of(text);
      record.id = model::RequestId(id);
      record.version = model::VersionNumber(7);
      record.time = WallTime(std::chrono::seconds(5));
      record.complete = false;
      record.report.duration = microseconds(3);
      record.report.status = ReportStatus::Timeout;
      logs.append(kName, record);
      auto sequence = logs.read(kName, 0, 100).size();
      auto read = logs.read(kName, sequence - 1, 100);
      ASSERT_EQ(read.size(), 1u);
      EXPECT_EQ(read[0].sequence, sequence);
      EXPECT_EQ(read[0].id.text(), id);
      EXPECT_EQ(read[0].text, text);
      EXPECT_EQ(read[0].version, record.version);
      EXPECT_EQ(read[0].time, record.time);
      EXPECT_FALSE(read[0].complete);
      EXPECT_EQ(read[0].report.duration, microseconds(3));
      EXPECT_EQ(to_text(read[0].report.status), "timeout");
    }
  }
  EXPECT_EQ(logs.read(kName, 3, 2).size(), 2u);
  logs.forget(kName);
  EXPECT_TRUE(logs.read(kName, 0, 100).empty());
}

io::Task<void> wait_for_two(Logs& logs, int& seen) {
  EXPECT_TRUE(co_await logs.wait(kName, 0, io::Deadline::never()));
  ++seen;
  EXPECT_TRUE(co_await logs.wait(kName, 1, io::Deadline::never()));
  ++seen;
}

io::Task<void> write_two(io::Loop& loop, Logs& logs, int& seen) {
  io::TaskGroup group(loop);
  group.add(wait_for_two(logs, seen));
  logs.append(kName, record_of("a\n"));
  co_await io::sleep_until(loop, io::Deadline::in(loop, std::chrono::milliseconds(1)));
  EXPECT_EQ(seen, 1);
  logs.append(kName, record_of("b\n"));
  EXPECT_TRUE(co_await group.join());
}

TEST(Logs, WakeWhoWaitsForMore) {
  auto loop = io::Loop::create().value();
  Logs logs(*loop);
  int seen = 0;
  io::run_until_done(*loop, write_two(*loop, logs, seen));
  EXPECT_EQ(seen, 2);
}

}  // namespace
}  // namespace virga::ledger
