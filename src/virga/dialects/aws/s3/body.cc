#include "virga/dialects/aws/s3/body.h"

#include <charconv>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/sigv4_canonical.h"

namespace virga::dialects::aws::s3 {

using object::ChecksumAlgorithm;

namespace {

constexpr std::uint64_t kLargestObject = std::uint64_t{5} << 30;  // bytes, in one request
constexpr std::string_view kStreaming = "STREAMING-";

std::optional<std::uint64_t> read_number(std::string_view text) {
  std::uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string hex(std::string_view bytes) {
  return to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::unexpected<Refusal> incomplete() {
  return refuse(400, "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header.");
}

std::unexpected<Refusal> wrong_hash() {
  return refuse(400, "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.");
}

std::unexpected<Refusal> wrong_checksum(ChecksumAlgorithm algorithm) {
  return refuse(
      400, "BadDigest",
      "The " + std::string(find_checksum(algorithm)->name) + " you specified did not match the calculated checksum.");
}

std::unexpected<Refusal> wrong_md5() {
  return refuse(400, "BadDigest", "The Content-MD5 you specified did not match what we received.");
}

}  // namespace

// What completes an upload has the checksum of the object in its head.
RequestBody::RequestBody(const Call& call)
    : request_(&call.request()),
      identity_(&call.identity()),
      claims_are_of_body_(call.request().method != "POST" || !call.parameter("uploadId")) {}

Answer<bool> RequestBody::check() {
  auto marker = std::string_view(identity_->payload);
  if (claims_are_of_body_) {
    VIRGA_OR_REFUSE(claimed_, claimed_checksum(*request_));
  }
  VIRGA_OR_REFUSE(md5_, claimed_md5(*request_));
  if (marker.starts_with(kStreaming)) return set_up_chunks(marker);
  if (marker.size() == 64) sha256_ = marker;
  length_ = read_number(request_->field("content-length"));
  if (request_->stream == nullptr) length_ = request_->body.size();
  return true;
}

Answer<bool> RequestBody::set_up_chunks(std::string_view marker) {
  bool is_signed = marker.starts_with("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
  bool has_trailers = marker.ends_with("-TRAILER");
  if (!is_signed && marker != "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
    return refuse(501, "NotImplemented",
                  "x-amz-content-sha256 '" + std::string(marker) +
                      "' is not understood; sign chunks with AWS4-HMAC-SHA256, or not at all.");
  }
  length_ = read_number(request_->field("x-amz-decoded-content-length"));
  if (!length_) {
    return refuse(411, "MissingContentLength",
                  "An aws-chunked body needs the header x-amz-decoded-content-length, a number of bytes.");
  }
  std::optional<ChunkDecoder::Chain> chain;
  if (is_signed) {
    sigv4::Scope scope{identity_->date, identity_->region, identity_->service};
    chain = ChunkDecoder::Chain{identity_->signing_key, std::string(request_->field("x-amz-date")), scope.text(),
                                identity_->signature};
  }
  chunks_.emplace(std::move(chain), has_trailers ? ChunkDecoder::Trailers::Expected : ChunkDecoder::Trailers::None);
  return true;
}

io::Task<Answer<std::string_view>> RequestBody::next() {
  while (!has_ended_) {
    std::string_view bytes;
    if (request_->stream != nullptr) {
      VIRGA_S3_TRY_ASSIGN(bytes, co_await request_->stream->next());
      has_ended_ = bytes.empty();
    } else {
      bytes = request_->body;
      has_ended_ = true;
    }
    if (chunks_) {
      piece_.clear();
      auto fed = chunks_->feed(bytes, piece_);
      if (!fed && fed.error().code() == ErrorCode::Unauthenticated) {
        co_return refuse(403, "SignatureDoesNotMatch",
                         "The request signature we calculated does not match the signature you provided: " +
                             fed.error().message() + ".");
      }
      VIRGA_S3_TRY(std::move(fed));
      bytes = piece_;
    }
    size_ += bytes.size();
    if (length_ && size_ > *length_) co_return incomplete();
    if (!bytes.empty()) co_return bytes;
  }
  VIRGA_S3_TRY(end());
  co_return std::string_view();
}

Answer<bool> RequestBody::end() {
  if ((length_ && size_ != *length_) || (chunks_ && !chunks_->is_done())) return incomplete();
  if (!claimed_.is_in_trailer || !chunks_) return true;
  for (const auto& [name, value] : chunks_->trailers()) {
    const auto* known = find_checksum_field(name);
    if (known == nullptr || known->algorithm != claimed_.algorithm) continue;
    auto bytes = read_checksum(known->algorithm, value);
    if (!bytes) return invalid_request("Value for " + name + " trailing header is invalid.");
    claimed_.bytes = std::move(*bytes);
  }
  if (claimed_.bytes.empty()) {
    return refuse(400, "MalformedTrailerError",
                  "The request contained trailing data that was not well-formed or did "
                  "not conform to our published schema.");
  }
  return true;
}

Answer<bool> RequestBody::compare(std::string_view body) const {
  if (!sha256_.empty() && hex(object::digest(ChecksumAlgorithm::Sha256, body)) != sha256_) return wrong_hash();
  if (!md5_.empty() && object::digest(ChecksumAlgorithm::Md5, body) != md5_) return wrong_md5();
  if (!claimed_.bytes.empty() && object::digest(claimed_.algorithm, body) != claimed_.bytes) {
    return wrong_checksum(claimed_.algorithm);
  }
  return true;
}

namespace {

Answer<bool> compare(const object::StoredFile& file, const RequestBody& body) {
  if (!body.sha256().empty() && hex(file.digest(ChecksumAlgorithm::Sha256)) != body.sha256()) return wrong_hash();
  if (!body.md5().empty() && file.md5 != body.md5()) return wrong_md5();
  if (!body.checksum().empty() && file.digest(body.algorithm()) != body.checksum()) {
    return wrong_checksum(body.algorithm());
  }
  return true;
}

}  // namespace

io::Task<Answer<ReceivedFile>> receive_file(Call call, ChecksumAlgorithm also) {
  bool has_length = !call.field("content-length").empty() || !call.field("transfer-encoding").empty();
  if (!has_length) {
    co_return refuse(411, "MissingContentLength", "You must provide the Content-Length HTTP header.");
  }
  RequestBody body(call);
  VIRGA_S3_TRY(body.check());
  if (body.length().value_or(0) > kLargestObject) {
    co_return refuse(400, "EntityTooLarge",
                     "Your proposed upload exceeds the maximum allowed size of 5 GiB; upload "
                     "it in parts.");
  }
  if (also != ChecksumAlgorithm::None && body.algorithm() != ChecksumAlgorithm::None && body.algorithm() != also) {
    co_return invalid_request(
        "Checksum Type mismatch occurred, expected checksum Type: " + std::string(find_checksum(also)->name) +
        ", actual checksum Type: " + std::string(find_checksum(body.algorithm())->name));
  }
  auto kept = body.algorithm() == ChecksumAlgorithm::None ? also : body.algorithm();
  std::vector<ChecksumAlgorithm> algorithms{kept};
  if (!body.sha256().empty() && kept != ChecksumAlgorithm::Sha256) algorithms.push_back(ChecksumAlgorithm::Sha256);
  auto writer = call.objects().write(std::move(algorithms));
  while (true) {
    VIRGA_S3_TRY_ASSIGN(auto piece, co_await body.next());
    if (piece.empty()) break;
    VIRGA_S3_TRY(co_await writer->write(piece));
    if (writer->size() > kLargestObject) {
      co_return refuse(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size of 5 GiB.");
    }
  }
  ReceivedFile received;
  VIRGA_S3_TRY_ASSIGN(received.file, co_await writer->finish());
  auto right = compare(received.file, body);
  if (!right) {
    call.objects().discard(std::move(received.file));
    co_return std::unexpected(std::move(right).error());
  }
  if (kept != ChecksumAlgorithm::None) {
    received.checksum = {kept, object::ChecksumType::FullObject, std::string(received.file.digest(kept))};
  }
  co_return received;
}

}  // namespace virga::dialects::aws::s3
