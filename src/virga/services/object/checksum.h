#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "virga/base/result.h"

namespace virga::services::object {

// The numbers are in durable records.
enum class ChecksumAlgorithm : std::uint8_t {
  None = 0,
  Crc32 = 1,
  Crc32c = 2,
  Crc64Nvme = 3,
  Sha1 = 4,
  Sha256 = 5,
  Md5 = 6
};

// Whether a checksum is that of all the bytes, or of the checksums of the parts, joined.
enum class ChecksumType : std::uint8_t { FullObject = 0, Composite = 1 };

struct Checksum {
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::None;
  ChecksumType type = ChecksumType::FullObject;
  std::string bytes;  // as the algorithm gives them; a CRC's most significant byte first
  bool operator==(const Checksum&) const = default;
};

bool is_crc(ChecksumAlgorithm algorithm);
std::size_t digest_size(ChecksumAlgorithm algorithm);  // bytes

// One algorithm over bytes that arrive in parts. One thread at a time.
class Digest {
 public:
  explicit Digest(ChecksumAlgorithm algorithm);
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;

  void update(std::string_view bytes);
  std::string finish();  // once
  ChecksumAlgorithm algorithm() const { return algorithm_; }

 private:
  struct Context;
  ChecksumAlgorithm algorithm_;
  std::uint64_t crc_ = 0;
  std::unique_ptr<Context> context_;  // of the algorithms that are no CRC
};

std::string digest(ChecksumAlgorithm algorithm, std::string_view bytes);

// The CRC of two texts behind each other, from the CRC of each and the size of the second one.
std::string combine_crc(ChecksumAlgorithm algorithm, std::string_view first, std::string_view second,
                        std::uint64_t second_size);

}  // namespace virga::services::object
