#include "bench/load/response_reader.h"

#include <algorithm>
#include <charconv>

namespace virga::load {
namespace {

constexpr std::size_t kMaxHead = std::size_t{64} * 1024;
constexpr std::size_t kMaxLine = std::size_t{4} * 1024;

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](char a, char b) { return lower(a) == lower(b); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// Of the whole text; false if there is anything else.
bool parse_number(std::string_view text, std::uint64_t& value, int base) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

void ResponseReader::reset() {
  state_ = State::Head;
  buffer_.clear();
  left_ = 0;
  status_ = 0;
  chunked_ = closes_ = false;
  body_.clear();
}

ResponseReader::Progress ResponseReader::read(std::string_view bytes) {
  auto progress = take(bytes);
  return bytes.empty() ? progress : Progress::Malformed;
}

ResponseReader::Progress ResponseReader::take(std::string_view& bytes) {
  while (!bytes.empty() && state_ != State::Complete && state_ != State::Malformed) {
    switch (state_) {
      case State::Head:
        bytes = read_head(bytes);
        break;
      case State::Body:
      case State::ChunkData: {
        auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
        if (keeps_bodies_) body_.append(bytes.substr(0, part));
        bytes.remove_prefix(part);
        left_ -= part;
        if (left_ == 0) state_ = state_ == State::Body ? State::Complete : State::ChunkSize;
        break;
      }
      case State::ChunkSize:
      case State::Trailer:
        bytes = read_line(bytes);
        break;
      case State::Complete:
      case State::Malformed:
        break;
    }
  }
  if (state_ == State::Malformed) return Progress::Malformed;
  return state_ == State::Complete ? Progress::Complete : Progress::Incomplete;
}

ResponseReader::Progress ResponseReader::drop(std::uint64_t count) {
  left_ -= std::min(count, droppable());
  if (state_ == State::Body && left_ == 0) state_ = State::Complete;
  return state_ == State::Complete ? Progress::Complete : Progress::Incomplete;
}

// Returns what follows the head. A head that arrives whole is read where it lies.
std::string_view ResponseReader::read_head(std::string_view bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  if (buffer_.empty()) {
    if (std::size_t end = bytes.find(kEnd); end != std::string_view::npos) {
      if (!parse_head(bytes.substr(0, end))) state_ = State::Malformed;
      return bytes.substr(end + kEnd.size());
    }
  }
  std::size_t before = buffer_.size();
  buffer_.append(bytes);
  std::size_t end = buffer_.find(kEnd, before < kEnd.size() ? 0 : before - kEnd.size());
  if (end == std::string::npos) {
    if (buffer_.size() > kMaxHead) state_ = State::Malformed;
    return {};
  }
  std::string head = buffer_.substr(0, end);
  buffer_.clear();
  if (!parse_head(head)) state_ = State::Malformed;
  return bytes.substr(end + kEnd.size() - before);
}

bool ResponseReader::parse_head(std::string_view head) {
  // HTTP/1.1 200 OK
  std::uint64_t status = 0;
  if (head.size() < 12 || !head.starts_with("HTTP/1.") || head[8] != ' ' ||
      !parse_number(head.substr(9, 3), status, 10)) {
    return false;
  }
  closes_ = head[7] == '0';
  chunked_ = false;
  bool has_length = false;
  left_ = 0;
  std::size_t line_end = head.find("\r\n");
  while (line_end != std::string_view::npos) {
    head.remove_prefix(line_end + 2);
    line_end = head.find("\r\n");
    std::string_view line = head.substr(0, line_end);
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    std::string_view name = line.substr(0, colon);
    std::string_view value = trimmed(line.substr(colon + 1));
    if (equal_ignoring_case(name, "content-length")) {
      if (!parse_number(value, left_, 10)) return false;
      has_length = true;
    } else if (equal_ignoring_case(name, "transfer-encoding")) {
      chunked_ = equal_ignoring_case(value, "chunked");
      if (!chunked_) return false;
    } else if (equal_ignoring_case(name, "connection")) {
      if (equal_ignoring_case(value, "close")) closes_ = true;
      if (equal_ignoring_case(value, "keep-alive")) closes_ = false;
    }
  }
  if (status < 200) return status >= 100;  // an interim answer: the head of the real one follows
  status_ = static_cast<unsigned>(status);
  if (status == 204 || status == 304) {
    state_ = State::Complete;
  } else if (chunked_) {
    state_ = State::ChunkSize;
  } else if (has_length) {
    state_ = left_ == 0 ? State::Complete : State::Body;
  } else {
    return false;
  }
  return true;
}

// One line of the chunked coding: a size, the empty line after a chunk's data, or a trailer.
std::string_view ResponseReader::read_line(std::string_view bytes) {
  std::size_t end = bytes.find('\n');
  buffer_.append(bytes.substr(0, end));
  if (buffer_.size() > kMaxLine) {
    state_ = State::Malformed;
    return {};
  }
  if (end == std::string_view::npos) return {};
  if (state_ == State::Trailer) {
    if (trimmed(buffer_).empty()) state_ = State::Complete;
  } else if (!parse_chunk_size()) {
    state_ = State::Malformed;
  }
  buffer_.clear();
  return bytes.substr(end + 1);
}

bool ResponseReader::parse_chunk_size() {
  std::string_view line = trimmed(buffer_);
  if (line.empty()) {
    // The line end behind a chunk's data, which `left_` did not count.
    return status_ != 0;
  }
  if (!parse_number(trimmed(line.substr(0, line.find(';'))), left_, 16)) return false;
  state_ = left_ == 0 ? State::Trailer : State::ChunkData;
  return true;
}

}  // namespace virga::load
