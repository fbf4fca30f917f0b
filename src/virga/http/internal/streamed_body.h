#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "virga/http/internal/chunked.h"
#include "virga/http/internal/head_parser.h"
#include "virga/http/internal/read_buffer.h"
#include "virga/http/message.h"
#include "virga/http/server.h"
#include "virga/io/stream.h"

namespace virga::http::internal {

// The body of one request, read from its connection as the handler asks for it. One loop; all it is given outlives it.
class StreamedBody final : public BodyReader {
 public:
  // `in_buffer` is what came behind the head already.
  StreamedBody(io::Stream& stream, const Limits& limits, Counters& counters, const Head& head,
               std::string_view in_buffer, std::uint64_t max_body);

  io::Task<Result<std::string_view>> next() override;

  // After the handler: passes over what is left of the body if all of it is here already. False: the connection has
  // to be closed, since more would come.
  bool skip_rest();
  std::size_t used() const { return used_; }  // bytes of in_buffer that are the body's
  // What followed a chunked body, in a buffer of its own; null if nothing was read beside in_buffer.
  std::unique_ptr<ReadBuffer> take_rest() { return std::move(chunks_); }

 private:
  io::Task<Result<std::string_view>> next_of_length();
  io::Task<Result<std::string_view>> next_of_chunks();
  // Fills `place` with what the socket has, at least one byte.
  io::Task<Result<std::size_t>> read(std::span<char> place);
  void ask_to_continue();
  io::Deadline deadline() const;
  std::unexpected<Error> give_up(ErrorCode code, std::string_view reason);

  io::Stream& stream_;
  const Limits& limits_;
  Counters& counters_;
  const Head& head_;
  std::string_view in_buffer_;
  std::size_t used_ = 0;
  std::uint64_t left_ = 0;  // of a body with a length: bytes that were not given yet
  bool has_begun_ = false;
  bool has_failed_ = false;
  bool has_asked_ = false;
  std::uint64_t received_ = 0;
  SteadyTime::duration waited_{};  // for the client; the handler's own time is not the client's fault

  std::string piece_;
  ChunkedDecoder decoder_;
  Progress progress_ = Progress::NeedMore;
  std::unique_ptr<ReadBuffer> chunks_;
};

}  // namespace virga::http::internal
