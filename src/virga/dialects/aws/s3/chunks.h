#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "virga/base/hash.h"
#include "virga/base/result.h"

namespace virga::dialects::aws::s3 {

// Takes apart a body that is `aws-chunked` (S3 API reference, "Signature calculations for the Authorization header:
// transferring a payload in multiple chunks"; the same with trailing headers): SIZE[;chunk-signature=HEX] CRLF BYTES
// CRLF, ended by a chunk of no bytes, behind which trailers may stand. A pure function of the bytes, however they
// arrive.
class ChunkDecoder {
 public:
  // How the chunks are signed, each over the signature of the one before.
  struct Chain {
    Sha256Digest key;
    std::string time;       // X-Amz-Date
    std::string scope;      // DATE/REGION/SERVICE/aws4_request
    std::string signature;  // of the head
  };
  enum class Trailers { None, Expected };
  ChunkDecoder(std::optional<Chain> chain, Trailers trailers) : chain_(std::move(chain)), trailers_(trailers) {}

  // Appends to `out` what `bytes` holds of the content. Unauthenticated: a signature is wrong. InvalidArgument: this is
  // no such body.
  Result<> feed(std::string_view bytes, std::string& out);
  bool is_done() const { return state_ == State::Done; }
  // Names are in lower case.
  const std::vector<std::pair<std::string, std::string>>& trailers() const { return fields_; }

 private:
  enum class State { Header, Data, DataEnd, Trailer, Done };
  Result<> take_header();
  Result<> take_trailer();
  Result<> end_chunk();
  Result<> end_trailers();

  std::optional<Chain> chain_;
  Trailers trailers_;
  State state_ = State::Header;
  std::string line_;
  std::uint64_t left_ = 0;  // of the chunk
  bool is_last_ = false;
  std::string signature_;  // of the chunk, as it says
  std::optional<Sha256> hash_;
  std::vector<std::pair<std::string, std::string>> fields_;
  std::string trailer_signature_;
  std::size_t trailer_bytes_ = 0;
};

}  // namespace virga::dialects::aws::s3
