#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "virga/dialects/aws/s3/call.h"
#include "virga/dialects/aws/s3/checksums.h"
#include "virga/dialects/aws/s3/chunks.h"

namespace virga::dialects::aws::s3 {

// The body of a request as it is meant: read piece by piece, decoded if it is aws-chunked, and compared with what the
// request says of it. One loop; the call's request outlives it.
class RequestBody {
 public:
  explicit RequestBody(const Call& call);

  // What the head says, before anything is read: once, first of all.
  Answer<bool> check();
  // How many bytes there will be, if that was said.
  std::optional<std::uint64_t> length() const { return length_; }
  // In hexadecimal; "": the body's bytes have no hash in the signature.
  const std::string& sha256() const { return sha256_; }
  // The checksum's algorithm; its value is known from the beginning, or at the end.
  services::object::ChecksumAlgorithm algorithm() const { return claimed_.algorithm; }
  const std::string& checksum() const { return claimed_.bytes; }
  const std::string& md5() const { return md5_; }  // 16 bytes, or ""

  // The next bytes, valid until the next call; none at the end.
  io::Task<Answer<std::string_view>> next();

  // At the end, of a body that was kept: whether it is what it was said to be.
  Answer<bool> compare(std::string_view body) const;

 private:
  Answer<bool> set_up_chunks(std::string_view marker);
  Answer<bool> end();

  const http::Request* request_;
  const Identity* identity_;
  bool claims_are_of_body_;
  std::optional<std::uint64_t> length_;
  std::string sha256_;
  std::string md5_;
  ClaimedChecksum claimed_;
  std::optional<ChunkDecoder> chunks_;
  std::string piece_;
  std::uint64_t size_ = 0;  // bytes given so far
  bool has_ended_ = false;
};

// The bytes of an object or a part on the disk, and proven.
struct ReceivedFile {
  object::StoredFile file;
  object::Checksum checksum;
};
// `also`: the checksum that is wanted; the request brings that one or none.
io::Task<Answer<ReceivedFile>> receive_file(Call call, object::ChecksumAlgorithm also);

}  // namespace virga::dialects::aws::s3
