#include "virga/services/queue/digest.h"

#include <openssl/evp.h>

#include <array>

#include "virga/base/assert.h"
#include "virga/base/encoding.h"

namespace virga::services::queue {
namespace {

void append_sized(std::string& out, std::string_view text) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(text.size() >> shift);
  out += text;
}

}  // namespace

std::string md5_hex(std::string_view bytes) {
  // Fetched once: a fetch costs more than a digest of a small message.
  static const EVP_MD* algorithm = EVP_MD_fetch(nullptr, "MD5", nullptr);
  VIRGA_ASSERT(algorithm != nullptr);
  std::array<std::uint8_t, 16> digest;
  VIRGA_ASSERT(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, algorithm, nullptr) == 1);
  return to_hex(digest);
}

std::string md5_of(std::span<const Attribute> attributes) {
  std::string bytes;
  for (const auto& attribute : attributes) {
    append_sized(bytes, attribute.name);
    append_sized(bytes, attribute.type);
    bytes += attribute.kind == Attribute::Kind::Text ? '\x01' : '\x02';
    append_sized(bytes, attribute.value);
  }
  return md5_hex(bytes);
}

}  // namespace virga::services::queue
