#include "virga/services/object/checksum.h"

#include <openssl/evp.h>

#include "virga/base/assert.h"
#include "virga/base/crc32c.h"
#include "virga/base/crc_tables.h"

namespace virga::services::object {
namespace {

// Reflected polynomials: CRC-32 (ISO-HDLC), CRC-32C (iSCSI), CRC-64/NVME; all of them begin and end with all bits set.
constexpr std::uint64_t kCrc32 = 0xEDB88320u;
constexpr std::uint64_t kCrc32c = 0x82F63B78u;
constexpr std::uint64_t kCrc64Nvme = 0x9A6C9329AC4BC9B5u;

constexpr CrcTables kCrc32Tables(kCrc32);
constexpr CrcTables kCrc64NvmeTables(kCrc64Nvme);

struct Crc {
  std::uint64_t polynomial;
  int bits;
};

Crc crc_of(ChecksumAlgorithm algorithm) {
  switch (algorithm) {
    case ChecksumAlgorithm::Crc32:
      return {kCrc32, 32};
    case ChecksumAlgorithm::Crc32c:
      return {kCrc32c, 32};
    default:
      return {kCrc64Nvme, 64};
  }
}

std::uint64_t all_ones(int bits) {
  return bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

std::uint64_t advance(ChecksumAlgorithm algorithm, std::uint64_t crc, std::string_view bytes) {
  switch (algorithm) {
    case ChecksumAlgorithm::Crc32:
      return kCrc32Tables.advance(crc, bytes);
    case ChecksumAlgorithm::Crc32c:
      return static_cast<std::uint32_t>(~crc32c(bytes, static_cast<std::uint32_t>(~crc)));
    default:
      return kCrc64NvmeTables.advance(crc, bytes);
  }
}

// The product of two polynomials modulo that of the CRC; the bit for x^0 is the highest one.
std::uint64_t multiply(std::uint64_t a, std::uint64_t b, const Crc& crc) {
  std::uint64_t product = 0;
  for (std::uint64_t bit = std::uint64_t{1} << (crc.bits - 1); bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = (b & 1) != 0 ? (b >> 1) ^ crc.polynomial : b >> 1;
  }
  return product;
}

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::string write_big_endian(std::uint64_t value, int bits) {
  std::string bytes;
  for (int shift = bits - 8; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

const EVP_MD* evp_algorithm(ChecksumAlgorithm algorithm) {
  static const EVP_MD* md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  static const EVP_MD* sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  static const EVP_MD* sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm == ChecksumAlgorithm::Md5 ? md5 : algorithm == ChecksumAlgorithm::Sha1 ? sha1 : sha256;
}

}  // namespace

bool is_crc(ChecksumAlgorithm algorithm) {
  return algorithm == ChecksumAlgorithm::Crc32 || algorithm == ChecksumAlgorithm::Crc32c ||
         algorithm == ChecksumAlgorithm::Crc64Nvme;
}

std::size_t digest_size(ChecksumAlgorithm algorithm) {
  switch (algorithm) {
    case ChecksumAlgorithm::None:
      return 0;
    case ChecksumAlgorithm::Crc32:
    case ChecksumAlgorithm::Crc32c:
      return 4;
    case ChecksumAlgorithm::Crc64Nvme:
      return 8;
    case ChecksumAlgorithm::Sha1:
      return 20;
    case ChecksumAlgorithm::Sha256:
      return 32;
    case ChecksumAlgorithm::Md5:
      return 16;
  }
  return 0;
}

struct Digest::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(evp); }
};

Digest::Digest(ChecksumAlgorithm algorithm) : algorithm_(algorithm) {
  VIRGA_ASSERT(algorithm != ChecksumAlgorithm::None);
  if (is_crc(algorithm)) {
    crc_ = all_ones(crc_of(algorithm).bits);
    return;
  }
  context_ = std::make_unique<Context>();
  VIRGA_ASSERT(EVP_DigestInit_ex(context_->evp, evp_algorithm(algorithm), nullptr) == 1);
}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

void Digest::update(std::string_view bytes) {
  if (context_ == nullptr) {
    crc_ = advance(algorithm_, crc_, bytes);
    return;
  }
  VIRGA_ASSERT(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) == 1);
}

std::string Digest::finish() {
  if (context_ == nullptr) {
    auto bits = crc_of(algorithm_).bits;
    return write_big_endian(crc_ ^ all_ones(bits), bits);
  }
  std::string bytes(digest_size(algorithm_), '\0');
  VIRGA_ASSERT(EVP_DigestFinal_ex(context_->evp, reinterpret_cast<unsigned char*>(bytes.data()), nullptr) == 1);
  return bytes;
}

std::string digest(ChecksumAlgorithm algorithm, std::string_view bytes) {
  Digest made(algorithm);
  made.update(bytes);
  return made.finish();
}

std::string combine_crc(ChecksumAlgorithm algorithm, std::string_view first, std::string_view second,
                        std::uint64_t second_size) {
  auto crc = crc_of(algorithm);
  // x^8, the shift by one byte; then its power by the size.
  std::uint64_t byte = std::uint64_t{1} << (crc.bits - 1 - 8);
  std::uint64_t shift = std::uint64_t{1} << (crc.bits - 1);
  for (; second_size != 0; second_size >>= 1) {
    if ((second_size & 1) != 0) shift = multiply(shift, byte, crc);
    byte = multiply(byte, byte, crc);
  }
  auto value = multiply(shift, read_big_endian(first), crc) ^ read_big_endian(second);
  return write_big_endian(value, crc.bits);
}

}  // namespace virga::services::object
