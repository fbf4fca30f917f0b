#include "virga/store/sealed/sealed_store.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <memory>

#include "virga/base/problems.h"

namespace virga::store {
namespace {

constexpr std::size_t kKeySize = 32;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
// In front of a sealed value; all plain values are JSON objects.
constexpr char kSealed = '\x01';

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;
using Bytes = std::array<unsigned char, kKeySize>;

Cipher make_cipher() {
  return Cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
}
const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
int size_of(std::string_view text) {
  return static_cast<int>(text.size());
}

Bytes hmac(std::string_view key, std::string_view data) {
  Bytes digest{};
  unsigned int size = kKeySize;
  HMAC(EVP_sha256(), key.data(), size_of(key), bytes_of(data), data.size(), digest.data(), &size);
  return digest;
}

class SealedStore final : public Store {
 public:
  // Two keys out of one, for two purposes.
  SealedStore(std::unique_ptr<Store> under, std::string_view key)
      : under_(std::move(under)), cipher_key_(hmac(key, "values")), nonce_key_(hmac(key, "nonces")) {}

  Result<std::optional<std::string>> get(std::string_view key) const override {
    VIRGA_TRY_ASSIGN(auto value, under_->get(key));
    if (!value) return std::optional<std::string>();
    VIRGA_TRY_ASSIGN(auto opened, open(key, std::move(*value)));
    return std::optional<std::string>(std::move(opened));
  }

  Result<std::vector<Record>> scan(const Range& range) const override {
    VIRGA_TRY_ASSIGN(auto records, under_->scan(range));
    for (auto& record : records) {
      VIRGA_TRY_ASSIGN(record.value, open(record.key, std::move(record.value)));
    }
    return records;
  }

  Result<> commit(Batch batch, Durability durability) override {
    Batch sealed;
    for (const auto& condition : batch.preconditions()) {
      if (!condition.value) {
        sealed.require(condition.key, std::nullopt);
        continue;
      }
      VIRGA_TRY_ASSIGN(auto value, seal_for_comparison(condition.key, *condition.value));
      sealed.require(condition.key, value);
    }
    for (const auto& operation : batch.operations()) {
      switch (operation.kind) {
        case Batch::Operation::Kind::Put: {
          VIRGA_TRY_ASSIGN(auto value, close(operation.key, operation.value));
          sealed.put(operation.key, value);
          break;
        }
        case Batch::Operation::Kind::Remove:
          sealed.remove(operation.key);
          break;
        case Batch::Operation::Kind::RemoveRange:
          sealed.remove_range(operation.key, operation.value);
          break;
      }
    }
    return under_->commit(std::move(sealed), durability);
  }

 private:
  // A record from before there was a key is compared as it lies there.
  Result<std::string> seal_for_comparison(std::string_view key, const std::string& value) const {
    VIRGA_TRY_ASSIGN(auto present, under_->get(key));
    if (present && *present == value) return value;
    return close(key, value);
  }

  std::string nonce_of(std::string_view key, std::string_view value) const {
    std::string both = std::to_string(key.size()) + ':';
    both.append(key).append(value);
    std::string_view nonce_key(reinterpret_cast<const char*>(nonce_key_.data()), nonce_key_.size());
    auto digest = hmac(nonce_key, both);
    return {reinterpret_cast<const char*>(digest.data()), kNonceSize};
  }

  Result<std::string> close(std::string_view key, std::string_view value) const {
    auto nonce = nonce_of(key, value);
    std::string sealed(1 + kNonceSize + value.size() + kTagSize, '\0');
    sealed[0] = kSealed;
    sealed.replace(1, kNonceSize, nonce);
    auto* out = bytes_of(sealed) + 1 + kNonceSize;
    auto cipher = make_cipher();
    int written = 0;
    bool good =
        cipher != nullptr &&
        EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, cipher_key_.data(), bytes_of(nonce)) == 1 &&
        EVP_EncryptUpdate(cipher.get(), nullptr, &written, bytes_of(key), size_of(key)) == 1 &&
        EVP_EncryptUpdate(cipher.get(), out, &written, bytes_of(value), size_of(value)) == 1 &&
        EVP_EncryptFinal_ex(cipher.get(), out + written, &written) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagSize, out + value.size()) == 1;
    if (!good) return fail(ErrorCode::Internal, "a record could not be encrypted");
    return sealed;
  }

  Result<std::string> open(std::string_view key, std::string sealed) const {
    if (sealed.empty() || sealed.front() != kSealed) return sealed;
    std::string_view rest = std::string_view(sealed).substr(1);
    if (rest.size() < kNonceSize + kTagSize) return damaged(key);
    auto nonce = rest.substr(0, kNonceSize);
    auto text = rest.substr(kNonceSize, rest.size() - kNonceSize - kTagSize);
    std::string tag(rest.substr(rest.size() - kTagSize));
    std::string value(text.size(), '\0');
    auto cipher = make_cipher();
    int written = 0;
    bool good =
        cipher != nullptr &&
        EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, cipher_key_.data(), bytes_of(nonce)) == 1 &&
        EVP_DecryptUpdate(cipher.get(), nullptr, &written, bytes_of(key), size_of(key)) == 1 &&
        EVP_DecryptUpdate(cipher.get(), bytes_of(value), &written, bytes_of(text), size_of(text)) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, bytes_of(tag)) == 1 &&
        EVP_DecryptFinal_ex(cipher.get(), bytes_of(value) + value.size(), &written) == 1;
    if (!good) return damaged(key);
    return value;
  }

  static std::unexpected<Error> damaged(std::string_view key) {
    return fail(problem::kStoreKey,
                "the record '" + std::string(key) +
                    "' is damaged, or was sealed with another store-key than this data folder has now: "
                    "put the file back that was there when it was written");
  }

  std::unique_ptr<Store> under_;
  Bytes cipher_key_;
  Bytes nonce_key_;
};

}  // namespace

Result<std::unique_ptr<Store>> seal(std::unique_ptr<Store> under, const Secret& key) {
  if (key.reveal().size() != kKeySize) {
    return fail(ErrorCode::InvalidArgument, "the key of a store has " + std::to_string(kKeySize) + " bytes, not " +
                                                std::to_string(key.reveal().size()));
  }
  return std::make_unique<SealedStore>(std::move(under), key.reveal());
}

}  // namespace virga::store
