#include "virga/dialects/aws/s3/form.h"

#include <algorithm>

#include "virga/base/encoding.h"

namespace virga::dialects::aws::s3 {
namespace {

constexpr std::size_t kMostFieldBytes = 64 << 10;
constexpr std::string_view kHeadEnd = "\r\n\r\n";

std::unexpected<Error> wrong(std::string_view what) {
  return fail(ErrorCode::InvalidArgument, "the body is no form with a file: " + std::string(what));
}

// name="VALUE" of a field such as Content-Disposition.
std::optional<std::string> parameter(std::string_view text, std::string_view name) {
  std::string wanted = std::string(name) + "=";
  std::size_t at = 0;
  while ((at = text.find(wanted, at)) != std::string_view::npos) {
    bool begins = at == 0 || text[at - 1] == ' ' || text[at - 1] == ';';
    at += wanted.size();
    if (!begins) continue;
    auto value = text.substr(at);
    if (!value.starts_with('"')) return std::string(trim(value.substr(0, value.find(';'))));
    auto end = value.find('"', 1);
    if (end == std::string_view::npos) return std::nullopt;
    return std::string(value.substr(1, end - 1));
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> FormDecoder::boundary_of(std::string_view content_type) {
  if (!to_lower(content_type.substr(0, 19)).starts_with("multipart/form-data")) return std::nullopt;
  auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > 70) return std::nullopt;
  return boundary;
}

// The first mark has no line before it.
FormDecoder::FormDecoder(std::string_view boundary) : mark_("\r\n--" + std::string(boundary)), buffer_("\r\n") {}

std::string FormDecoder::field(const std::string& name) const {
  auto found = fields_.find(name);
  return found == fields_.end() ? std::string() : found->second;
}

Result<> FormDecoder::feed(std::string_view bytes, std::string& out) {
  if (state_ == State::Done) return {};
  out_ = &out;
  buffer_ += bytes;
  while (true) {
    VIRGA_TRY_ASSIGN(bool more, take());
    if (!more) break;
  }
  if (state_ != State::File && state_ != State::Done && field_bytes_ + buffer_.size() > kMostFieldBytes) {
    return wrong("its fields are longer than 64 KiB");
  }
  return {};
}

Result<bool> FormDecoder::take() {
  if (state_ == State::Done) return false;
  if (state_ == State::Head) {
    auto end = buffer_.find(kHeadEnd);
    // Behind the last part stand two dashes.
    if (buffer_.starts_with("--")) return wrong("it has no file");
    if (end == std::string::npos) return false;
    VIRGA_TRY(read_head(std::string_view(buffer_).substr(0, end)));
    field_bytes_ += end;
    buffer_.erase(0, end + kHeadEnd.size());
    return true;
  }
  auto at = buffer_.find(mark_);
  if (state_ == State::File) {
    // What may be the begin of a mark stays until more has come.
    auto sure = at != std::string::npos ? at : buffer_.size() - std::min(buffer_.size(), mark_.size() - 1);
    out_->append(buffer_, 0, sure);
    buffer_.erase(0, sure);
    if (at == std::string::npos) return false;
    state_ = State::Done;
    buffer_.clear();
    return false;
  }
  if (at == std::string::npos) return false;
  if (state_ == State::Field) {
    field_bytes_ += at;
    fields_.insert_or_assign(name_, buffer_.substr(0, at));
  }
  buffer_.erase(0, at + mark_.size());
  state_ = State::Head;
  return true;
}

Result<> FormDecoder::read_head(std::string_view head) {
  name_.clear();
  std::optional<std::string> file;
  std::string type;
  // It begins with the line end behind the mark.
  while (!head.empty()) {
    auto end = head.find("\r\n");
    auto line = head.substr(0, end);
    head = end == std::string_view::npos ? std::string_view() : head.substr(end + 2);
    auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    auto value = trim(line.substr(colon + 1));
    if (equals_ignoring_case(line.substr(0, colon), "content-disposition")) {
      name_ = to_lower(parameter(value, "name").value_or(""));
      file = parameter(value, "filename");
    }
    if (equals_ignoring_case(line.substr(0, colon), "content-type")) type = value;
  }
  if (name_.empty()) return wrong("a part has no name");
  if (name_ != "file") {
    state_ = State::Field;
    return {};
  }
  file_name_ = file.value_or("");
  file_type_ = std::move(type);
  state_ = State::File;
  return {};
}

}  // namespace virga::dialects::aws::s3
