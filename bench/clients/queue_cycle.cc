#include "bench/clients/queue_cycle.h"

#include <fmt/format.h>

#include <algorithm>

namespace virga::load {
namespace {

constexpr std::chrono::minutes kSignedAgain{2};  // a signature is good for five

std::string send_body(const QueueCycle::Options& options) {
  std::string message(options.bytes, 'x');
  if (options.batch == 1) return fmt::format(R"({{"QueueUrl":"{}","MessageBody":"{}"}})", options.url, message);
  std::string entries;
  for (std::size_t i = 0; i < options.batch; ++i) {
    entries += fmt::format(R"({}{{"Id":"{}","MessageBody":"{}"}})", i == 0 ? "" : ",", i, message);
  }
  return fmt::format(R"({{"QueueUrl":"{}","Entries":[{}]}})", options.url, entries);
}

}  // namespace

std::vector<std::string> texts_of(std::string_view json, std::string_view member) {
  std::vector<std::string> found;
  auto quoted = fmt::format("\"{}\"", member);
  for (auto at = json.find(quoted); at != std::string_view::npos; at = json.find(quoted, at)) {
    at = json.find_first_not_of(" \t\r\n", at + quoted.size());
    if (at == std::string_view::npos || json[at] != ':') continue;
    at = json.find_first_not_of(" \t\r\n", at + 1);
    if (at == std::string_view::npos || json[at] != '"') continue;
    auto begin = ++at;
    while (at < json.size() && json[at] != '"') at += json[at] == '\\' ? 2 : 1;
    if (at < json.size()) found.emplace_back(json.substr(begin, at - begin));
  }
  return found;
}

QueueCycle::QueueCycle(Signer& signer, const Options& options) : signer_(signer), options_(options) {
  bool is_batch = options.batch > 1;
  send_ = {is_batch ? "SendMessageBatch" : "SendMessage", send_body(options), {}, {}};
  receive_ = {"ReceiveMessage",
              fmt::format(R"({{"QueueUrl":"{}","MaxNumberOfMessages":{}}})", options.url, options.batch),
              {},
              {}};
  delete_ = {is_batch ? "DeleteMessageBatch" : "DeleteMessage", {}, {}, {}};
}

std::string QueueCycle::delete_body() const {
  if (options_.batch == 1) {
    return fmt::format(R"({{"QueueUrl":"{}","ReceiptHandle":"{}"}})", options_.url, receipts_.front());
  }
  std::string entries;
  for (std::size_t i = 0; i < receipts_.size(); ++i) {
    entries += fmt::format(R"({}{{"Id":"{}","ReceiptHandle":"{}"}})", i == 0 ? "" : ",", i, receipts_[i]);
  }
  return fmt::format(R"({{"QueueUrl":"{}","Entries":[{}]}})", options_.url, entries);
}

Conversation::Request QueueCycle::write(Written& request) {
  auto now = std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
  if (request.head.empty() || now - request.at > kSignedAgain) {
    Draft draft;
    draft.fields = {{"content-type", "application/x-amz-json-1.0"}, {"x-amz-target", "AmazonSQS." + request.operation}};
    draft.body = request.body;
    request.head = signer_.head(draft, now);
    request.at = now;
  }
  return {request.head, request.body};
}

Conversation::Request QueueCycle::next() {
  switch (step_) {
    case Step::Send:
      return write(send_);
    case Step::Receive:
      return write(receive_);
    case Step::Delete:
      break;
  }
  delete_.body = delete_body();
  delete_.head.clear();
  return write(delete_);
}

bool QueueCycle::take(unsigned status, std::string_view body) {
  bool is_good = status == 200 && texts_of(body, "Code").empty();
  switch (step_) {
    case Step::Send:
      if (is_good) {
        missing_ += options_.batch;
        step_ = Step::Receive;
      }
      return is_good;
    case Step::Receive:
      receipts_ = texts_of(body, "ReceiptHandle");
      if (is_good && !receipts_.empty()) step_ = Step::Delete;
      return is_good;
    case Step::Delete:
      break;
  }
  if (is_good) {
    deleted_ += receipts_.size();
    missing_ -= std::min<std::uint64_t>(missing_, receipts_.size());
  }
  step_ = missing_ > 0 ? Step::Receive : Step::Send;
  return is_good;
}

}  // namespace virga::load
