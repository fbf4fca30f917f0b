#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/clients/conversation.h"
#include "bench/clients/signer.h"

namespace virga::load {

// Sends messages to a queue, receives as many and deletes what it received, one request after the other, over the JSON
// protocol of Amazon SQS. Others do the same with the queue, so it gets messages of theirs and they get its own; a
// receiver that comes too early asks again. One thread.
class QueueCycle final : public Conversation {
 public:
  struct Options {
    std::string url;          // of the queue
    std::size_t batch = 1;    // messages of a request; above 1 the operations for batches, at most 10
    std::size_t bytes = 100;  // of a message
  };

  QueueCycle(Signer& signer, const Options& options);  // the signer outlives it

  Request next() override;
  bool take(unsigned status, std::string_view body) override;
  std::uint64_t done() const override { return deleted_; }
  bool wants_bodies() const override { return true; }

 private:
  enum class Step { Send, Receive, Delete };

  struct Written {
    std::string operation;
    std::string body;
    std::string head;
    WallTime at;
  };
  Request write(Written& request);
  std::string delete_body() const;

  Signer& signer_;
  Options options_;
  Step step_ = Step::Send;
  Written send_;
  Written receive_;
  Written delete_;
  std::vector<std::string> receipts_;  // as they stand in the answer, escapes and all
  std::uint64_t missing_ = 0;          // messages that were sent and not yet deleted
  std::uint64_t deleted_ = 0;
};

// The values of a member that is a text, wherever it stands in the JSON, with their escapes.
std::vector<std::string> texts_of(std::string_view json, std::string_view member);

}  // namespace virga::load
