#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "virga/http/internal/date.h"
#include "virga/http/server.h"
#include "virga/io/task_group.h"

namespace virga::http::internal {

// Requests of one connection that are handled beside each other (Admission::Order::MayOverlap). They begin in the order
// in which they came, and their answers leave in it (RFC 9112 §9.3.2), as many as there are in one write. One loop;
// what it is given outlives it; all_answered() has ended before it is destroyed.
class Overlap {
 public:
  static constexpr std::size_t kMost = 256;  // at a time

  Overlap(io::Stream& stream, Handler& handler, const Limits& limits, DateLine& date);
  Overlap(const Overlap&) = delete;
  Overlap& operator=(const Overlap&) = delete;

  bool empty() const { return entries_.empty() && !is_writing_; }
  bool full() const { return entries_.size() >= kMost; }
  // Begins to handle a copy of it. `bytes`: its head and body, where its views lie.
  void add(const Request& request, std::string_view bytes);
  // Ends when every answer is written, or nobody takes them any more: false.
  io::Task<bool> all_answered();

 private:
  struct Entry {
    std::string bytes;
    std::vector<Field> fields;
    Request request;
    Response response;
    bool is_done = false;
  };

  io::Task<void> handle(Entry* entry);
  void write_done();
  io::Task<void> write_rest(std::size_t written);
  void tell_if_empty();

  io::Stream& stream_;
  Handler& handler_;
  const Limits& limits_;
  DateLine& date_;
  std::deque<std::unique_ptr<Entry>> entries_;  // in their order
  io::TaskGroup tasks_;
  io::Event answered_;
  std::string out_;
  bool write_is_due_ = false;
  bool is_writing_ = false;
  bool has_ended_ = false;  // the connection takes no more answers
};

}  // namespace virga::http::internal
