#pragma once

#include <memory>
#include <span>
#include <string>

#include "virga/http/internal/chunked.h"
#include "virga/http/internal/date.h"
#include "virga/http/internal/head_parser.h"
#include "virga/http/internal/overlap.h"
#include "virga/http/internal/read_buffer.h"
#include "virga/http/server.h"

namespace virga::http::internal {

// The server's side of one connection: reads requests, calls the handler, writes responses, one after the other, or
// beside each other where the handler says that this may be. One loop; what it is given outlives it; `run` has ended
// before it is destroyed.
class Connection {
 public:
  Connection(io::Stream stream, std::string peer, Handler& handler, const Limits& limits, DateLine& date,
             Counters& counters);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  io::Task<void> run();
  // The request in flight is the last one; an idle connection ends now.
  void drain();
  // Ends it, whatever it does.
  void cut() { stream_.close(); }

 private:
  enum class Step { Go, Close, Linger };

  io::Task<Step> serve_request();
  bool may_overlap(const Admission& admission, std::string_view in_buffer) const;
  io::Task<Step> read_length(std::uint64_t size, std::string_view in_buffer);
  io::Task<Step> serve_streamed(std::uint64_t max_body, std::string_view in_buffer);
  io::Task<Step> read_chunked(std::uint64_t max_body, std::string_view in_buffer);
  io::Task<Step> refuse(Refusal refusal);
  io::Task<void> linger();
  void continue_request();
  io::Deadline body_deadline(std::size_t received) const;
  Result<std::size_t> fill(ReadBuffer& buffer);
  void set_request();
  void forget_request();

  // Writing, in respond.cc. `begin_response` says whether all of it is written already.
  struct Answer {
    Response response;
    std::string_view body;  // what of it is sent
    std::size_t written = 0;
    std::optional<std::uint64_t> stream_length;
    bool keep = false;
    bool chunked = false;
    bool streams = false;
  };
  Step end_of(const Answer& answer) const;
  bool begin_response(Answer& answer);
  io::Task<Step> finish_response(Answer& answer);
  io::Task<bool> send_stream(Answer& answer);
  io::Task<bool> write_all(std::span<iovec> parts);
  void write_head(const Answer& answer, bool has_length, std::uint64_t length);

  io::Stream stream_;
  std::string peer_;
  Handler& handler_;
  const Limits& limits_;
  DateLine& date_;
  Counters& counters_;

  ReadBuffer buffer_;
  HeadParser parser_;
  Request request_;
  std::string body_;                         // of a request that was not wholly in the buffer
  std::size_t in_use_ = 0;                   // bytes at the begin of the buffer that belong to the request
  std::unique_ptr<ReadBuffer> next_buffer_;  // what followed a chunked body; the request's views hold the first one
  Overlap overlap_;
  std::string out_;
  SteadyTime body_started_;
  std::uint64_t served_ = 0;
  bool idle_ = false;
  bool draining_ = false;
};

}  // namespace virga::http::internal
