#include "virga/base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "virga/base/assert.h"

namespace virga {
namespace {

// Fetched from OpenSSL once: a fetch costs more than the digest of a small text.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  VIRGA_ASSERT(algorithm != nullptr);
  return algorithm;
}

const EVP_MD* md5_algorithm() {
  static const EVP_MD* algorithm = EVP_MD_fetch(nullptr, "MD5", nullptr);
  VIRGA_ASSERT(algorithm != nullptr);
  return algorithm;
}

// A context of one algorithm that is used again and again. A thread has one of each, since making one costs as much as
// a digest.
class Hasher {
 public:
  explicit Hasher(const EVP_MD* algorithm) : algorithm_(algorithm) {}
  ~Hasher() { EVP_MD_CTX_free(context_); }
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  template <std::size_t Size>
  std::array<std::uint8_t, Size> digest(std::string_view first, std::string_view second = {}) {
    std::array<std::uint8_t, Size> digest;
    VIRGA_ASSERT(EVP_DigestInit_ex(context_, algorithm_, nullptr) == 1);
    VIRGA_ASSERT(EVP_DigestUpdate(context_, first.data(), first.size()) == 1);
    if (!second.empty()) VIRGA_ASSERT(EVP_DigestUpdate(context_, second.data(), second.size()) == 1);
    VIRGA_ASSERT(EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1);
    return digest;
  }

 private:
  const EVP_MD* algorithm_;
  EVP_MD_CTX* context_ = EVP_MD_CTX_new();
};

Hasher& sha256_of_thread() {
  thread_local Hasher hasher(sha256_algorithm());
  return hasher;
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  VIRGA_ASSERT(EVP_DigestInit_ex(state_->context, sha256_algorithm(), nullptr) == 1);
}
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  VIRGA_ASSERT(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest;
  VIRGA_ASSERT(EVP_DigestFinal_ex(state_->context, digest.data(), nullptr) == 1);
  return digest;
}

Sha256Digest sha256(std::string_view bytes) {
  return sha256_of_thread().digest<32>(bytes);
}

// RFC 2104. OpenSSL's own finds the algorithm anew each time, for several times what the four blocks cost.
Sha256Digest hmac_sha256(std::string_view key, std::string_view bytes) {
  constexpr std::size_t kBlock = 64;
  constexpr char kInner = 0x36;
  constexpr char kOuter = 0x5c;
  auto& hasher = sha256_of_thread();
  Sha256Digest short_key;
  if (key.size() > kBlock) {
    short_key = hasher.digest<32>(key);
    key = as_view(short_key);
  }
  std::array<char, kBlock> pad;
  pad.fill(kInner);
  for (std::size_t i = 0; i < key.size(); ++i) pad[i] = static_cast<char>(pad[i] ^ key[i]);
  auto inner = hasher.digest<32>({pad.data(), kBlock}, bytes);
  for (auto& byte : pad) byte = static_cast<char>(byte ^ kInner ^ kOuter);
  auto digest = hasher.digest<32>({pad.data(), kBlock}, as_view(inner));
  OPENSSL_cleanse(pad.data(), pad.size());
  return digest;
}

Md5Digest md5(std::string_view bytes) {
  thread_local Hasher hasher(md5_algorithm());
  return hasher.digest<16>(bytes);
}

std::string hmac_sha1(std::string_view key, std::string_view bytes) {
  std::string digest(20, '\0');
  unsigned int size = 0;
  auto* made =
      HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(bytes.data()),
           bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size);
  VIRGA_ASSERT(made != nullptr && size == digest.size());
  return digest;
}

bool equals_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace virga
