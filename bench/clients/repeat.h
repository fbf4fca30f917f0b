#pragma once

#include <string>
#include <vector>

#include "bench/clients/conversation.h"
#include "bench/clients/signer.h"

namespace virga::load {

// Prepared requests that many connections send in turn. One thread.
class Prepared {
 public:
  // None of the drafts needs the answer of another.
  Prepared(Signer& signer, std::vector<Draft> drafts);

  Conversation::Request next();

 private:
  struct Written {
    std::string head;
    WallTime at;
  };
  Signer& signer_;
  std::vector<Draft> drafts_;
  std::vector<Written> written_;
  std::size_t next_ = 0;
};

// Sends them, and hopes for statuses from 200 to 299.
class Repeat final : public Conversation {
 public:
  explicit Repeat(Prepared& requests) : requests_(requests) {}  // outlives it

  Request next() override { return requests_.next(); }
  bool take(unsigned status, std::string_view body) override;
  std::uint64_t done() const override { return done_; }
  bool wants_bodies() const override { return false; }

 private:
  Prepared& requests_;
  std::uint64_t done_ = 0;
};

}  // namespace virga::load
