#pragma once

#include <string>

#include "virga/http/message.h"
#include "virga/io/loop.h"
#include "virga/ledger/logs.h"
#include "virga/model/names.h"

namespace virga::dialects {

// {"sequence","time","request_id","version","text","complete"[,"report":{...}]} and a newline, appended.
void append_log_line(std::string& out, const ledger::LogRecord& record);

// A function's log as it grows, as JSON lines, until the peer has gone. One loop; `logs` outlives it.
class LogStream final : public http::BodySource {
 public:
  LogStream(io::Loop& loop, ledger::Logs& logs, model::FunctionName function, std::uint64_t after)
      : loop_(loop), logs_(logs), function_(std::move(function)), after_(after) {}

  io::Task<Result<std::string>> next() override;
  void cancel() override { cancelled_ = true; }

 private:
  io::Loop& loop_;
  ledger::Logs& logs_;
  model::FunctionName function_;
  std::uint64_t after_;
  bool cancelled_ = false;
};

}  // namespace virga::dialects
