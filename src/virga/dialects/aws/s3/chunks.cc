#include "virga/dialects/aws/s3/chunks.h"

#include <algorithm>
#include <charconv>

#include "virga/base/encoding.h"

namespace virga::dialects::aws::s3 {
namespace {

constexpr std::size_t kLongestLine = 1024;
constexpr std::size_t kMostTrailerBytes = 8192;
constexpr std::string_view kSignature = ";chunk-signature=";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature";

std::unexpected<Error> wrong(std::string_view what) {
  return fail(ErrorCode::InvalidArgument, "the body is not aws-chunked: " + std::string(what));
}

std::string signed_by(const Sha256Digest& key, const std::string& text) {
  return to_hex(hmac_sha256(as_view(key), text));
}

}  // namespace

Result<> ChunkDecoder::feed(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    if (state_ == State::Done) return wrong("bytes follow its end");
    if (state_ == State::Data) {
      auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      if (hash_) hash_->update(bytes.substr(0, count));
      out.append(bytes.substr(0, count));
      bytes.remove_prefix(count);
      left_ -= count;
      if (left_ == 0) {
        VIRGA_TRY(end_chunk());
      }
      continue;
    }
    auto end = bytes.find('\n');
    bool is_whole = end != std::string_view::npos;
    line_.append(bytes.substr(0, is_whole ? end : bytes.size()));
    if (line_.size() > kLongestLine) return wrong("a line is longer than 1024 bytes");
    if (!is_whole) return {};
    bytes.remove_prefix(end + 1);
    if (line_.ends_with('\r')) {
      line_.pop_back();
    } else if (state_ != State::Trailer) {
      // Some clients end trailers with LF alone, which the signature's text has.
      return wrong("a line does not end with CR LF");
    }
    if (state_ == State::Header) {
      VIRGA_TRY(take_header());
    } else if (state_ == State::DataEnd) {
      if (!line_.empty()) return wrong("a chunk is longer than its size");
      state_ = State::Header;
    } else {
      VIRGA_TRY(take_trailer());
    }
    line_.clear();
  }
  return {};
}

Result<> ChunkDecoder::take_header() {
  std::string_view line = line_;
  auto semicolon = std::min(line.find(';'), line.size());
  auto digits = line.substr(0, semicolon);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (digits.empty() || digits.size() > 15 || error != std::errc() || end != digits.data() + digits.size()) {
    return wrong("a chunk's size is no hexadecimal number");
  }
  auto extension = line.substr(semicolon);
  signature_.clear();
  if (extension.starts_with(kSignature)) signature_ = extension.substr(kSignature.size());
  if (chain_ && signature_.empty()) return fail(ErrorCode::Unauthenticated, "a chunk is not signed");
  is_last_ = left_ == 0;
  if (chain_) hash_.emplace();
  if (!is_last_) {
    state_ = State::Data;
    return {};
  }
  return end_chunk();
}

Result<> ChunkDecoder::end_chunk() {
  if (chain_) {
    static const std::string kEmptyHash = to_hex(sha256(""));
    std::string text = "AWS4-HMAC-SHA256-PAYLOAD\n" + chain_->time + "\n" + chain_->scope + "\n" + chain_->signature +
                       "\n" + kEmptyHash + "\n" + to_hex(hash_->finish());
    auto right = signed_by(chain_->key, text);
    if (!equals_in_constant_time(right, signature_)) {
      return fail(ErrorCode::Unauthenticated, "the signature of a chunk is not the one calculated for it");
    }
    chain_->signature = right;
    hash_.reset();
  }
  // Behind the last chunk come trailers, if any, and an empty line.
  state_ = is_last_ ? State::Trailer : State::DataEnd;
  return {};
}

Result<> ChunkDecoder::take_trailer() {
  if (line_.empty()) return end_trailers();
  trailer_bytes_ += line_.size();
  if (trailer_bytes_ > kMostTrailerBytes) return wrong("its trailers are longer than 8192 bytes");
  auto colon = line_.find(':');
  if (colon == std::string::npos || colon == 0) return wrong("a trailer is not NAME:VALUE");
  auto name = to_lower(std::string_view(line_).substr(0, colon));
  auto value = std::string(trim(std::string_view(line_).substr(colon + 1)));
  if (name == kTrailerSignature) {
    trailer_signature_ = std::move(value);
  } else {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  return {};
}

Result<> ChunkDecoder::end_trailers() {
  // Some clients write an empty line between the trailers and their signature.
  if (chain_ && trailers_ == Trailers::Expected) {
    if (trailer_signature_.empty()) return fields_.empty() ? wrong("its trailers are missing") : Result<>();
    std::string all;
    for (const auto& [name, value] : fields_) all.append(name).append(":").append(value).append("\n");
    std::string text = "AWS4-HMAC-SHA256-TRAILER\n" + chain_->time + "\n" + chain_->scope + "\n" + chain_->signature +
                       "\n" + to_hex(sha256(all));
    if (!equals_in_constant_time(signed_by(chain_->key, text), trailer_signature_)) {
      return fail(ErrorCode::Unauthenticated, "the signature of the trailers is not the one calculated for them");
    }
  }
  state_ = State::Done;
  return {};
}

}  // namespace virga::dialects::aws::s3
