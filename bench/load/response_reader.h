#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace virga::load {

// Finds the end of one HTTP/1.1 response in pieces of it as they arrive, and its status. It keeps no body unless it is
// told to. It is no judge of syntax: what it cannot follow is Malformed, what it can is taken. One thread; reset()
// before each response.
class ResponseReader {
 public:
  enum class Progress { Incomplete, Complete, Malformed };

  // A response whose end is the end of the connection is not understood: a kept-alive connection has none.
  // Nothing may follow it: one request is under way at a time.
  Progress read(std::string_view bytes);
  // As read(), where several are under way: takes the bytes of this response and leaves those of the next ones.
  Progress take(std::string_view& bytes);
  void reset();
  void keep_bodies() { keeps_bodies_ = true; }
  // How many of the next bytes are certainly of this body, and those that somebody else has dropped. Of a chunked body,
  // and of one that is kept, this is none.
  std::uint64_t droppable() const { return state_ == State::Body && !keeps_bodies_ ? left_ : 0; }
  Progress drop(std::uint64_t count);

  unsigned status() const { return status_; }         // 0 until the head is there
  bool closes_connection() const { return closes_; }  // the server said so
  const std::string& body() const { return body_; }   // with keep_bodies()

 private:
  enum class State { Head, Body, ChunkSize, ChunkData, Trailer, Complete, Malformed };

  std::string_view read_head(std::string_view bytes);
  bool parse_head(std::string_view head);
  std::string_view read_line(std::string_view bytes);
  bool parse_chunk_size();

  State state_ = State::Head;
  std::string buffer_;  // a head or a line that has not arrived whole
  std::uint64_t left_ = 0;
  unsigned status_ = 0;
  bool chunked_ = false;
  bool closes_ = false;
  bool keeps_bodies_ = false;
  std::string body_;
};

}  // namespace virga::load
