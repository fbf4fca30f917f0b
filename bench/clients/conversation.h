#pragma once

#include <cstdint>
#include <string_view>

namespace virga::load {

// What one connection says and hears. One thread.
class Conversation {
 public:
  virtual ~Conversation() = default;

  struct Request {
    std::string_view head;
    std::string_view body;
  };
  // The next request. The views hold until something else is asked of any conversation.
  virtual Request next() = 0;
  // Takes the answer to the oldest request that has none. False: it is none that was hoped for.
  virtual bool take(unsigned status, std::string_view body) = 0;
  // What was done in all: requests that went well, or messages that were sent, received and deleted.
  virtual std::uint64_t done() const = 0;
  virtual bool wants_bodies() const = 0;
};

}  // namespace virga::load
